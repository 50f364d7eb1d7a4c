"""A request that failed ranks as slower than all that were answered: no system looks faster by failing its slow requests."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.plan import PlanBound
from aibenchrt.report import statistics
from aibenchrt.report.html import headline, page
from aibenchrt.report.make import make_report
from aibenchrt.report.model import Judgement, LatencyRow, Report
from aibenchrt.report.reference_file import Reference
from aibenchrt.report.tables import tables
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import FOR_P99_S, Shape, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(duration_s=FOR_P99_S, slo_percentile=99)))


def slowest_fail(run: Run, share: float, outcome: str = "timeout") -> Run:
    """The slowest measured requests get no answer."""
    slowest = sorted(run.measured, key=lambda r: r.intended_ns - r.done_ns)[: int(share * len(run.measured))]
    ids = {r.request_id for r in slowest}
    failed = (replace(r, outcome=outcome, error="planner: too late", answer=()) if r.request_id in ids else r for r in run.requests)
    return replace(run, requests=tuple(failed))


def slo(run: Run, p: float, below_ms: float) -> Judgement:
    bounds = (PlanBound(metric="latency", percentile=p, below_ms=below_ms),)
    made, _ = make_report(replace(run, plan=run.plan.model_copy(update={"slo": bounds})))
    (judged,) = (j for j in made.verdict.judgements if j.group == "slo")
    return judged


def whole(made: Report) -> LatencyRow:
    return made.latency[0]


def value(row: LatencyRow, p: float) -> float:
    (shown,) = (q for q in row.percentiles if q.p == p)
    held = shown.estimate or shown.beyond
    assert held is not None
    return np.inf if held.value is None else held.value


@pytest.mark.parametrize("outcome", ["failed", "timeout", "not_sent"])
def test_no_percentile_falls_when_the_slowest_requests_fail(run: Run, outcome: str) -> None:
    before, after = make_report(run)[0], make_report(slowest_fail(run, 0.0099, outcome))[0]
    assert whole(after).failed == int(0.0099 * len(run.measured)) > 20
    for p in (50.0, 90.0, 99.0):
        assert value(whole(after), p) >= (1 - 1e-9) * value(whole(before), p)
    text, text_before = (next(row for row in made.latency if row.scope == "class" and row.name == "text") for made in (after, before))
    assert value(text, 99.0) >= (1 - 1e-9) * value(text_before, 99.0)
    assert whole(after).mean is not None
    assert whole(before).mean is not None
    assert whole(after).mean.n == whole(after).n == len(run.measured) - whole(after).failed, "the mean is that of the answers"  # type: ignore[union-attr]


def test_a_percentile_that_failures_could_hold_has_no_upper_end(run: Run) -> None:
    made, _ = make_report(slowest_fail(run, 0.0099))
    shown = whole(made).percentiles[-1]
    assert shown.estimate is None
    assert shown.beyond is not None
    assert shown.beyond.value is not None
    assert shown.beyond.low is not None
    assert shown.beyond.low < shown.beyond.value
    assert {row.p for row in made.ratios} == {50.0, 90.0}
    cells = next(table for table in tables(made) if table.key == "latency").rows[0]
    assert cells[-1].endswith(", beyond all answers]")
    assert headline(made)[0][1] == "p99 of the whole path", "the card does not turn to a percentile that looks better"
    assert "Infinity" not in json.dumps(made.model_dump(mode="json"))
    assert "reaches into the" in page(made, {}, "")
    assert Report.model_validate_json(made.model_dump_json()) == made


def test_an_slo_on_a_percentile_among_the_failures_never_passes(run: Run) -> None:
    assert slo(run, 99.0, 1e6).status == "PASS"
    few = slowest_fail(run, 0.0099)
    assert slo(few, 99.0, 1e6).status == "INCONCLUSIVE"
    assert slo(few, 99.0, 1.0).status == "FAIL"
    assert slo(few, 50.0, 1e6).status == "PASS"
    assert slo(few, 90.0, 1e6).status == "PASS"


def test_where_more_fail_than_the_percentile_leaves_it_lies_beyond_all_answers(run: Run) -> None:
    many = slowest_fail(run, 0.03)
    many = replace(many, info=many.info.model_copy(update={"fault": "kill a planner"}))  # else the run is INVALID and nothing is judged
    made, _ = make_report(many)
    shown = whole(made).percentiles[-1].beyond
    assert shown is not None
    assert (shown.value, shown.low) == (None, None)
    judged = slo(many, 99.0, 1e6)
    assert (judged.status, judged.observed) == ("FAIL", "beyond all answers")
    assert "rank as slower than all answers" in judged.reason


def test_a_recorded_reference_is_not_met_by_failing(run: Run) -> None:
    whole = next(row for row in make_report(run)[0].latency if row.scope == "whole path")
    p99 = next(q.estimate.value for q in whole.percentiles if q.p == 99 and q.estimate is not None)
    item = {"quantity": {"kind": "latency", "percentile": 99}, "value": p99, "within": 0.9999}
    info = run.info
    made_from = {"title": "local", "deployment": info.deployment, "fingerprint": info.fingerprint.hash, "runs": [], "items": [item]}
    reference = Reference.model_validate(made_from)

    def status(judged_run: Run) -> str:
        verdict = make_report(judged_run, [reference])[0].verdict
        return next(j.status for j in verdict.judgements if j.title == "local")

    assert status(run) == "PASS"
    assert status(slowest_fail(run, 0.0099)) == "INCONCLUSIVE"


def test_a_failed_call_ranks_as_slower_than_all_calls_of_its_component(run: Run) -> None:
    calls = [c for c in run.calls if c.task == "parse"]
    slowest = {id(c) for c in sorted(calls, key=lambda c: c.start_ns - c.end_ns)[: len(calls) // 150]}
    failed = replace(run, calls=tuple(replace(c, outcome="failed") if id(c) in slowest else c for c in run.calls))
    gone = replace(run, calls=tuple(replace(c, outcome="cancelled") if id(c) in slowest else c for c in run.calls))
    of = {
        name: next(row for row in make_report(of_run)[0].latency if row.name == "parse")
        for name, of_run in (("all", run), ("failed", failed), ("gone", gone))
    }
    assert value(of["failed"], 99.0) == pytest.approx(value(of["all"], 99.0))
    assert of["failed"].failed > 10
    assert of["gone"].failed == 0, "nobody knows how long a cancelled call would have taken"
    assert value(of["gone"], 99.0) < value(of["all"], 99.0)


@given(st.lists(st.floats(1e-3, 1e6) | st.just(np.inf), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_of_values_with_infinite_ones(values: list[float], share: float) -> None:
    ours = statistics.quantile(np.array(values), share)
    top = 1e12  # in place of infinity, numpy's own interpolation gives something at least as large as ours if that is finite
    numpys = float(np.quantile([min(x, top) for x in values], share))
    assert ours == pytest.approx(numpys, rel=1e-9) if np.isfinite(ours) else numpys > 1e6 or np.inf in values


@given(st.integers(0, 2**32), st.lists(st.integers(0, 2499), max_size=60))
def test_no_failure_improves_a_percentile(seed: int, which: list[int]) -> None:
    values = np.random.default_rng(seed).lognormal(3.0, 1.0, 2500)
    failing = values.copy()
    failing[which] = np.inf
    for p in (50.0, 90.0, 99.0):
        before, after, beyond = statistics.percentile(values, p), statistics.percentile(failing, p), statistics.beyond_answers(failing, p)
        assert before is not None
        assert (after is None) != (beyond is None)
        held = after or beyond
        assert held is not None
        assert held.value is None or held.value >= (1 - 1e-9) * before.value
        assert beyond is None or beyond.low is None or beyond.value is None or beyond.low <= (1 + 1e-9) * beyond.value
