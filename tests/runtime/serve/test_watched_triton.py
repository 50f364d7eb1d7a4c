"""The unit of a host's Triton, as systemd starts it: a model that hangs or whose process dies ends it, and the records say which.

Real servers and certificates, and the command line of the generated unit; only systemd is this test.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import psutil
import pytest
from aibenchc.emit.unit_commands import unit_commands
from aibenchrt.collect.server_lines import outages_of, read_server_lines, server_files
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.control.local.triton import backends, environment, library_folders
from aibenchrt.plan import step_json
from aibenchrt.serve import models_answer
from aibenchrt.serve.model_check import check_request, is_answer
from aibenchrt.serve.model_processes import model_processes
from aibenchrt.serve.watched_triton import TRACE, Traces
from aibenchrt.wire.tls import Identity, open_channel
from jinja2 import Environment, StrictUndefined
from observed_run import wait_until
from shop_plan import free_ports, generate, shop_plan
from tritonclient.grpc import service_pb2_grpc

TASK = "category"
STEP = next(step for step in shop_plan().steps if step.task == TASK)
ANSWER_S = 10.0  # of the unit
ANSWERS = """
from aibenchrt.serve import models

models.open_stage = lambda stage, weights: lambda inputs: {"category": {"label": [1], "probability": [1.0]}}
from aibenchrt.serve.triton_backend import TritonPythonModel
"""
NEVER_ANSWERS = ANSWERS.replace("lambda inputs: {", "lambda inputs: __import__('time').sleep(3600) or {")


class Host:
    """The folders of a host, and its unit."""

    def __init__(self, folder: Path, model: str) -> None:
        generated = generate(shop_plan(), folder / "generated")
        version = folder / "root" / "model-category-1" / TASK / "1"
        version.mkdir(parents=True)
        (version.parent / "config.pbtxt").write_bytes((generated / "triton" / TASK / "config.pbtxt").read_bytes())
        (version / "model.py").write_text(model)
        (version / "step.json").write_text(step_json(shop_plan(), STEP))
        (folder / "root" / "libraries").symlink_to(library_folders()[1].parent)  # site-packages
        (folder / "root" / "backends").symlink_to(backends())
        parties = {f"{role}/h1": ["127.0.0.1"] for role in ("triton", "keeper", "check", "planner")} | {"keeper/h2": ["127.0.0.1"]}
        self.certificates = certify(folder / "certificates", parties, 30)
        (folder / "secrets").mkdir()
        (folder / "secrets" / "tls").symlink_to(folder / "held")
        (folder / "held").mkdir()
        for role in ("triton", "keeper", "check"):
            (folder / "held" / role).symlink_to(self.certificates / role / "h1")
        self.records = folder / "state" / "runs" / "run" / "triton"
        self.records.mkdir(parents=True)
        self.folder, self.port, self.starts = folder, free_ports(1)[0], 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """stderr of the last start."""
        return self.folder / "log"

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """ExecStart of the unit, once. As systemd does with KillMode=mixed, it kills what is left at the end."""
        self.starts += 1
        environment_of = {**environment(self.address), "INVOCATION_ID": f"start{self.starts}", "PYTHONPATH": ":".join(sys.path)}
        words = [os.path.expandvars(word.replace("${INVOCATION_ID}", f"start{self.starts}")) for word in self.command()]
        with self.log.open("wb") as log:
            unit = subprocess.Popen(words, env=environment_of, stderr=log, start_new_session=True)
        try:
            yield unit
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(unit.pid, signal.SIGKILL)
            unit.wait()

    def command(self) -> list[str]:
        values: dict[str, Any] = {
            "aibench_environment": self.folder / "environment",
            "aibench_root": self.folder / "root",
            "aibench_state": self.folder / "state",
            "aibench_secrets": self.folder / "secrets",
            "aibench_run": "run",
            "aibench_archives": {"backends": "backends", "libraries-triton": "libraries"},
            "aibench_repositories": {"triton": ["model-category-1"]},
            "aibench_tls": True,
            "item": SimpleNamespace(name="triton", replica=0, address="127.0.0.1", listens=self.port),
        }
        text = Environment(undefined=StrictUndefined, trim_blocks=True).from_string(str(unit_commands().triton)).render(values)
        return [sys.executable, *shlex.split(text)[1:]]

    def serves(self) -> bool:
        """Whether the watch of the last start has had an answer of every model."""
        path = self.records / f"watched-0-start{self.starts}.jsonl"
        return path.exists() and any(not line.died for line in read_server_lines(path))

    def lines(self) -> list[Any]:
        return [line for path in server_files(self.records, 0) for line in read_server_lines(path)]


def stub(unit: subprocess.Popen[bytes]) -> psutil.Process:
    (member,) = model_processes(unit.pid)
    assert member.model == TASK
    return member.process


def asked(host: Host, party: str) -> grpc.RpcError | None:
    """What an inference with that party's certificate gets, None for an answer."""
    with open_channel(host.address, Identity.read(host.certificates / party), "triton") as channel:
        future: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer.future(check_request(STEP), timeout=30)
        error: grpc.RpcError | None = future.exception()
        return error


