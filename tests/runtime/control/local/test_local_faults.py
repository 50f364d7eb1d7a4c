"""What becomes of a local run when one of its parts hangs or is killed: it ends, says which part it was, and is INVALID. Real Triton."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report import validate
from observed_run import requests_ended, wait_until
from paths import TEST_SPECS
from scenario import processes_about
from shop_plan import free_ports

SPEC = TEST_SPECS / "small.aib"
STUB = "triton_python_backend_stub"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled") / "small"
    assert main(["compile", str(SPEC), "--out", str(folder)]) == 0
    return folder


def part(program: str) -> psutil.Process:
    """The only process that we have started, and its parts, whose command's first words name `program`."""
    (process,) = (p for p in psutil.Process().children(recursive=True) if any(program in word for word in p.cmdline()[:3]))
    return process


def run_with(generated: Path, runs: Path, fault: Callable[[], None]) -> EnvironmentFailure:
    """The failure that the run raises if the fault happens while requests are being answered."""

    def act() -> None:
        wait_until(lambda: requests_ended(runs) > 40)  # of 20 a second after a warm-up of one
        fault()

    actor = threading.Thread(target=act)
    actor.start()
    options = RunOptions(
        "synthetic", "tiny", 20.0, duration_s=8.0, warmup_s=1.0, ports_from=free_ports(1)[0], supplement=False, timeout_s=2.0
    )
    with pytest.raises(EnvironmentFailure) as failure:
        run_local(generated, runs, options)
    actor.join()
    assert processes_about(runs) == []
    assert not [p for p in psutil.Process().children(recursive=True) if "triton" in p.name()]
    return failure.value


def judged(runs: Path) -> tuple[Run, set[str]]:
    """The only run, and the codes why it is INVALID."""
    (directory,) = runs.iterdir()
    verdict = validate(directory)
    assert verdict.exit_code == 3
    return read_run(directory), {reason.code for reason in verdict.reasons}


def shared_memory_of(process: psutil.Process) -> list[Path]:
    (prefix,) = (word.rpartition("=")[2] for word in process.cmdline() if "shm-region-prefix-name" in word)
    return list(Path("/dev/shm").glob(f"{prefix}*"))


def test_a_triton_that_hangs_does_not_hang_the_run(generated: Path, tmp_path: Path) -> None:
    failure = run_with(generated, tmp_path, lambda: part("tritonserver").suspend())
    assert failure.code == "AIB658"
    assert "Triton returns no statistics" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V07"} <= codes
    assert run.info.outcome == "failed"
    assert next(s for s in run.info.stages if s.name == "stop").detail.startswith("AIB658: Triton returns no statistics")
    assert any(r.outcome == "ok" for r in run.requests)


def test_a_killed_process_of_a_model_ends_the_run_and_is_named(generated: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill() -> None:
        stub = part(STUB)
        killed.append(stub.pid)
        stub.kill()

    failure = run_with(generated, tmp_path, kill)
    named = f"the process of model 'category' (pid {killed[0]})"
    assert failure.code == "AIB607"
    assert f"{named} of triton exited prematurely" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V02"} <= codes
    assert [(p.name, p.reason) for p in run.info.processes if p.died] == [("triton", f"{named} ended")]


def test_a_killed_triton_leaves_no_shared_memory(generated: Path, tmp_path: Path) -> None:
    regions: list[Path] = []

    def kill() -> None:
        server = part("tritonserver")
        regions.extend(shared_memory_of(server))
        server.kill()

    failure = run_with(generated, tmp_path, kill)
    assert failure.code == "AIB607"
    assert f"triton exited prematurely (signal {signal.SIGKILL:d})" in failure.message
    assert regions
    assert not [region for region in regions if region.exists()]
    assert "V02" in judged(tmp_path)[1]


def test_a_killed_generator_leaves_what_had_ended(generated: Path, tmp_path: Path) -> None:
    failure = run_with(generated, tmp_path, lambda: part("aibenchrt.load").kill())
    assert failure.code == "AIB607"
    assert "generator exited prematurely" in failure.message
    run, codes = judged(tmp_path)
    assert {"V01", "V02", "V06", "V10"} <= codes
    assert len(run.measured) > 0
    assert len(run.measured) < sum(row.phase == "measured" for row in run.schedule)


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
