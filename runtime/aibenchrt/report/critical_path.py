"""The critical path of each request, from the calls' waited_for chain (as CRISP does from traces: Zhang et al. 2022, CRISP, ATC).

The chain starts at the call that completed the response and goes back to the request. Response time (done − sent) splits into the
calls on the chain and the planner's overhead, which is all the rest: its own work, its queue and the wire between generator and planner.
"""

from __future__ import annotations

from dataclasses import dataclass

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.plan import Plan


@dataclass(frozen=True)
class CriticalPath:
    """calls: from the request to the response. overhead_ns: response time minus the calls' times.

    broken: the chain named a task without a record, so the path is not complete.
    """

    request: RequestRecord
    calls: tuple[CallRecord, ...]
    overhead_ns: int
    broken: bool

    @property
    def response_ns(self) -> int:
        return self.request.done_ns - self.request.sent_ns

    @property
    def hops(self) -> int:
        return len(self.calls)


def critical_path(request: RequestRecord, calls: tuple[CallRecord, ...], feeding: frozenset[str]) -> CriticalPath | None:
    """The path of one successful request; None where no call fed its response. feeding: as `feeding_response` has it."""
    by_task = {call.task: call for call in calls if call.outcome == "ok" and not call.after}
    last = _completing(by_task, feeding)
    if last is None:
        return None
    chain = [last]
    seen = {last.task}
    broken = False
    while chain[-1].waited_for:
        before = by_task.get(chain[-1].waited_for)
        if before is None or before.task in seen:
            broken = chain[-1].waited_for != request.request_class
            break
        chain.append(before)
        seen.add(before.task)
    chain.reverse()
    spent = sum(call.end_ns - call.start_ns for call in chain)
    return CriticalPath(request, tuple(chain), request.done_ns - request.sent_ns - spent, broken)


def feeding_response(plan: Plan) -> frozenset[str]:
    """The tasks whose outputs a response may hold; those of all steps, where it has no parts."""
    return frozenset(source.task for part in plan.response for source in part.sources) or frozenset(step.task for step in plan.steps)


def _completing(by_task: dict[str, CallRecord], feeding: frozenset[str]) -> CallRecord | None:
    """The call whose output completed the response: for each part the first source that ran, and among the parts the last to arrive; for an
    empty response the call that ended last."""
    candidates = [by_task[task] for task in sorted(feeding & by_task.keys())]
    if not candidates:
        return None
    # A class may run a task that feeds the response only in another case (a cache that missed): the path ends where nothing else waited.
    waited = {call.waited_for for call in by_task.values()}
    ends = [call for call in candidates if call.task not in waited] or candidates
    return max(ends, key=lambda call: (call.end_ns, call.task))


def critical_paths(run: Run) -> tuple[CriticalPath, ...]:
    """The paths of the measured, successful requests in the order of their intended times."""
    feeding = feeding_response(run.plan)
    paths = (critical_path(r, run.calls_of.get(r.request_id, ()), feeding) for r in run.measured if r.outcome == "ok")
    return tuple(path for path in paths if path is not None)
