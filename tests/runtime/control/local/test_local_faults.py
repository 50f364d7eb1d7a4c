"""What becomes of a local run when one of its parts hangs or is killed: it ends, says which part it was, and is INVALID. Real Triton."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.components.indexing import service as indexing
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.local import keeper
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan
from aibenchrt.report import validate
from observed_run import requests_ended, wait_until
from paths import TEST_SPECS
from seen_processes import descendants, processes_about
from shop_plan import free_ports

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ItemWorld

SPEC = TEST_SPECS / "two_tasks.aib"
SEARCH = TEST_SPECS / "small.aib"
STUB = "triton_python_backend_stub"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(SPEC, tmp_path_factory.mktemp("compiled") / "two_tasks")


def compiled(spec: Path, folder: Path) -> Path:
    assert main(["compile", str(spec), "--out", str(folder)]) == 0
    return folder


def part(program: str) -> psutil.Process:
    """The only process that we have started, and its parts, whose command's first words name `program`."""
    (seen,) = (seen for seen in descendants() if any(program in word for word in seen.command[:3]))
    return seen.process


def run_with(generated: Path, runs: Path, fault: Callable[[], None], **options: Any) -> EnvironmentFailure | None:
    """The failure that the run raises, if any, when the fault happens while requests are being answered."""
    failure = None

    def act() -> None:
        wait_until(lambda: requests_ended(runs) > 40)  # of 20 a second after a warm-up of one
        fault()

    actor = threading.Thread(target=act)
    actor.start()
    given = {"duration_s": 8.0, "warmup_s": 1.0, "ports_from": free_ports(1)[0], "supplement": False, "timeout_s": 2.0} | options
    try:
        run_local(generated, runs, RunOptions("synthetic", "tiny", 20.0, **given))
    except EnvironmentFailure as raised:
        failure = raised
    actor.join()
    assert processes_about(runs) == []
    assert not [seen for seen in descendants() if "triton" in seen.name]
    return failure


def failure_with(generated: Path, runs: Path, fault: Callable[[], None], **options: Any) -> EnvironmentFailure:
    failure = run_with(generated, runs, fault, **options)
    assert failure is not None
    return failure


def judged(runs: Path) -> tuple[Run, set[str]]:
    """The only run, and the codes why it is INVALID."""
    (directory,) = runs.iterdir()
    verdict = validate(directory)
    assert verdict.exit_code == 3
    return read_run(directory), {reason.code for reason in verdict.reasons}


def shared_memory_of(process: psutil.Process) -> list[Path]:
    (prefix,) = (word.rpartition("=")[2] for word in process.cmdline() if "shm-region-prefix-name" in word)
    return list(Path("/dev/shm").glob(f"{prefix}*"))


def reason(runs: Path, code: str) -> str:
    """What the verdict observed."""
    (directory,) = runs.iterdir()
    return next(reason.observed for reason in validate(directory).reasons if reason.code == code)


@pytest.mark.long
def test_a_triton_that_hangs_does_not_hang_the_run(generated: Path, tmp_path: Path) -> None:
    failure = failure_with(generated, tmp_path, lambda: part("tritonserver").suspend(), answer_s=100.0)  # it ends before that is noticed
    assert failure.code == "AIB658"
    assert "Triton returns no statistics" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V07"} <= codes
    assert run.info.outcome == "failed"
    assert next(s for s in run.info.stages if s.name == "stop").detail.startswith("AIB658: Triton returns no statistics")
    assert any(r.outcome == "ok" for r in run.requests)


class Stopped:
    """A fault that sends a signal to the only process of a model, and remembers its pid."""

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.pid = number, 0

    def __call__(self) -> None:
        stub = part(STUB)
        self.pid = stub.pid
        stub.send_signal(self.number)


def test_a_killed_process_of_a_model_is_named_with_its_signal(generated: Path, tmp_path: Path) -> None:
    fault = Stopped(signal.SIGSEGV)
    assert run_with(generated, tmp_path, fault, duration_s=5.0) is None
    run, codes = judged(tmp_path)
    assert "V02" in codes
    dead = next(p for p in run.info.processes if p.pid == fault.pid)
    assert (dead.model, dead.exit_code, dead.died, dead.reason) == ("category", -signal.SIGSEGV, True, "signal 11 (SIGSEGV)")
    (outage,) = run.info.outages
    assert outage.reason == f"the process of model 'category' (pid {fault.pid}): signal 11 (SIGSEGV)"
    assert f"model 'category' of triton: {dead.reason}; triton did not serve from second " in reason(tmp_path, "V02")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSTOP, signal.SIGKILL])
def test_a_triton_whose_model_died_or_hangs_is_started_again_and_serves(generated: Path, tmp_path: Path, number: signal.Signals) -> None:
    fault = Stopped(number)
    assert run_with(generated, tmp_path, fault, duration_s=30.0, answer_s=1.5) is None
    run, codes = judged(tmp_path)
    assert run.info.outcome == "completed"
    assert "V02" in codes
    (outage,) = run.info.outages
    named = f"the process of model 'category' (pid {fault.pid}): signal {number:d} ({number.name})"
    assert outage.reason == ("model 'category' answers no inference within 1.5 s" if number == signal.SIGSTOP else named)
    assert outage.until_ns is not None
    # From the first answer on: how long a planner takes to reconnect is a question of how busy the machine is.
    again = min(r.done_ns for r in run.requests if r.outcome == "ok" and r.sent_ns > outage.until_ns)
    after = [r for r in run.requests if r.sent_ns > again]
    assert {r.outcome for r in after} == {"ok"}
    failed = sum(r.outcome != "ok" for r in run.requests)
    assert failed > 0
    assert f"({outage.reason}): {failed} requests failed meanwhile" in reason(tmp_path, "V02")
    triton = next(p for p in run.info.processes if p.name == "triton")
    assert (triton.restarts, triton.died) == (1, True)
    assert [p.model for p in run.info.processes if p.model] == ["category", "category"]
    assert int(run.triton["category"]["inference_count"]) >= len(after)


