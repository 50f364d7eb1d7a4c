"""Other work on hosts is told before a load begins, with who does it. The host is this machine (`connection: local`), the work real."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from aibenchrt.control.cluster.playbooks import Playbooks, Replies
from aibenchrt.control.cluster.quiet import LOOK_TASK, tell_other_work
from aibenchrt.progress import silent
from paths import ROOT
from strangers import strangers

S = 1_000_000_000
GENERATED = ROOT / "generated" / "ecommerce" / "ansible"


def reply(busy_us: int, *busiest: tuple[str, int, int]) -> str:
    """Of two processors over two seconds."""
    first = {"time_ns": S, "samples": [], "machine": [0, 0, 0, -1]}
    looked = {"total_us": 4_000_000, "busiest": busiest}
    last = {"time_ns": 3 * S, "samples": [], "machine": [busy_us, 0, 4_000_000, -1], "looked": looked}
    return json.dumps(first) + "\n" + json.dumps(last)


def test_hosts_that_do_other_work_are_named_with_who_does_it(capsys: pytest.CaptureFixture[str]) -> None:
    replies = {
        "h1": reply(2_000_000, ("cc1plus", 7, 1_800_000)),
        "h2": reply(100_000),
        "h3": reply(1_000_000, ("\x1b[2J\nVALID", 8, 800_000)),
    }
    tell_other_work(replies)
    said = capsys.readouterr().err
    assert said.startswith("warning: other work takes 50.0 % of h1 (cc1plus 45.0 %), 25.0 % of h3 (\\x1b[2J\\nVALID 20.0 %); above 5 %")
    assert "V16" in said
    assert "h2" not in said


@pytest.mark.parametrize("answer", ["[1]", '{"machine": 1}', "[" * 5000, "x" * (2 << 20), '{"time_ns": -1e400}'])
def test_a_reply_that_is_none_stops_nothing(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell_other_work({"h1": answer, "h2": reply(2_000_000)})
    said = capsys.readouterr().err
    assert "warning: what h1 says of its other work cannot be read: " in said
    assert "other work takes 50.0 % of h2;" in said


def test_nothing_is_said_of_quiet_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    tell_other_work({"h1": reply(100_000), "h2": "", "h3": json.dumps({"time_ns": 1})})
    assert capsys.readouterr().err == ""


def test_the_generated_playbook_asks_each_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it was compiled, but that this machine is the host: without another user, and with the Python of the tests."""
    _, play = yaml.safe_load((GENERATED / "look.yml").read_text())
    (task,) = play["tasks"]
    assert task["name"] == LOOK_TASK
    play |= {"hosts": "all", "become": False, "connection": "local"}
    (tmp_path / "ansible").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "ansible" / "look.yml").write_text(yaml.safe_dump([play]))
    (tmp_path / "shipment.json").write_text("{}")
    (tmp_path / "python" / "bin").mkdir(parents=True)
    python = tmp_path / "python" / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "hosts.ini").write_text(f"[nodes]\na\n[nodes:vars]\nansible_python_interpreter={sys.executable}\n")
    variables = {
        "aibench_shipment": str(tmp_path),
        "aibench_users": {"watch": str(os.getuid())},
        "aibench_environment": str(tmp_path / "python"),
        "aibench_scenario": "shop",
    }
    replies = Replies(LOOK_TASK)
    books = Playbooks(tmp_path / "ansible", tmp_path / "hosts.ini", tmp_path / "logs", tmp_path / ".ansible", silent)
    with strangers(os.cpu_count() or 1, "busy stranger"):
        assert books.play("look.yml", variables, replies=replies) == []
    assert list(replies.of) == ["a"]
    tell_other_work(replies.of)
    said = capsys.readouterr().err
    assert "of a (" in said
    assert "busy stranger " in said
