"""Whether the records agree with each other: schedule, requests, calls and plan.

What the planner and the generators do leaves no choice: each request as scheduled, sent after it was intended, its calls between its
sending and its answer, each step that the plan and the choices taken demand once. Faults, failed requests and records that were lost with
a process or a host are no contradictions; other codes tell of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.planner.program import check_plan
from aibenchrt.report.checks.as_scheduled import Finding, clock_error_ns, schedule_findings, whole
from aibenchrt.report.checks.check import check
from aibenchrt.report.demanded_calls import Demand, Demands
from aibenchrt.report.model import Check

EFFECT_BEGINS_NS = 10_000_000_000  # a call after the response is ready when this has been sent, or when those before it have ended
_MOST_KINDS = 4  # in one line


@dataclass(frozen=True)
class _Recorded:
    """What one request left. demand None: its arms are none of the plan's."""

    request: RequestRecord
    calls: tuple[CallRecord, ...]
    demand: Demand | None

    @property
    def answered(self) -> bool:
        return self.request.outcome == "ok"


def consistency_checks(run: Run) -> list[Check]:
    return [check("V17", not (said := _said(run)), "; ".join(said) or "no contradiction", "none")]


def _said(run: Run) -> list[str]:
    """Each kind of contradiction: how often, and where first."""
    try:
        check_plan(run.plan)
    except EnvironmentFailure as failure:
        return [failure.message]
    kinds: dict[str, list[Finding]] = {}
    for finding in (*schedule_findings(run), *_findings(run)):
        kinds.setdefault(finding.what, []).append(finding)
    said = [f"{what}: {len(found):,} (first: {found[0].where})" for what, found in kinds.items()]
    return said[:_MOST_KINDS] + ([f"{len(said) - _MOST_KINDS} more kinds"] if len(said) > _MOST_KINDS else [])


def _findings(run: Run) -> Iterator[Finding]:
    requests = {request.request_id: request for request in run.requests}
    demands, error_ns, complete = Demands(run.plan), clock_error_ns(run), whole(run)
    effects = {step.task for step in run.plan.steps if step.phase == "after"}
    for request_id, calls in run.calls_of.items():
        if request_id not in requests:
            yield from (Finding("calls of requests that do not exist", f"{call.task} of {request_id}") for call in calls)
        for call in calls:
            if call.task in effects and not call.after:
                yield Finding("calls after the response that are marked as before it", f"{call.task} of request {request_id}")
    for request in requests.values():
        recorded = _recorded(demands, request, run.calls_of.get(request.request_id, ()))
        yield from _request(recorded, error_ns)
        yield from _times(recorded, error_ns)
        yield from _calls(recorded, complete)
        if recorded.answered and recorded.demand:
            yield from _order(recorded, recorded.demand, error_ns)


def _recorded(demands: Demands, request: RequestRecord, calls: tuple[CallRecord, ...]) -> _Recorded:
    try:
        return _Recorded(request, calls, demands.of(request, calls))
    except ValueError:
        return _Recorded(request, calls, None)


def _request(recorded: _Recorded, error_ns: int) -> Iterator[Finding]:
    """What a request says of itself."""
    request, where = recorded.request, f"request {recorded.request.request_id}"
    if request.outcome == "not_sent":
        if request.sent_ns or request.done_ns or recorded.calls:
            yield Finding("requests that were not sent and left traces", where)
        return
    if not request.intended_ns <= request.sent_ns <= request.done_ns or request.intended_ns < 0:
        yield Finding("requests not sent between their intended time and their end", where)
    if recorded.answered and not request.planner_queue_ns <= request.planner_ns <= request.done_ns - request.sent_ns + error_ns:
        yield Finding("requests in which the planner was busy for longer than they took", where)
    if recorded.demand is None or (recorded.answered and not recorded.demand.arms):
        yield Finding("requests whose arms are not those that their draws, flags and counts lead to", where)


def _times(recorded: _Recorded, error_ns: int) -> Iterator[Finding]:
    """What each call says of itself, and of when its request was sent."""
    sent_ns = recorded.request.sent_ns - error_ns
    for call in recorded.calls:
        if not 0 <= call.ready_ns <= call.start_ns <= call.end_ns:
            yield Finding("calls that do not begin when they are ready and then end", _where(call.task, recorded))
        if call.ready_ns < sent_ns:
            yield Finding("calls before their request was sent", _where(call.task, recorded))
        if call.queue_ns + call.service_ns > call.end_ns - call.start_ns + error_ns:
            yield Finding("calls that took longer at the server than with it", _where(call.task, recorded))


def _calls(recorded: _Recorded, complete: bool) -> Iterator[Finding]:
    """Whether the steps that are demanded were called once, and no other."""
    demand, made = recorded.demand, [call.task for call in recorded.calls]
    for task in dict.fromkeys(made):
        if made.count(task) > 1:
            yield Finding("calls recorded more than once", _where(task, recorded))
        if demand is not None and demand.calls.get(task, False) is False:
            yield Finding("calls that the plan does not demand", _where(task, recorded))
    if demand is not None and complete and recorded.answered:
        for task, demanded in demand.calls.items():
            if demanded and task not in made:
                yield Finding("calls that the plan demands and that left no record", _where(task, recorded))


def _order(recorded: _Recorded, demand: Demand, error_ns: int) -> Iterator[Finding]:
    """Of an answered request: no call before those whose output it takes, none that the response holds after the response."""
    made: Mapping[str, CallRecord] = {call.task: call for call in recorded.calls}
    done_ns = recorded.request.done_ns
    came_ns: dict[str, int] = {}  # task → when the last of what it takes was there
    for task, taker in demand.before:
        if task in made and taker in made:
            came_ns[taker] = max(came_ns.get(taker, 0), made[task].end_ns)
    for task in demand.response:
        if task in made and (made[task].end_ns > done_ns + error_ns or made[task].after):
            yield Finding("calls that the response holds and that ended after it", _where(task, recorded))
    for call in recorded.calls:
        waited = made.get(call.waited_for)
        if waited is None and call.waited_for not in ("", recorded.request.request_class):
            yield Finding("calls that waited for one without a record", _where(call.task, recorded))
        until_ns = waited.end_ns if waited else 0
        if max(until_ns, came_ns.get(call.task, 0)) > call.ready_ns:
            yield Finding("calls before what they waited for was there", _where(call.task, recorded))
        if until_ns < came_ns.get(call.task, 0):
            yield Finding("calls that did not wait for the last of what they take", _where(call.task, recorded))
        if call.ready_ns > max(done_ns, until_ns) + error_ns + (EFFECT_BEGINS_NS if call.after else 0):
            yield Finding("calls long after their request", _where(call.task, recorded))


def _where(task: str, recorded: _Recorded) -> str:
    return f"{task} of request {recorded.request.request_id}"
