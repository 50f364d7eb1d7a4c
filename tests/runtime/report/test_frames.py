"""Frames missed and dropped, jitter, streams that moved, and frames that the generator made late: of records that are edited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.audit.rows import audit_rows
from aibenchrt.libraries import use_as_planned
from aibenchrt.plan import Plan, PlanJitterBound, PlanShareBound, PlanSlo, PlanStreams
from aibenchrt.report.checks.late_frames import late_frame_checks
from aibenchrt.report.degraded_replicas import degraded
from aibenchrt.report.figures import latency_rows
from aibenchrt.report.frames import frame_rows, has_frames, moved_stream_rows
from aibenchrt.report.judgements import Measured, slo_judgements
from aibenchrt.report.statistics import positive_mean, share
from aibenchrt.report.validity import REASONS, Limits
from executed_run import executed
from run_on_hosts import on_hosts
from streams_plan import moving_numbers, streams_plan
from synthetic_run import Shape, write_run

MS = 1_000_000
LOAD = PlanStreams(streams=4, rate=25.0, duration_s=10.0, warmup_s=1.0, seed=7)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plan]:
    with moving_numbers(tmp_path_factory.mktemp("site")) as library:
        made = streams_plan(library, LOAD, replicas=2)
        use_as_planned(made.libraries)
        yield made


@pytest.fixture(scope="module")
def run(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every frame is sent on time and takes 10 ms."""
    template = read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape()))
    use_as_planned(plan.libraries)
    made = executed(template, plan, 5, payloads=300)
    return replace(made, requests=tuple(taking(r, 10.0) for r in made.requests))


def taking(request: RequestRecord, ms: float) -> RequestRecord:
    return replace(request, sent_ns=request.intended_ns, done_ns=request.intended_ns + int(ms * MS))


def edited(run: Run, latency: Mapping[tuple[int, int], float]) -> Run:
    """latency: (stream, number) → ms of that frame; infinite: it failed."""
    places = {row.request_id: (row.stream, row.number) for row in run.schedule}

    def edit(request: RequestRecord) -> RequestRecord:
        ms = latency.get(places[request.request_id])
        if ms is None:
            return request
        return taking(request, ms) if np.isfinite(ms) else replace(request, outcome="failed", answer=(), error="INTERNAL: x")

    return replace(run, requests=tuple(map(edit, run.requests)))


def measured_numbers(run: Run, stream: int) -> list[int]:
    return [row.number for row in run.schedule if row.phase == "measured" and row.stream == stream]


def test_a_frame_is_missed_after_its_deadline_and_dropped_without_an_answer(run: Run) -> None:
    numbers = measured_numbers(run, 2)
    rows = {row.name: row for row in frame_rows(edited(run, {(2, numbers[0]): 40.001, (2, numbers[5]): 40.0, (2, numbers[9]): np.inf}))}
    assert list(rows) == ["all", "frame", "gift", "0", "1", "2", "3"]
    for name, frames in (("all", 1000), ("2", 250)):
        row = rows[name]
        assert (row.frames, row.deadline_ms) == (frames, 40.0)
        assert row.missed is not None
        assert row.dropped is not None
        assert row.missed.value == row.dropped.value == 1 / frames
        assert 0 <= row.missed.low < 1 / frames < row.missed.high < 0.03
    untouched = rows["0"]
    assert untouched.missed is not None
    assert untouched.missed.value == 0.0


def test_jitter_is_of_consecutive_answered_frames_of_a_stream(run: Run) -> None:
    numbers = measured_numbers(run, 1)
    rows = {row.name: row for row in frame_rows(edited(run, {(1, n): 10.0 + 2 * (n % 2) for n in numbers}))}
    alternating = rows["1"].jitter
    assert alternating is not None
    assert alternating.value == pytest.approx(2.0)
    assert alternating.n == 249
    assert rows["0"].jitter is None, "all of its frames took equally long"
    assert rows["frame"].jitter is None, "the frames of a class are not consecutive"
    whole = rows["all"].jitter
    assert whole is not None
    assert whole.value == pytest.approx(0.5)
    # The dropped frame is left out: its neighbours follow one another.
    lost = {row.name: row for row in frame_rows(edited(run, {(1, n): np.inf if n == numbers[7] else 10.0 + n for n in numbers}))}[
        "1"
    ].jitter
    assert lost is not None
    assert lost.n == 248
    assert lost.value == pytest.approx((247 + 2) / 248)


def test_without_deadlines_or_streams_there_are_no_rows(tmp_path: Path) -> None:
    shop = read_run(write_run(tmp_path / "run", Shape()))
    assert not has_frames(shop.plan)
    assert frame_rows(shop) == moved_stream_rows(shop) == ()
    assert [(made.ok, made.observed) for made in late_frame_checks(shop, Limits())] == [(True, "no request has a deadline")]
    requests = tuple(request.model_copy(update={"deadline_s": 0.02}) for request in shop.plan.requests[:1])
    timed = replace(shop, plan=shop.plan.model_copy(update={"requests": (*requests, *shop.plan.requests[1:])}))
    whole, text, image = frame_rows(timed)
    assert text.missed is not None
    assert image.missed is None
    assert whole.missed is not None
    assert whole.missed.n == text.frames < whole.frames
    assert whole.jitter is None


