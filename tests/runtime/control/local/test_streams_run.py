"""A load of streams on real processes, from the plan to the report: frames missed, dropped and jitter, streams that moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.plan import PlanJitterBound, PlanShareBound, PlanStreams
from aibenchrt.report import report
from aibenchrt.report.checks.consistency import consistency_checks
from aibenchrt.report.frames import frame_rows
from aibenchrt.report.make import make_report
from aibenchrt.report.recomputing import recompute
from exported import unpacked
from shop_plan import generate
from streams_plan import moving_numbers, streams_plan

LOAD = PlanStreams(streams=3, rate=20.0, duration_s=6.0, warmup_s=1.0, seed=7)
SLOW_MS = 400
SLO = (
    PlanShareBound(metric="missed", below=0.5),
    PlanShareBound(metric="dropped", below=0.000001),
    PlanJitterBound(below_ms=0.001),
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every tenth frame is slow; whatever else the machine does, it is not slower than the deadline of 200 ms for half of the frames."""
    folder = tmp_path_factory.mktemp("streams")
    with moving_numbers(folder / "site") as library:
        plan = streams_plan(library, LOAD, replicas=2, deadline_s=0.2, slo=SLO, slow_every=10, slow_ms=SLOW_MS)
        generate(plan, folder / "generated")
        yield run_local(folder / "generated", folder / "runs", RunOptions(variant="synthetic"))


@pytest.fixture
def run(directory: Path) -> Run:
    return read_run(directory)


def test_each_frame_says_which_of_which_stream_it_is(run: Run) -> None:
    rows = {row.request_id: row for row in run.schedule}
    endpoints = {}
    for call in run.calls:
        row = rows[call.request_id]
        if row.stream >= 0 and call.outcome == "ok":
            assert endpoints.setdefault(row.stream, call.endpoint) == call.endpoint
    (served,) = (service.endpoints for service in run.plan.services if service.kind == "service")
    assert endpoints == {0: served[0], 1: served[1], 2: served[0]}
    last = max((row for row in run.schedule if row.stream == 1), key=lambda row: row.number)
    counted = {int(call.note[0].removeprefix("frames=")) for call in run.calls if rows[call.request_id].stream == 1}
    assert max(counted) >= last.number + 1  # a trial before the load may have counted too


def test_frames_that_were_slow_are_missed(run: Run) -> None:
    rows = frame_rows(run)
    assert [(row.scope, row.name) for row in rows] == [
        ("all", "all"), ("class", "frame"), ("class", "gift"), ("stream", "0"), ("stream", "1"), ("stream", "2"),
    ]  # fmt: skip
    slow = {row.request_id for row in run.schedule if row.number % 10 == 0}
    own = {r.request_id: (r.done_ns - r.intended_ns) / 1e6 for r in run.measured if r.outcome == "ok"}
    assert all(own[request] >= SLOW_MS for request in slow & own.keys())
    whole = rows[0]
    assert whole.frames == len(run.measured) == 360
    assert whole.missed is not None
    assert whole.missed.value == pytest.approx(sum(latency > 200 for latency in own.values()) / 360)
    assert whole.missed.low < whole.missed.value < whole.missed.high
    assert whole.jitter is not None
    assert whole.jitter.value > 0.15 * SLOW_MS


def test_what_was_recorded_contradicts_nothing(run: Run) -> None:
    (made,) = consistency_checks(run)
    assert made.ok, made.observed


def test_the_report_judges_frames_and_shows_a_stream(directory: Path) -> None:
    made = report(directory)
    judged = {j.what: j for j in made.verdict.judgements if j.group == "slo"}
    assert {what: j.target for what, j in judged.items()} == {
        "frames missed": "< 50 %", "frames dropped": "< 0.0001 %", "jitter": "< 0.001 ms",
    }  # fmt: skip
    page = (directory / "report.html").read_text()
    for text in ("Frames of a stream over time", "Latency of each of the 120 frames of stream", "missed, %", "deadline"):
        assert text in page
    assert "of the frames missed their deadline" in page
    assert made.moved_streams == ()
    if made.verdict.valid:
        assert [j.status for j in judged.values()] == ["PASS", "INCONCLUSIVE", "FAIL"]


def test_its_figures_can_be_made_again_and_passed_on(directory: Path, tmp_path: Path) -> None:
    made = report(directory)
    assert recompute(directory).values > 300
    passed_on, _ = make_report(read_run(unpacked(directory, tmp_path).folder))
    assert passed_on.frames == made.frames
    assert [row.stream for row in read_run(directory).schedule][:3] != [-1, -1, -1]