def test_a_server_of_which_a_model_hangs_or_dies_is_ended_and_started_again(tmp_path: Path) -> None:
    host = Host(tmp_path, ANSWERS)
    began = time.monotonic_ns()
    with host.started() as unit:
        wait_until(host.serves)
        assert asked(host, "planner/h1") is None
        assert asked(host, "keeper/h1") is None
        assert not is_answer(asked(host, "keeper/h2")), "the keeper of another host asks nothing here"
        stopped = time.monotonic_ns()
        stub(unit).send_signal(signal.SIGSTOP)
        assert unit.wait(6 * ANSWER_S) == 1, "systemd starts it again"
        said = host.log.read_text().splitlines()[-1]
    assert said == f"model '{TASK}' answers no inference within {ANSWER_S:g} s"
    with host.started() as unit:
        wait_until(host.serves)
        process = stub(unit)
        died = time.monotonic_ns()
        process.kill()
        assert unit.wait(30) == 1
        killed = f"the process of model '{TASK}' (pid {process.pid}): signal 9 (SIGKILL)"
        assert host.log.read_text().splitlines()[-1] == killed
    with host.started() as unit:
        wait_until(host.serves)
        assert asked(host, "planner/h1") is None
        unit.send_signal(signal.SIGTERM)
        assert unit.wait(60) == 0, "told to end, as systemctl restart does"
    first, second = outages_of("triton", "h1", host.lines(), time.time_ns() - time.monotonic_ns(), (began, time.monotonic_ns()))
    assert (first.process, first.host, first.reason, first.restarts) == ("triton", "h1", said, 1)
    assert second.reason == killed
    assert stopped - ANSWER_S * 1e9 - 1e9 < first.from_ns < stopped + 1e9, "since its last answer, or the check after that"
    assert first.until_ns is not None
    assert second.until_ns is not None
    assert first.from_ns < first.until_ns < died - 1e6 < second.from_ns + 1e9
    assert second.from_ns < second.until_ns


def test_a_deployment_hears_which_model_answers_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, NEVER_ANSWERS)
    words = [host.address, f"--model-repository={tmp_path / 'root' / 'model-category-1'}", "--tls", str(host.certificates / "check" / "h1")]
    with host.started():
        with open_channel(host.address, Identity.read(host.certificates / "check" / "h1"), "triton") as channel:
            grpc.channel_ready_future(channel).result(60)
        assert models_answer.main([*words, "--wait", "2"]) == 1
    assert capsys.readouterr().err == f"{host.address} is not well: model '{TASK}' answers no inference within 2 s\n"


def test_a_server_that_cannot_load_its_model_says_how_it_ended(tmp_path: Path) -> None:
    host = Host(tmp_path, "raise RuntimeError('no weights')\n")
    with host.started() as unit:
        assert unit.wait(60) == 1
        assert host.log.read_text().splitlines()[-1] == "Triton ended: exit code 1"
    (line,) = host.lines()
    assert line.died == "Triton ended: exit code 1"


def test_traces_of_checks_alone_go_and_those_of_a_load_stay(tmp_path: Path) -> None:
    """Triton 2.51 writes a trace for every inference; what is new since the last look may be in writing."""
    file = tmp_path / "triton_trace-0-abc.json"

    def trace(number: int, *requests: str) -> Path:
        path = tmp_path / f"{file.name}.{number}"
        named = [f'{{"id":{at},"model_name":"category","model_version":1,"request_id":"{name}"}}' for at, name in enumerate(requests)]
        path.write_text(f"[{','.join(named)}]")
        return path

    checks, mixed, also = trace(2, "check", "check"), trace(9, "check", "17"), trace(10, "check")
    strangers = [tmp_path / f"{file.name}.x", tmp_path / "triton_trace-1-abc.json.3", file]
    for path in strangers:
        path.write_text("[]")
    traces = Traces(file)
    traces.remove_checks()
    assert all(path.exists() for path in (checks, mixed, also, *strangers)), "none was there before"
    later = trace(11, "check")
    traces.remove_checks()
    assert [path.exists() for path in (checks, mixed, also, later, *strangers)] == [False, True, False, True, True, True, True]
    trace(12, "18")
    traces.remove_checks()
    assert [path.exists() for path in (mixed, later)] == [True, False]


def test_the_watch_knows_its_servers_traces() -> None:
    command = unit_commands().triton
    assert [word for word in shlex.split(str(command)) if word.startswith(TRACE)] != []