def test_each_bound_is_judged_by_its_whole_interval(run: Run) -> None:
    numbers = measured_numbers(run, 0)
    late = edited(run, {(0, n): 60.0 for n in numbers[::5]} | {(3, n): 10.0 + n % 2 for n in measured_numbers(run, 3)})

    def judged(*slo: PlanSlo) -> list[tuple[str, str]]:
        made = replace(late, plan=late.plan.model_copy(update={"slo": slo}))
        return [(j.what, j.status) for j in slo_judgements(made, Measured(latency_rows(made, ()), (), (), frame_rows(made)))]

    missed = [PlanShareBound(metric="missed", below=below) for below in (0.2, 0.05, 0.001)]
    assert judged(*missed) == [("frames missed", "PASS"), ("frames missed", "INCONCLUSIVE"), ("frames missed", "FAIL")]
    assert judged(PlanShareBound(metric="dropped", below=0.01)) == [("frames dropped", "PASS")]
    assert judged(PlanShareBound(metric="dropped", below=0.001)) == [("frames dropped", "INCONCLUSIVE")], "too few to tell"
    assert judged(PlanJitterBound(below_ms=60.0), PlanJitterBound(below_ms=0.1)) == [("jitter", "PASS"), ("jitter", "FAIL")]


@pytest.mark.parametrize(("stalled", "ok"), [(2, True), (20, False)])
def test_frames_that_only_the_generator_made_late_make_a_run_invalid(run: Run, stalled: int, ok: bool) -> None:
    chosen = {r.request_id for r in sorted(run.measured, key=lambda r: r.intended_ns)[100 : 100 + stalled]}
    until = max(r.intended_ns for r in run.measured if r.request_id in chosen) + 60 * MS
    held = replace(
        run,
        requests=tuple(replace(r, sent_ns=until, done_ns=until + 10 * MS) if r.request_id in chosen else r for r in run.requests),
    )
    (made,) = late_frame_checks(held, Limits())
    assert made.code == "V25"
    assert made.code in REASONS
    assert made.ok is ok
    assert made.observed.startswith(f"{stalled} of 1,000 frames")
    slow = edited(run, {(0, n): 70.0 for n in measured_numbers(run, 0)})
    (system,) = late_frame_checks(slow, Limits())
    assert system.ok, "the system was late, and not the generator"


def test_a_stream_whose_replica_was_lost_is_named(run: Run, plan: Plan) -> None:
    use_as_planned(plan.libraries)  # reading another run has put the library aside
    first, second = next(s.endpoints for s in plan.services if s.kind == "service")
    rows = {row.request_id: row for row in run.schedule}

    def endpoint(request_id: int) -> str:
        row = rows[request_id]
        return second if row.stream % 2 or (row.stream == 2 and row.number >= 100) else first

    moved = replace(run, calls=tuple(replace(call, endpoint=endpoint(call.request_id)) for call in run.calls))
    (row,) = moved_stream_rows(moved)
    assert (row.task, row.stream, row.moves, row.replicas) == ("count", 2, 1, (first, second))


def test_the_interval_of_a_share_allows_for_hits_in_a_row() -> None:
    spread, together = np.zeros(1000), np.zeros(1000)
    spread[::50] = 1
    together[500:520] = 1
    assert share(spread).value == share(together).value == 0.02
    assert share(together).high > 1.5 * share(spread).high
    assert 0 == share(np.zeros(1000)).low < share(np.zeros(1000)).high < 0.004
    assert share(np.ones(3)).value == 1.0
    assert positive_mean(np.zeros(100)) is None
    assert positive_mean(np.ones(19)) is None


@pytest.mark.parametrize(("streams", "silent"), [(1, False), (4, True)])
def test_a_replica_to_which_no_stream_belongs_is_not_degraded(run: Run, plan: Plan, streams: int, silent: bool) -> None:
    use_as_planned(plan.libraries)
    (service,) = (s for s in plan.services if s.kind == "service")
    placed = service.model_copy(update={"hosts": ("h1", "h2")})
    load = LOAD.model_copy(update={"streams": streams})
    made = run.plan.model_copy(update={"services": (placed,), "load": load})
    one = on_hosts(replace(run, plan=made, calls=tuple(replace(call, endpoint=placed.endpoints[0]) for call in run.calls)))
    found = [str(degradation) for degradation in degraded(replace(one, plan=made))]
    assert any("count on h2: answered nothing" in text for text in found) is silent, found


def test_frames_are_not_asked_again_by_an_audit(run: Run) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB716"):
        audit_rows(run, 7)
