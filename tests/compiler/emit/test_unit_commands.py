"""Every command line, as a run on one machine and as a unit on a host gives it, is one that its program understands."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aibenchc.emit.unit_commands import joined, unit_commands, unit_line, unit_word
from aibenchrt.certificate_files import CA, CALLERS, CERT, KEY, SERVERS
from aibenchrt.command_lines import CommandLine, GeneratorInput, TritonTrace, generator, planner, service, triton, watched_triton
from aibenchrt.load.__main__ import arguments_parser as generator_arguments
from aibenchrt.planner.__main__ import arguments_parser as planner_arguments
from aibenchrt.serve.service_host import arguments_parser as service_arguments
from aibenchrt.serve.watched_triton import arguments_parser as watched_arguments
from jinja2 import Environment, StrictUndefined
from paths import ROOT

SENT = GeneratorInput("g", "s.parquet", "p.parquet", "a:1,b:2", "out", 1.0, 2.5, 0.0)
HOST = {
    "aibench_environment": "/opt/env",
    "aibench_root": "/opt/aibench",
    "aibench_state": "/var/lib/aibench",
    "aibench_secrets": "/etc/aibench",
    "aibench_run": "shop-1",
    "aibench_targets": "192.0.2.1:21000,192.0.2.2:21000",
    "aibench_warmup_s": 10.0,
    "aibench_duration_s": 60.0,
    "aibench_think_s": 0.0,
    "aibench_generators": 2,
    "aibench_archives": {name: f"{name}-1" for name in ("scenario", "load", "backends", "libraries-triton", "prepared-find")},
    "aibench_repositories": {"triton": ["rank-1", "category-1"]},
    "item": SimpleNamespace(name="triton", task="find", replica=1, address="192.0.2.1", listens=21003, host="h1"),
}


def on_a_host(template: str, **changed: Any) -> list[str]:
    text = Environment(undefined=StrictUndefined, trim_blocks=True).from_string(template).render({**HOST, "aibench_tls": True, **changed})
    assert "{" not in text.replace("${INVOCATION_ID}", "")
    return shlex.split(text)


def parsed(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """The arguments as the program itself parses them."""
    assert words[1] == "-m"
    return parser.parse_args(words[3:])


def test_programs_understand_the_lines_of_a_run_on_one_machine() -> None:
    read = parsed(planner_arguments(), planner(sys.executable, Path("g"), "a:1", "c.jsonl", 2, plan="p.json", sockets="/t/s").words)
    assert (read.generated, read.address, read.records, read.replica, read.plan, read.tls, read.sockets) == (
        Path("g"), "a:1", Path("c.jsonl"), 2, Path("p.json"), None, Path("/t/s"),
    )  # fmt: skip
    read = parsed(service_arguments(), service(sys.executable, "g", "find", "a:1", "prepared", "state", sockets="/t/s").words)
    assert (read.task, read.address, read.prepared, read.state, read.tls) == ("find", "a:1", Path("prepared"), Path("state"), None)
    assert read.sockets == Path("/t/s")
    read = parsed(generator_arguments(), generator(sys.executable, SENT, timeout_s=7.5, sockets="/t/s").words)
    assert read.sockets == Path("/t/s")
    assert (read.target, read.warmup, read.duration, read.think, read.timeout, read.shard) == ("a:1,b:2", 1.0, 2.5, 0.0, 7.5, (0, 1))


@pytest.mark.parametrize("tls", [True, False])
def test_programs_understand_the_lines_of_units(tls: bool) -> None:
    commands = unit_commands()
    read = parsed(planner_arguments(), on_a_host(commands.planner, aibench_tls=tls))
    assert (read.address, read.replica, read.tls) == ("192.0.2.1:21003", 1, Path("/etc/aibench/tls/planner") if tls else None)
    read = parsed(service_arguments(), on_a_host(commands.service, aibench_tls=tls))
    assert (read.task, read.prepared) == ("find", Path("/var/lib/aibench/prepared-find-1"))
    assert read.tls == (Path("/etc/aibench/tls/service") if tls else None)
    read = parsed(generator_arguments(), on_a_host(commands.generator, aibench_tls=tls))
    assert (read.shard, read.duration, read.start_file) == ((1, 2), 60.0, Path("/var/lib/aibench/runs/shop-1/start"))
    alone = SimpleNamespace(**{**vars(HOST["item"]), "host": ""})  # type: ignore[call-overload]
    assert parsed(generator_arguments(), on_a_host(commands.generator, item=alone)).start_file is None


@pytest.mark.parametrize("tls", [True, False])
def test_triton_gets_the_same_flags_in_a_unit_as_by_itself(tls: bool) -> None:
    folder = "/etc/aibench/tls/triton" if tls else None
    repositories = ["/opt/aibench/rank-1", "/opt/aibench/category-1"]
    trace = TritonTrace("/var/lib/aibench/runs/shop-1/triton/triton_trace-1-${INVOCATION_ID}.json", 50)
    server = "/opt/aibench/libraries-triton-1/pytriton/tritonserver/bin/tritonserver"
    direct = triton(server, repositories, "/opt/aibench/backends-1", "192.0.2.1", 21003, trace, tls=folder)
    read = parsed(watched_arguments(), on_a_host(unit_commands().triton, aibench_tls=tls))
    assert read.command == direct.words
    assert (read.address, read.tls) == ("192.0.2.1:21003", Path("/etc/aibench/tls/keeper") if tls else None)
    assert read.lines == Path("/var/lib/aibench/runs/shop-1/triton/watched-1-${INVOCATION_ID}.jsonl")
    assert watched_triton("python", direct, "a:1", "l.jsonl").words[-len(direct.words) - 1 :] == ["--", *direct.words]
    assert ("--grpc-use-ssl-mutual=1" in direct.words) == tls
    asked = triton(server, repositories[:1], "b", "127.0.0.1", 1, TritonTrace("t.json"), memory="m").words
    assert {"--model-control-mode=none", "--backend-config=python,shm-region-prefix-name=m"} <= set(asked)
    assert not any("log-frequency" in word for word in asked)


def test_a_host_that_listens_elsewhere_is_still_named_by_the_address_at_which_it_is_called() -> None:
    commands, floating = unit_commands(), {"aibench_bind_address": "10.0.0.1"}
    for command, parser in ((commands.planner, planner_arguments()), (commands.service, service_arguments())):
        read = parsed(parser, on_a_host(command, **floating))
        assert (read.address, read.bind) == ("192.0.2.1:21003", "10.0.0.1")
        assert parsed(parser, on_a_host(command)).bind is None
    unit = on_a_host(commands.triton, **floating)
    assert "--grpc-address=10.0.0.1" in unit
    assert parsed(watched_arguments(), unit).address == "10.0.0.1:21003", "a host may not reach itself at its floating address"


def test_templates_name_only_files_that_certificates_have() -> None:
    names = {name for path in (ROOT / "templates").rglob("*.j2") for name in re.findall(r"[\w-]+\.pem", path.read_text(encoding="utf-8"))}
    assert names
    assert names <= {CA, CALLERS, CERT, KEY, SERVERS}


@pytest.mark.parametrize("text", ["a b", "50%", "$HOME", 'a"b', "a'b", "a\\b", "{{a}}", "{% x %}", "a;b"])
def test_a_word_that_means_something_else_to_systemd_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be a word of a unit file"):
        unit_word(text)
    with pytest.raises(ValueError, match="cannot be a word of a unit file"):
        unit_line(CommandLine(("program",), (("--option", text),)))


def test_an_option_with_a_condition_is_one_expression() -> None:
    assert joined(" --tls {{ a }}/b") == "' --tls ' ~ a ~ '/b'"
    line = unit_line(CommandLine(("p",), (("--x", "{{ a }}"), ("--y=1",))), {"--x": "c"}, {"--y": ("n", "names")})
    assert line == "p{{ ' --x ' ~ a if c else '' }}{% for n in names %} --y=1{% endfor %}"
