"""Playbooks through ansible-runner, on this machine by `connection: local`: what is told, what fails, what an interruption leaves."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from aibenchrt.control.cluster.playbooks import Playbooks, failure
from aibenchrt.control.journal import Journal
from aibenchrt.errors import EnvironmentFailure
from seen_processes import processes_about

PLAY = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
"""


def playbooks(folder: Path, tasks: str, told: list[tuple[str, float]] | None = None) -> Playbooks:
    (folder / "ansible").mkdir()
    (folder / "logs").mkdir()
    (folder / "ansible" / "go.yml").write_text(PLAY + tasks)
    (folder / "inventory.ini").write_text(f"[nodes]\na\nb\n[nodes:vars]\nansible_python_interpreter={sys.executable}\n")
    say = told if told is not None else []
    return Playbooks(folder / "ansible", folder / "inventory.ini", folder / "logs", folder / ".ansible", lambda *a: say.append(a))


def test_tasks_are_told_and_variables_arrive(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    task = '    - name: Write\n      ansible.builtin.copy: { content: "{{ what }}", dest: "{{ where }}/{{ inventory_hostname }}" }\n'
    failures = playbooks(tmp_path, task, told).play("go.yml", {"what": 'it\'s "this"\n', "where": str(tmp_path)})
    assert failures == []
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == 'it\'s "this"\n'
    assert [text for text, _ in told] == ["go: Write", "go: done"]
    assert told[-1][1] == 1.0
    assert "TASK [Write]" in (tmp_path / "logs" / "go.log").read_text()
    assert not (tmp_path / ".ansible").exists(), "ansible-runner keeps the environment of this process there"


def test_a_failed_task_names_host_task_message_and_log(tmp_path: Path) -> None:
    task = "    - name: Break\n      ansible.builtin.command: sh -c 'echo no disk >&2; exit 3'\n      when: inventory_hostname == 'b'\n"
    failures = playbooks(tmp_path, task).play("go.yml", {})
    assert [(f.host, f.task, f.unreachable) for f in failures] == [("b", "Break", False)]
    raised = failure("go.yml", failures, tmp_path / "logs")
    assert raised.code == "AIB633"
    assert "b failed at 'Break': non-zero return code\nno disk" in raised.message
    assert str(tmp_path / "logs" / "go.log") in raised.hint


def test_a_playbook_that_is_none_is_a_coded_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB691"):
        playbooks(tmp_path, "    - no_such_module: {}\n").play("go.yml", {})


def test_an_interruption_ends_the_playbook(tmp_path: Path) -> None:
    task = f"    - name: Wait\n      ansible.builtin.wait_for: {{ path: {tmp_path}/never, timeout: 3600 }}\n"
    told: list[tuple[str, float]] = []
    made = playbooks(tmp_path, task, told)

    def interrupt() -> None:
        while not told:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        made.play("go.yml", {})
    thread.join()
    assert processes_about(tmp_path) == []


def test_a_journal_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    first = Journal(path)
    with first.stage("prepare"):
        pass
    with pytest.raises(KeyboardInterrupt), first.stage("deploy"):
        raise KeyboardInterrupt
    text = json.loads(path.read_text())
    text[1]["outcome"] = "running"  # as left by a control host that was killed
    path.write_text(json.dumps(text))
    again = Journal(path, passed_s=100.0)
    assert (again.done("prepare"), again.done("deploy"), again.begun("deploy"), again.begun("load")) == (True, False, True, False)
    assert again.entries[1].outcome == "interrupted"
    with again.stage("deploy"):
        pass
    with again.stage("load"):
        pass
    again.amend("load", "half of it")
    assert (again.done("deploy"), again.done("load")) == (True, False)
    assert [e.outcome for e in Journal(path).entries] == ["ok", "interrupted", "ok", "failed"]
    assert again.entries[2].started_s > 100