@pytest.mark.long
def test_a_triton_that_dies_again_and_again_is_given_up(generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RESTART_DELAYS_S", (0.1, 0.1))
    killed: set[int] = set()

    def kill_each() -> None:
        while len(killed) < 3:
            for server in (seen for seen in descendants() if seen.name == "tritonserver" and seen.pid not in killed):
                killed.add(server.pid)
                server.process.kill()
            time.sleep(0.05)

    failure = failure_with(generated, tmp_path, kill_each, duration_s=60.0)
    assert failure.code == "AIB607"
    assert "triton exited prematurely (signal 9 (SIGKILL))" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V02"} <= codes
    assert run.info.outages[-1].until_ns is None
    assert next(p.restarts for p in run.info.processes if p.name == "triton") == 2


@pytest.mark.long
def test_a_killed_triton_leaves_no_shared_memory(generated: Path, tmp_path: Path) -> None:
    regions: list[Path] = []

    def kill() -> None:
        server = part("tritonserver")
        regions.extend(shared_memory_of(server))
        server.kill()

    assert run_with(generated, tmp_path, kill, duration_s=5.0) is None
    assert regions
    assert not [region for region in regions if region.exists()]
    assert f"triton: signal {signal.SIGKILL:d} (SIGKILL)" in reason(tmp_path, "V02")


@pytest.mark.long
def test_a_killed_generator_leaves_what_had_ended(generated: Path, tmp_path: Path) -> None:
    failure = failure_with(generated, tmp_path, lambda: part("aibenchrt.load").kill())
    assert failure.code == "AIB607"
    assert "generator exited prematurely" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V02", "V06", "V10"} <= codes
    assert len(run.measured) > 0
    assert len(run.measured) < sum(row.phase == "measured" for row in run.schedule)


def test_a_system_that_answers_nothing_is_not_measured(tmp_path: Path) -> None:
    """Everything works, and no answer holds anything, because the search has no goods: found by the requests before the load."""

    def without_goods(plan: Plan, options: RunOptions, into: Path) -> Assets:
        assets = prepare(plan, options, into)
        for stage in (stage for step in plan.steps for stage in step.stages if stage.component == "indexing"):
            folder = assets.prepared / stage.name
            folder.unlink()  # a link to the cache, which stays as it is
            folder.mkdir()
            indexing.prepare(cast("ItemWorld", SimpleNamespace(items=())), stage.settings, folder)
        return assets

    search = compiled(SEARCH, tmp_path / "small")
    with pytest.raises(EnvironmentFailure, match="every answer to a 'text' request holds nothing") as failure:
        run_local(search, tmp_path / "runs", RunOptions("synthetic", "tiny", ports_from=free_ports(1)[0]), without_goods)
    assert failure.value.code == "AIB711"
    run, codes = judged(tmp_path / "runs")
    assert [stage.name for stage in run.info.stages if stage.outcome == "failed"] == ["warmup"]
    assert run.requests == ()
    assert "V01" in codes


@pytest.mark.long
def test_a_trace_is_part_of_what_is_compiled_and_is_what_is_sent(tmp_path: Path) -> None:
    offsets = [0.3, 1.2, 1.2, 1.9, 2.05, 2.8, 9.0]
    (tmp_path / "monday.txt").write_text("".join(f"{offset}\n" for offset in offsets))
    spec = tmp_path / "traced.aib"
    spec.write_text(SPEC.read_text().replace("poisson 10/s, for 6 s, warmup 2 s", 'trace "monday.txt", for 2 s, warmup 1 s'))
    out = tmp_path / "out"
    for _ in range(2):  # again: the trace in the folder is one of ours
        assert main(["compile", str(spec), "--out", str(out)]) == 0
    (tmp_path / "monday.txt").unlink()
    directory = run_local(out, tmp_path / "runs", RunOptions("synthetic", "tiny", ports_from=free_ports(1)[0], supplement=False))
    run = read_run(directory)
    start = run.info.load.window_start_ns - 1_000_000_000
    assert [round((r.intended_ns - start) / 1e9, 6) for r in run.requests] == offsets[:-1]
    assert [r.phase for r in run.requests] == ["warmup"] + 5 * ["measured"]
    assert {r.outcome for r in run.requests} == {"ok"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert "monday.txt" in manifest["inputs"]["sources"]
    assert f"trace {run.plan.load.trace}" in run.info.fingerprint.load


def test_a_run_that_was_interrupted_before_it_measured_anything_is_invalid(generated: Path, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    options = RunOptions("synthetic", "tiny", ports_from=free_ports(1)[0], progress=lambda *_: interrupt())
    with pytest.raises(KeyboardInterrupt):
        run_local(generated, tmp_path, options)
    run, codes = judged(tmp_path)
    assert run.measured == ()
    assert {"V01", "V08"} <= codes
