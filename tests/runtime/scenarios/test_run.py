"""The whole e-commerce scenario by the command line: compile, train, serve behind Triton, load, collect. Minutes; no mock anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from paths import SPECS
from recorded import shown
from shop_plan import free_ports

SPEC = SPECS / "ecommerce.aib"
AIBENCHC = Path(sys.executable).with_name("aibenchc")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ecommerce")


def aibenchc_run(folder: Path, *more: str) -> Run:
    command = [str(AIBENCHC), "run", str(SPEC), "--out", str(folder / "generated"), "--runs", str(folder / "runs"), "--data", "synthetic"]
    command += ["--size", "tiny", "--rate", "20", "--duration", "15", "--warmup", "2", "--first-port", str(free_ports(1)[0]), *more]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return read_run(Path(ended.stdout.strip().splitlines()[-1]))


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return aibenchc_run(folder, "--supplement", "5")


def test_every_request_of_every_class_is_answered(run: Run) -> None:
    assert run.info.outcome == "completed"
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.schedule)}
    assert {r.request_class for r in run.requests} == {"text", "image"}
    assert {r.request_class for r in run.requests if r.phase == "supplement"} == {"image"}
    assert all(len(shown(r)) == len(set(shown(r))) > 0 for r in run.requests)


def test_every_task_worked_and_was_timed(run: Run) -> None:
    steps = {step.task: step for step in run.plan.steps}
    assert {call.task for call in run.calls} == set(steps)
    for call in run.calls:
        assert call.outcome == "ok", call
        assert call.ready_ns <= call.start_ns < call.end_ns
        assert 0 < call.service_ns <= call.end_ns - call.start_ns
        assert call.after or steps[call.task].phase == "response"
    traced = [call.queue_ns > 0 for call in run.calls if call.kind == "ai"]
    assert sum(traced) / len(traced) > 0.99  # Triton's own trace, joined by request id
    assert {task for task, step in steps.items() if step.kind == "ai"} == set(run.triton)


def test_repeated_requests_hit_the_cache_and_skip_the_models(run: Run) -> None:
    hits = {c.request_id for c in run.calls if "hit=1" in c.note}
    assert hits
    for request_id in hits:
        assert not {c.task for c in run.calls_of[request_id]} & {"category", "recommend", "rank"}


def test_the_stack_is_small_and_nothing_is_left(run: Run) -> None:
    peaks: dict[str, int] = {}
    for sample in run.resources:
        peaks[sample.process] = max(peaks.get(sample.process, 0), sample.rss_bytes)
    assert sum(peaks.values()) < 3 << 30
    assert all(not p.died for p in run.info.processes)
    assert not any(psutil.pid_exists(p.pid) for p in run.info.processes)


def test_a_second_run_starts_in_seconds_and_an_override_reaches_the_model(run: Run, folder: Path) -> None:
    again = aibenchc_run(folder, "--supplement", "0", "--replace", "rank=random")
    prepare = json.loads((again.directory / "journal.json").read_text())[0]
    assert prepare["ended_s"] - prepare["started_s"] < 20
    assert [m.override for m in again.info.models if m.task == "rank"] == ["random"]
    assert again.info.fingerprint.hash != run.info.fingerprint.hash
    first = {(r.request_class, r.payload): r.answer for r in run.measured}
    same = [first[key] == r.answer for r in again.measured if (key := (r.request_class, r.payload)) in first]
    assert len(same) > 50
    assert sum(same) / len(same) < 0.5
