"""V17: records that contradict each other are found, whatever was changed; what the real executor records never contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aibenchrt.collect.plausible import check_calls, check_requests
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord, RequestRecord, ScheduleRecord
from aibenchrt.input_file import InputFileError
from aibenchrt.plan import Plan, PlanLoad, PlanPoisson, PlanSessions, PlanStreams, PlanTrace, PlanUsers, read_plan, wiring_hash
from aibenchrt.report.checks.answers import class_shares
from aibenchrt.report.checks.consistency import consistency_checks
from aibenchrt.report.figures import arrival_row
from aibenchrt.report.make import make_report
from aibenchrt.report.validity import Limits
from executed_run import by_several_generators, executed
from paths import ROOT
from run_on_hosts import on_hosts, reasons
from shop_plan import shop_plan
from synthetic_run import Shape, write_run

S = 1_000_000_000
FAR = 100 * S
POISSON = PlanPoisson(rate=30.0, duration_s=4.0, warmup_s=1.0, seed=3)
Edit = Callable[[Run], Run]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(supplement_images=100)))


def found(run: Run) -> str:
    """What contradicts; '' if nothing does."""
    (made,) = consistency_checks(run)
    assert made.code == "V17"
    return "" if made.ok else made.observed


def requests(how: Callable[[RequestRecord], RequestRecord]) -> Edit:
    return lambda run: replace(run, requests=tuple(map(how, run.requests)))


def calls(how: Callable[[CallRecord], CallRecord]) -> Edit:
    return lambda run: replace(run, calls=tuple(map(how, run.calls)))


def without(which: Callable[[CallRecord], bool]) -> Edit:
    return lambda run: replace(run, calls=tuple(call for call in run.calls if not which(call)))


def shifted(call: CallRecord, by_ns: int) -> CallRecord:
    return replace(call, ready_ns=call.ready_ns + by_ns, start_ns=call.start_ns + by_ns, end_ns=call.end_ns + by_ns)


def shortened(request: RequestRecord) -> RequestRecord:
    return replace(request, done_ns=request.intended_ns + (request.done_ns - request.intended_ns) * 4 // 10)


EDITS: dict[str, tuple[Edit, str]] = {
    "intended as sent": (requests(lambda r: replace(r, intended_ns=r.sent_ns)), "requests intended for another instant than scheduled"),
    "calls later": (calls(lambda c: shifted(c, FAR)), "calls that the response holds and that ended after it"),
    "calls earlier": (calls(lambda c: shifted(c, -FAR)), "calls before their request was sent"),
    "effects later": (calls(lambda c: shifted(c, FAR) if c.after else c), "calls long after their request"),
    "ten requests twice": (lambda run: replace(run, requests=run.requests + run.requests[50:60]), "requests recorded more than once: 10"),
    "every call twice": (lambda run: replace(run, calls=run.calls * 2), "calls recorded more than once"),
    "one call twice": (lambda run: replace(run, calls=(*run.calls, run.calls[7])), "calls recorded more than once: 1 "),
    "effects lost": (without(lambda c: c.after), "calls that the plan demands and that left no record"),
    "one effect lost": (without(lambda c: c.after and c.request_id == 700), "calls that the plan demands and that left no record: 1 "),
    "a fallback lost": (without(lambda c: c.task == "rest"), "calls that the plan demands and that left no record"),
    "off the path": (
        lambda run: replace(run, calls=(*run.calls, *(replace(c, task="picture") for c in run.calls if c.task == "category"))),
        "calls that the plan does not demand",
    ),
    "calls of nobody": (calls(lambda c: replace(c, request_id=c.request_id + 10**6)), "calls of requests that do not exist"),
    "requests lost": (lambda run: replace(run, requests=run.requests[:-1]), "scheduled requests that left no record: 1 "),
    "requests unknown": (lambda run: replace(run, schedule=run.schedule[:-1]), "requests that were not scheduled: 1 "),
    "other payloads": (requests(lambda r: replace(r, payload=r.payload + 1)), "requests with another class, phase or payload"),
    "another phase": (
        requests(lambda r: replace(r, phase="measured") if r.phase == "warmup" else r),
        "requests with another class, phase or payload than scheduled",
    ),
    "other arms": (requests(lambda r: replace(r, arms=("cache_hit=0",))), "requests whose arms are not those"),
    "no arms": (requests(lambda r: replace(r, arms=())), "requests whose arms are not those"),
    "an arm that is none": (requests(lambda r: replace(r, arms=("tiers=9",))), "requests whose arms are not those"),
    "shorter latency": (requests(shortened), "requests in which the planner was busy for longer than they took"),
    "negative times": (requests(lambda r: replace(r, intended_ns=-r.intended_ns)), "requests intended for another instant than scheduled"),
    "negative calls": (calls(lambda c: replace(c, ready_ns=-1, start_ns=-1)), "calls that do not begin when they are ready and then end"),
    "long service": (calls(lambda c: replace(c, service_ns=c.service_ns + FAR)), "calls that took longer at the server than with it"),
    "nothing waited": (calls(lambda c: replace(c, waited_for="")), "calls that did not wait for the last of what they take"),
    "waited for nobody": (calls(lambda c: replace(c, waited_for="nobody")), "calls that waited for one without a record"),
    "effects before": (calls(lambda c: replace(c, after=False)), "calls after the response that are marked as before it"),
    "another rate": (
        lambda run: replace(run, info=run.info.model_copy(update={"load": run.info.load.model_copy(update={"rate": 99.0})})),
        "loads in run.json that are not the plan's",
    ),
    "another window": (
        lambda run: replace(run, info=run.info.model_copy(update={"load": run.info.load.model_copy(update={"window_start_ns": S})})),
        "measured windows of another length than planned",
    ),
    "another choice": (
        lambda run: replace(run, plan=run.plan.model_copy(update={"choices": run.plan.choices[1:]})),
        "which does not exist",
    ),
    "negative CPU": (
        lambda run: replace(run, machine=tuple(replace(sample, own_share=-1.0) for sample in run.machine)),
        "samples of CPU time that cannot be",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_a_contradiction_is_found_and_named(measured: Run, name: str) -> None:
    edit, said = EDITS[name]
    assert said in found(edit(measured))


def test_an_honest_run_has_none_also_with_failed_requests(measured: Run, tmp_path: Path) -> None:
    assert found(measured) == ""
    assert found(read_run(write_run(tmp_path / "failed", Shape(error_share=0.05)))) == ""
    assert found(on_hosts(measured)) == ""


def test_a_contradiction_makes_a_run_invalid_with_the_first_of_each_kind(measured: Run) -> None:
    edited = replace(measured, requests=measured.requests + measured.requests[50:52])
    assert reasons(edited)["V17"].startswith("requests recorded more than once: 2 (first: request 50)")


def test_records_lost_with_a_process_are_no_contradiction(measured: Run) -> None:
    silent = without(lambda c: c.after)(measured)
    for change in ({"missing": ("calls of planner-1",)}, {"fault": "planner-1 is killed"}, {"outcome": "failed"}):
        assert found(replace(silent, info=silent.info.model_copy(update=change))) == ""
    assert found(replace(silent, requests=silent.requests[:-3])) != ""


def test_a_call_is_compared_within_the_error_of_the_clocks_and_not_beyond(measured: Run) -> None:
    early = calls(lambda c: shifted(c, -350_000))
    assert "calls before their request was sent" in found(early(measured))
    assert found(early(on_hosts(measured, drift_ns=200_000))) == ""


FIELDS = ("intended_ns", "sent_ns", "done_ns", "planner_ns", "planner_queue_ns", "request_id", "payload")
CALL_FIELDS = ("ready_ns", "start_ns", "end_ns", "queue_ns", "service_ns", "request_id")


NUMBERS = [(name, value) for name in FIELDS for value in (-(10**15), 0, 10**15)]
CALL_NUMBERS = [(name, value) for name in CALL_FIELDS for value in (-(10**15), 0, 10**15)]


def judged(run: Run) -> bool:
    """As `validate` does it: what the figures cannot be made of is refused, with a coded error; all else is judged."""
    try:
        check_requests(run.plan, run.requests)
        check_calls(run.plan, run.calls)
    except InputFileError:
        return True
    return bool(make_report(run)[0].verdict.checks)


@pytest.mark.parametrize(("name", "value"), [("intended_ns", -(10**15)), ("intended_ns", 10**15), ("done_ns", 0), ("request_id", 0)])
def test_numbers_of_requests_that_cannot_be_give_a_verdict_or_are_refused(measured: Run, name: str, value: int) -> None:
    assert judged(requests(lambda r: replace(r, **{name: value}))(measured))


@pytest.mark.long
@pytest.mark.parametrize(("name", "value"), NUMBERS)
def test_any_number_of_a_request_gives_a_verdict_or_is_refused(measured: Run, name: str, value: int) -> None:
    assert judged(requests(lambda r: replace(r, **{name: value}))(measured))


@pytest.mark.long
@pytest.mark.parametrize(("name", "value"), CALL_NUMBERS)
def test_any_number_of_a_call_gives_a_verdict_or_is_refused(measured: Run, name: str, value: int) -> None:
    assert judged(calls(lambda c: replace(c, **{name: value}))(measured))


LOADS: dict[str, PlanLoad] = {
    "poisson": POISSON,
    "sessions": PlanSessions(rate=60.0, think_s=0.2, duration_s=4.0, warmup_s=1.5, seed=3),
    "trace": PlanTrace(trace="trace.txt", mean_rate=25.0, duration_s=4.0, warmup_s=1.0, seed=3),
    "users": PlanUsers(users=5, think_s=0.05, duration_s=2.0, warmup_s=0.5, seed=3),
    "users who do not think": PlanUsers(users=3, think_s=0.0, duration_s=1.5, warmup_s=0.5, seed=3),
}
TRACE = tuple(0.04 * n for n in range(300))


@pytest.mark.parametrize("kind", LOADS)
def test_what_the_executor_records_of_any_load_is_consistent(measured: Run, kind: str) -> None:
    run = executed(measured, shop_plan(load=LOADS[kind]), 5, trace=TRACE)
    assert len(run.requests) > 50
    assert found(run) == ""
    assert found(executed(measured, shop_plan(load=LOADS[kind]), 6, failing=0.03, trace=TRACE)) == ""
    shared = executed(measured, shop_plan(load=LOADS[kind]), 5, trace=TRACE, shards=3)
    assert found(by_several_generators(shared, 3, 200_000, np.random.default_rng(1))) == ""


@pytest.mark.parametrize("kind", ["poisson", "users"])
def test_an_edit_of_what_the_executor_recorded_is_found(measured: Run, kind: str) -> None:
    run = executed(measured, shop_plan(load=LOADS[kind]), 5, trace=TRACE)
    for edit in (
        requests(lambda r: replace(r, intended_ns=r.sent_ns)),
        requests(lambda r: replace(r, arms=tuple(arm.replace("ranker=0", "ranker=1") for arm in r.arms))),
        without(lambda c: c.after),
        without(lambda c: c.task == "profile"),
        calls(lambda c: shifted(c, FAR)),
        lambda run: replace(run, requests=run.requests[1:]),
    ):
        assert found(edit(run))
    shared = executed(measured, shop_plan(load=LOADS[kind]), 5, trace=TRACE, shards=3)
    assert found(requests(lambda r: replace(r, intended_ns=r.sent_ns))(by_several_generators(shared, 3, 200_000, np.random.default_rng(1))))


def of_streams() -> Plan:
    plan = shop_plan(load=PlanStreams(streams=5, rate=10.0, duration_s=4.0, warmup_s=1.0, seed=3))
    return plan.model_copy(update={"requests": tuple(request.model_copy(update={"clip": 50}) for request in plan.requests)})


def test_what_is_recorded_of_streams_is_consistent(measured: Run) -> None:
    run = executed(measured, of_streams(), 5)
    assert len(run.measured) == 200
    assert found(run) == ""
    assert found(executed(measured, of_streams(), 6, failing=0.03)) == ""
    shared = by_several_generators(executed(measured, of_streams(), 5, shards=3), 3, 200_000, np.random.default_rng(1))
    assert found(shared) == ""


def schedule(how: Callable[[ScheduleRecord], ScheduleRecord]) -> Edit:
    return lambda run: replace(run, schedule=tuple(map(how, run.schedule)))


@pytest.mark.parametrize(
    "edit",
    [
        schedule(lambda row: replace(row, stream=4 - row.stream) if row.number == 7 else row),
        schedule(lambda row: replace(row, number=row.number + 1)),
        schedule(lambda row: replace(row, number=6) if row.number == 7 else row),
        schedule(lambda row: replace(row, stream=-1, number=-1)),
        schedule(lambda row: replace(row, stream=5) if row.stream == 2 else row),
        lambda run: replace(run, schedule=run.schedule[:40] + run.schedule[41:], requests=run.requests[:40] + run.requests[41:]),
    ],
)
def test_a_frame_that_is_not_the_next_of_its_stream_is_found(measured: Run, edit: Edit) -> None:
    assert "not the next of their stream" in found(edit(executed(measured, of_streams(), 5)))


def test_a_request_of_no_stream_that_names_one_is_found(measured: Run) -> None:
    assert "streams that the load does not have" in found(schedule(lambda row: replace(row, stream=0, number=0))(measured))


def with_pairs(load: PlanLoad, apart_s: float) -> Plan:
    """Texts are sent once, pictures once and in pairs."""
    text, image = shop_plan().requests
    requests = (
        text.model_copy(update={"once": True, "share": 0.6}),
        image.model_copy(update={"once": True, "share": 0.4, "pair_apart_s": apart_s}),
    )
    plan = shop_plan(load=load)
    return plan.model_copy(update={"requests": requests, "graph_hash": wiring_hash(requests, plan.steps, plan.choices, plan.response)})


@pytest.mark.parametrize("apart_s", [0.0, 0.3])
@pytest.mark.parametrize("kind", LOADS)
def test_pairs_of_any_load_are_consistent(measured: Run, kind: str, apart_s: float) -> None:
    plan = with_pairs(LOADS[kind], apart_s)
    run = executed(measured, plan, 5, trace=TRACE, payloads=40_000)
    assert len(run.requests) > 50
    assert found(run) == ""
    assert found(executed(measured, plan, 6, failing=0.03, trace=TRACE, payloads=40_000)) == ""
    shared = executed(measured, plan, 5, trace=TRACE, shards=3, payloads=40_000)
    assert found(by_several_generators(shared, 3, 200_000, np.random.default_rng(1))) == ""
    second = next(request for request in run.measured if request.request_class == "image" and request.payload % 2)
    assert found(requests(lambda r: replace(r, intended_ns=r.intended_ns - 2_000) if r is second else r)(run))
    assert all(row.p > 0.001 for row in class_shares(run, Limits()))


def test_the_beginnings_of_pairs_fit_the_declared_process(measured: Run) -> None:
    run = executed(measured, with_pairs(PlanPoisson(rate=60.0, duration_s=30.0, warmup_s=0.0, seed=3), 0.0), 5, payloads=4000)
    fitted, unpaired = arrival_row(run), arrival_row(replace(run, plan=run.plan.model_copy(update={"requests": shop_plan().requests})))
    assert fitted.sent_ks_p is not None
    assert unpaired.sent_ks_p is not None
    assert fitted.sent_ks_p > 0.01 > 1e-6 > unpaired.sent_ks_p
    ours, others = (class_shares(run, Limits()), class_shares(replace(run, plan=shop_plan(load=run.plan.load)), Limits()))
    assert min(row.p for row in ours) > 0.01 > 1e-6 > min(row.p for row in others)


def compiled() -> list[Plan]:
    return [read_plan(path).model_copy(update={"load": POISSON}) for path in sorted((ROOT / "generated").glob("*/plan.json"))]


@pytest.mark.parametrize("plan", compiled(), ids=lambda plan: str(plan.scenario))
@pytest.mark.parametrize("failing", [0.0, 0.02])
def test_what_the_executor_records_of_the_scenarios_is_consistent(measured: Run, plan: Plan, failing: float) -> None:
    run = executed(measured, plan, 11, failing)
    assert found(run) == ""
    for task in sorted({call.task for call in run.calls}):
        assert failing or found(without(lambda c, task=task: c.task == task)(run)), task  # type: ignore[misc]
