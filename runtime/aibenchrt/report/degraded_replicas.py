"""Replicas and hosts that degraded during a run although no process died: a replica that answered nothing for a while although the
others of its task did, and a host on which everything took much longer for a while. And what failed after its response, which no user saw.

Silence: calls go round over the replicas, so that those of a healthy one lie between those of the others. Slowness: what every call took
(without its wait in the queue) over the lower quartile of its task at this replica; the median of a host's calls within two seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import CallRecord
from aibenchrt.plan import Plan, PlanService, PlanStreams, planner_endpoints
from aibenchrt.process_names import PLANNER
from aibenchrt.report.frames import keeps_streams

SILENT_CALLS = 20  # calls that other replicas answered meanwhile; more if many take turns
SLOW = 5.0
WINDOW_NS = 2_000_000_000
FEWEST = 10  # fewest calls of a host in a window for a judgement
LASTING = 2  # consecutive windows
_S = 1e9


@dataclass(frozen=True)
class Degradation:
    """part: a task, or all parts of a host; host: its name. Seconds from the start of the measured window."""

    part: str
    host: str
    start_s: float
    end_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.part} on {self.host}: {self.what} from second {self.start_s:.1f} to {self.end_s:.1f}"


def degraded(run: Run) -> tuple[Degradation, ...]:
    """Degraded replicas in the order in which they began to be; empty if everything ran on one machine."""
    if not run.info.generators:
        return ()
    measured = {r.request_id for r in run.measured}
    calls = sorted((c for c in run.calls if c.request_id in measured and c.outcome == "ok"), key=lambda c: c.end_ns)
    return tuple(
        sorted((*_silences(run, calls), *_slow_hosts(run, calls)), key=lambda degradation: (degradation.start_s, degradation.part))
    )


def failed_effects(run: Run) -> tuple[int, int, str]:
    """(failed, all) calls after the responses of measured requests, and the most frequent failure as 'task on host: error'."""
    measured = {r.request_id for r in run.measured}
    calls = [c for c in run.calls if c.after and c.request_id in measured]
    where = hosts_of(run)
    failures = Counter(f"{c.task} on {where.get(c.endpoint, c.endpoint)}: {cause(c)}" for c in calls if c.outcome == "failed")
    return failures.total(), len(calls), failures.most_common(1)[0][0] if failures else ""


def hosts_of(run: Run) -> dict[str, str]:
    """Endpoint → its host."""
    return {endpoint: host for s in run.plan.services for endpoint, host in zip(s.endpoints, s.hosts, strict=False)}


def cause(call: CallRecord) -> str:
    """What a failed call says, without where."""
    return call.error.removeprefix("CallError: ").removeprefix(f"{call.endpoint}: ")[:120]


def _silences(run: Run, calls: Iterable[CallRecord]) -> Iterator[Degradation]:
    start, end, where = run.info.load.window_start_ns, run.info.load.window_end_ns, hosts_of(run)
    planners = len(planner_endpoints(run.plan))
    answered: dict[str, list[tuple[int, str]]] = {PLANNER: [(r.done_ns, r.planner) for r in run.measured if r.outcome == "ok"]}
    answered[PLANNER].sort()
    for call in calls:
        answered.setdefault(call.task, []).append((call.end_ns, call.endpoint))
    for service in run.plan.services:
        least = max(SILENT_CALLS, 5 * planners * (len(service.endpoints) - 1))
        for endpoint in _taking_turns(run.plan, service) if len(service.endpoints) > 1 else ():
            since, others = start, 0
            for at, who in [*answered.get(service.name, ()), (end, endpoint)]:
                if who != endpoint:
                    others += 1
                    continue
                if others >= least:
                    what = f"answered nothing, while other replicas answered {others} times,"
                    yield Degradation(service.name, where.get(endpoint, endpoint), (since - start) / _S, (at - start) / _S, what)
                since, others = at, 0


def _taking_turns(plan: Plan, service: PlanService) -> tuple[str, ...]:
    """The replicas that are called as long as they serve: of a task that keeps a state for each stream, those that a stream belongs to."""
    step = next((step for step in plan.steps if step.task == service.name), None)
    if step is None or not keeps_streams(step):
        return service.endpoints
    return service.endpoints[: plan.load.streams] if isinstance(plan.load, PlanStreams) else ()


def _slow_hosts(run: Run, calls: Iterable[CallRecord]) -> Iterator[Degradation]:
    start, where = run.info.load.window_start_ns, hosts_of(run)
    times: dict[tuple[str, str], list[CallRecord]] = {}
    for call in calls:
        times.setdefault((call.task, call.endpoint), []).append(call)
    ratios: dict[str, dict[int, list[float]]] = {}
    for (_, endpoint), made in times.items():
        usual = max(1.0, float(np.percentile([_took_ns(c) for c in made], 25)))
        for call in made:
            windows = ratios.setdefault(where.get(endpoint, endpoint), {})
            windows.setdefault((call.end_ns - start) // WINDOW_NS, []).append(_took_ns(call) / usual)
    for host, windows in ratios.items():
        medians = {number: float(np.median(values)) for number, values in windows.items() if len(values) >= FEWEST}
        for first, last in _stretches(sorted(number for number, median in medians.items() if median >= SLOW)):
            if last - first + 1 >= LASTING:
                worst = max(medians[number] for number in range(first, last + 1))
                bounds = (first * WINDOW_NS / _S, (last + 1) * WINDOW_NS / _S)
                yield Degradation("every part", host, *bounds, f"took up to {worst:.0f} times as long as usual")


def _took_ns(call: CallRecord) -> int:
    return call.end_ns - call.start_ns - call.queue_ns


def _stretches(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each unbroken stretch of ascending numbers."""
    stretches: list[tuple[int, int]] = []
    for number in numbers:
        if stretches and stretches[-1][1] == number - 1:
            stretches[-1] = (stretches[-1][0], number)
        else:
            stretches.append((number, number))
    return iter(stretches)
