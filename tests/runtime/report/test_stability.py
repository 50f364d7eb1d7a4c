"""A system that does not keep up, or that is not the same at the end of the window as at its beginning, is no measurement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.plan import PlanTrace, PlanUsers
from aibenchrt.report.checks.stability import Times, Window, backlog, trend
from aibenchrt.report.make import make_report
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits
from hypothesis import given
from hypothesis import strategies as st
from queues import Array, exponential, fifo, queue
from run_on_hosts import reasons
from synthetic_run import FOR_P99_S, Shape, write_run

LIMITS = Limits()
RUNS = 200


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(duration_s=FOR_P99_S, slo_percentile=99)))


def checks(run: Run) -> dict[str, Check]:
    return {c.code: c for c in make_report(run)[0].verdict.checks}


def stretched(run: Run, factors: Array) -> Run:
    """Each measured request takes that many times as long, and its calls with it."""
    of = {r.request_id: float(factor) for r, factor in zip(run.measured, factors, strict=True)}
    sent = {r.request_id: r.sent_ns for r in run.requests}

    def at(ns: int, request_id: int) -> int:
        return sent[request_id] + int((ns - sent[request_id]) * of.get(request_id, 1.0))

    requests = tuple(replace(r, done_ns=at(r.done_ns, r.request_id)) for r in run.requests)
    calls = (c for c in run.calls if c.request_id in sent)
    calls = (
        replace(c, ready_ns=at(c.ready_ns, c.request_id), start_ns=at(c.start_ns, c.request_id), end_ns=at(c.end_ns, c.request_id))
        for c in calls
    )
    return replace(run, requests=requests, calls=tuple(calls))


def test_latency_that_drifts_from_1_to_4_times_is_not_stationary(run: Run) -> None:
    assert "V20" in reasons(stretched(run, np.linspace(1, 4, len(run.measured))))
    assert {"V19", "V20"}.isdisjoint(reasons(run))


@pytest.mark.long
def test_nor_is_latency_that_falls_or_jumps(run: Run) -> None:
    n = len(run.measured)
    assert "V20" in reasons(stretched(run, np.linspace(4, 1, n)))
    assert "V20" in reasons(stretched(run, np.repeat([1, 2], [n // 2, n - n // 2])))
    assert {"V19", "V20"}.isdisjoint(reasons(stretched(run, np.full(n, 4.0)))), "slow, but steadily"


def test_a_system_that_does_not_keep_up_has_a_backlog(run: Run) -> None:
    """Each request takes 20 ms longer than the one before it: the arrivals are at 50/s, the completions at 25/s."""
    behind = np.arange(len(run.measured)) * 20_000_000
    of = {r.request_id: int(ns) for r, ns in zip(run.measured, behind, strict=True)}
    late = replace(run, requests=tuple(replace(r, done_ns=r.done_ns + of.get(r.request_id, 0)) for r in run.requests))
    assert "V19" in reasons(late)
    users = PlanUsers(users=4, think_s=0.0, duration_s=60.0, warmup_s=10.0, seed=7)
    assert "V19" not in reasons(replace(late, plan=late.plan.model_copy(update={"load": users})))


def test_what_is_expected_to_change_is_not_judged(run: Run) -> None:
    drifting = stretched(run, np.linspace(1, 4, len(run.measured)))
    trace = PlanTrace(trace="arrivals.csv", mean_rate=50.0, duration_s=60.0, warmup_s=10.0, seed=7)
    assert "V20" not in reasons(replace(drifting, plan=drifting.plan.model_copy(update={"load": trace})))
    fault = checks(replace(drifting, info=drifting.info.model_copy(update={"fault": "kill a planner"})))
    assert [(fault[code].ok, fault[code].limit) for code in ("V19", "V20")] == [(True, "expected fault: kill a planner")] * 2


def test_a_short_run_is_not_judged_by_what_needs_more_requests(run: Run) -> None:
    kept = {r.request_id for r in run.measured[:300]}
    short = replace(run, requests=tuple(r for r in run.requests if r.phase != "measured" or r.request_id in kept))
    drifting = checks(stretched(short, np.linspace(1, 4, 300)))["V20"]
    assert drifting.ok
    assert drifting.observed == "300 answers: too few to tell a drift from chance"
    assert drifting.limit == "judged from 2,000 answers on"


def ends_ns(arrivals: Array, times: Array) -> tuple[Times, Times]:
    """Arguments in seconds."""
    return (arrivals * 1e9).astype(np.int64), ((arrivals + times) * 1e9).astype(np.int64)


def keeps_up(arrivals: Array, times: Array, warmup: int) -> bool:
    window = Window(int(arrivals[warmup] * 1e9), int(arrivals[-1] * 1e9) + 1)
    seen = backlog(*ends_ns(arrivals, times), window)
    return seen.after - seen.before <= seen.allowed(LIMITS)


@pytest.mark.parametrize(("offered", "n"), [(200, 600), (200, 2500), (140, 2500)])
def test_an_overload_is_found_in_every_run(offered: int, n: int) -> None:
    rng, warmup = np.random.default_rng(1), 5 * offered
    arrivals = np.cumsum(rng.exponential(1 / offered, (50, n + warmup)), axis=1)
    times = fifo(arrivals, exponential(arrivals.shape, rng) / 111)
    assert not any(keeps_up(*one, warmup) for one in zip(arrivals, times, strict=True))


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_a_stable_queue_neither_falls_behind_nor_drifts(load: float) -> None:
    """At most 1 in 1,000 may: of 200, the seed has none. bench_stability.py has the rates."""
    arrivals, times = queue((RUNS, 2700), load, np.random.default_rng(2))
    assert all(keeps_up(*one, 200) for one in zip(arrivals, times, strict=True))
    assert not any(trend(own[200:]).drifts(LIMITS) for own in times)


def test_drifts_of_a_queue_are_found() -> None:
    _, times = queue((RUNS, 2500), 0.5, np.random.default_rng(3))
    found = sum(trend(own * np.linspace(1, 4, 2500)).drifts(LIMITS) for own in times)
    assert found >= 0.97 * RUNS
    small = sum(trend(own * np.linspace(1, 1.1, 2500)).drifts(LIMITS) for own in times)
    assert small == 0, "a change by 10 % is none that matters"


@given(st.lists(st.floats(0.1, 1e5), min_size=200, max_size=400), st.floats(1e-3, 1e3))
def test_a_trend_does_not_depend_on_the_unit_and_turns_with_time(latency: list[float], unit: float) -> None:
    values = np.array(latency)[: len(latency) // 100 * 100]
    ours, scaled, back = trend(values), trend(values * unit), trend(values[::-1])
    assert scaled.factor == pytest.approx(ours.factor, rel=1e-6)
    assert back.factor == pytest.approx(1 / ours.factor, rel=1e-6)
    assert 0 <= ours.correlation < 1
    assert np.isfinite([ours.t, scaled.t, back.t]).all()


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), min_size=1, max_size=60), st.integers(0, 80), st.integers(1, 60))
def test_what_came_and_did_not_end_is_in_flight(rows: list[tuple[int, int]], start: int, length: int) -> None:
    came = np.array([float(at) for at, _ in rows])
    seen = backlog(*ends_ns(came, np.array([float(took) for _, took in rows])), Window(start * 10**9, (start + length) * 10**9))
    assert seen.after - seen.before == seen.came - seen.ended
    assert seen.before >= 0
    assert seen.after >= 0
