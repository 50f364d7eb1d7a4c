"""What makes a measured phase INVALID makes a run INVALID also where it happens in the supplement of a rare class alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import MachineRecord, RequestRecord, ResourceRecord
from aibenchrt.report.checks.supplement import APPLIED, supplement_checks
from aibenchrt.report.make import make_report
from aibenchrt.report.validity import Limits
from synthetic_run import S, Shape, write_run

Change = Callable[[Run], Run]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """With samples of the planner and of the machine also during the supplement."""
    run = read_run(write_run(tmp_path_factory.mktemp("supplement") / "run", Shape(supplement_images=200)))
    seconds = range(run.info.load.window_end_ns, max(r.done_ns for r in run.phase("supplement")), S // 2)
    resources = tuple(ResourceRecord(at, "planner", 1, 0.3, 2**20) for at in seconds)
    machine = tuple(MachineRecord(at, "here", 0.6, 0.6, 0.0, 0.3) for at in seconds)
    return replace(run, resources=(*run.resources, *resources), machine=(*run.machine, *machine))


def found(run: Run) -> dict[str, str]:
    return {check.code: check.observed for check in supplement_checks(run, Limits()) if not check.ok}


def requests(change: Callable[[int, RequestRecord], RequestRecord | None]) -> Change:
    """Changes the requests of the supplement, or leaves them out: by their number and record."""

    def changed(run: Run) -> Run:
        own = [change(number, request) for number, request in enumerate(run.phase("supplement"))]
        others = [request for request in run.requests if request.phase != "supplement"]
        return replace(run, requests=(*others, *(request for request in own if request is not None)))

    return changed


def effects_fail(run: Run) -> Run:
    own = {request.request_id for request in run.phase("supplement")}
    calls = (replace(c, outcome="failed", error="full") if c.after and c.request_id in own else c for c in run.calls)
    return replace(run, calls=tuple(calls))


def paths_are_lost(run: Run) -> Run:
    own = {request.request_id for request in run.phase("supplement")}
    return replace(run, calls=tuple(c for c in run.calls if c.task != "good" or c.request_id not in own))


def planner_is_busy(run: Run) -> Run:
    end = run.info.load.window_end_ns
    return replace(run, resources=tuple(replace(r, cpu_share=0.95) if r.time_ns > end else r for r in run.resources))


def machine_is_disturbed(run: Run) -> Run:
    end = run.info.load.window_end_ns
    return replace(run, machine=tuple(replace(m, busy_share=0.9) if m.time_ns > end else m for m in run.machine))


CHANGES: dict[str, Change] = {
    "V03": requests(lambda number, request: replace(request, outcome="not_sent", answer=()) if number % 10 == 0 else request),
    "V05": requests(lambda _, request: replace(request, sent_ns=request.sent_ns + -request.sent_ns % S)),
    "V07": requests(lambda number, request: replace(request, outcome="failed", error="full", answer=()) if number % 20 == 0 else request),
    "V09": planner_is_busy,
    "V10": requests(lambda number, request: None if number % 50 == 0 else request),
    "V15": effects_fail,
    "V16": machine_is_disturbed,
}


def test_a_good_supplement_passes_every_check(good: Run) -> None:
    checks = supplement_checks(good, Limits())
    assert {check.code for check in checks} == set(APPLIED)
    assert found(good) == {}


@pytest.mark.parametrize("code", CHANGES)
def test_the_supplement_alone_violates_it(good: Run, code: str) -> None:
    assert code in found(CHANGES[code](good))


def test_calls_without_a_whole_path_and_a_supplement_that_was_not_sent(good: Run) -> None:
    assert found(paths_are_lost(good)).keys() == {"V10"}
    assert found(requests(lambda *_: None)(good)).keys() == {"V10"}


def test_without_a_supplement_there_is_nothing_to_check(good: Run) -> None:
    info = good.info.model_copy(update={"supplements": ()})
    alone = replace(good, info=info, requests=good.measured, schedule=tuple(r for r in good.schedule if r.phase == "measured"))
    assert supplement_checks(alone, Limits()) == ()


def test_the_verdict_says_that_it_was_the_supplement(good: Run) -> None:
    verdict = make_report(CHANGES["V07"](good))[0].verdict
    assert [r.observed for r in verdict.reasons if r.code == "V07"] == ["supplement: 10 of 200 requests failed (5.00 %), most often: full"]
    assert verdict.exit_code == 3
