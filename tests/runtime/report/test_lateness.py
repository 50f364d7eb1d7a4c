"""A generator that stands still: how far that moves a percentile of the report decides, not how many requests it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.report.checks.lateness import held_back_ms, moved, moved_rows
from aibenchrt.report.figures import ranked_ms
from aibenchrt.report.validity import Limits
from hypothesis import given
from hypothesis import strategies as st
from run_on_hosts import reasons
from synthetic_run import Shape, write_run

MS = 1_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(duration_s=60)))


def stalled(run: Run, *stalls: tuple[float, int]) -> Run:
    """The run as recorded by a generator that stood still. stalls: second of the measured window, length in ms; far apart."""
    shift: dict[int, int] = {}
    requests = []
    for r in run.requests:
        for second, length in stalls:
            start = run.info.load.window_start_ns + int(second * 1e9)
            end = start + length * MS
            if start <= r.sent_ns < end:
                shift[r.request_id] = end - r.sent_ns
                r = replace(r, sent_ns=end, done_ns=r.done_ns + end - r.sent_ns)
            elif start <= r.done_ns < end:
                r = replace(r, done_ns=end)
        requests.append(r)

    def later(ns: int, request_id: int) -> int:
        return ns + shift.get(request_id, 0)

    calls = (
        replace(c, ready_ns=later(c.ready_ns, c.request_id), start_ns=later(c.start_ns, c.request_id), end_ns=later(c.end_ns, c.request_id))
        for c in run.calls
    )
    return replace(run, requests=tuple(requests), calls=tuple(calls))


def test_a_stall_of_less_than_1_percent_of_the_requests_is_found_if_it_moves_the_p99(run: Run) -> None:
    bad = stalled(run, (30, 400))
    late = np.array([r.sent_ns - r.intended_ns for r in bad.measured])
    assert 0.003 < np.mean(late > MS) < 0.01, "the p99 of the lateness does not see it"
    assert "V04" in reasons(bad)
    assert " ms of the p99 of " in reasons(bad)["V04"]
    assert "V04" not in reasons(run)


def test_many_short_stalls_count_together_and_a_harmless_one_does_not(run: Run) -> None:
    assert "V04" not in reasons(stalled(run, (30, 20)))
    assert "V04" in reasons(stalled(run, *((second, 60) for second in range(1, 59))))


def test_a_single_stall_of_100_ms_moves_p99_9_of_many_requests() -> None:
    """20,000 requests with p50 15 ms and p99.9 52 ms, at 200/s: 20 are held back, as many as lie beyond p99.9."""
    rng = np.random.default_rng(3)
    latency = 15 * rng.lognormal(0, 0.4, 20_000)
    held = np.zeros(20_000)
    held[10_000:10_020] = 100 - 5.0 * np.arange(20)
    limits = Limits()
    found = {p: moved(latency + held, held, p) / np.percentile(latency + held, p) for p in (50.0, 90.0, 99.0, 99.9)}
    assert max(found[50.0], found[90.0], found[99.0]) < limits.lateness_share
    assert found[99.9] > limits.lateness_share


def test_an_answer_that_came_while_the_generator_stood_still_was_held_back_too(run: Run) -> None:
    before, after = {r.request_id: r for r in run.requests}, stalled(run, *((second, 100) for second in range(5, 55, 5)))
    held = held_back_ms(after.requests)
    flying = [r for r in after.measured if r.sent_ns == before[r.request_id].sent_ns and r.done_ns != before[r.request_id].done_ns]
    assert len(flying) > 3
    stamped_late = sum((r.done_ns - before[r.request_id].done_ns) / MS for r in flying)
    # The generator is known to stand still only from when the next request was due: on average a fifth of a stall later.
    assert sum(held[r.request_id] for r in flying) > stamped_late / 2


def record(request_id: int, intended: int, late: int, took: int) -> RequestRecord:
    times = (intended * MS, (intended + late) * MS, (intended + late + took) * MS)
    return RequestRecord(request_id, "text", "measured", 0, *times, "ok", "", (), (), "planner", 0, 0)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60), st.integers(1, 80)), min_size=1, max_size=40))
def test_no_request_is_held_back_for_longer_than_it_took(rows: list[tuple[int, int, int]]) -> None:
    requests = [record(i, *row) for i, row in enumerate(rows)]
    held, latency = held_back_ms(requests), ranked_ms(requests)
    for r, ms in zip(requests, latency, strict=True):
        assert (r.sent_ns - r.intended_ns) / MS <= held[r.request_id] <= ms


def test_every_percentile_that_is_shown_is_looked_at(run: Run) -> None:
    assert {(row.of, row.p) for row in moved_rows(run)} == {
        ("the whole path", 50.0),
        ("the whole path", 90.0),
        ("the whole path", 99.0),
        ("text", 50.0),
        ("text", 90.0),
        ("text", 99.0),
        ("image", 50.0),
    }
