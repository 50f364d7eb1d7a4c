"""Additional rows of a run on several hosts: hosts, generators and clocks; and, of a fault experiment, what users noticed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import QUEUE_UNKNOWN, RequestRecord
from aibenchrt.report.degraded_replicas import degraded, failed_effects, hosts_of
from aibenchrt.report.figures import MS
from aibenchrt.report.model import ClockRow, Fault, GeneratorRow, HostRow, TimelineRow

_AROUND_S = 5  # seconds shown before the first and after the last disturbed second
SLOW = 2.0  # multiple of the worst second before the fault below which latency counts as recovered


def host_rows(run: Run) -> tuple[HostRow, ...]:
    """Empty where everything ran on one host."""
    return tuple(
        HostRow(host=h.name, cpu=h.cpu_model, cores=h.cores, memory_mib=h.memory_mib, parts=h.parts) for h in run.info.hosts if h.parts
    )


def generator_rows(run: Run) -> tuple[GeneratorRow, ...]:
    """One row for each generator; figures None if it has none."""
    return tuple(GeneratorRow(host=g.host, shard=g.shard, shards=g.shards, figures=g.figures) for g in run.info.generators)


def clock_rows(run: Run) -> tuple[ClockRow, ...]:
    """Every planner's clock compared with every generator's; drift None if they were not compared after the load."""
    return tuple(
        ClockRow(
            host=g.host,
            planner=c.planner,
            offset_ms=c.before.offset_ns / MS,
            uncertainty_ms=max(o.uncertainty_ns for o in (c.before, c.after) if o) / MS,
            drift_ms=c.drift_ns / MS if c.after else None,
            error_ms=c.error_ns / MS,
        )
        for g in run.info.generators
        for c in g.clocks
    )


def timeline(run: Run) -> tuple[TimelineRow, ...]:
    """Every second of the measured window, by the intended times."""
    start = run.info.load.window_start_ns
    seconds: dict[int, list[RequestRecord]] = {}
    for request in run.measured:
        seconds.setdefault((request.intended_ns - start) // 1_000_000_000, []).append(request)
    return tuple(_second(number, seconds[number]) for number in sorted(seconds))


def _second(number: int, requests: Sequence[RequestRecord]) -> TimelineRow:
    times = [(r.done_ns - r.intended_ns) / MS for r in requests if r.outcome == "ok"]
    return TimelineRow(
        second=number,
        asked=len(requests),
        failed=sum(r.outcome != "ok" for r in requests),
        p50_ms=float(np.median(times)) if times else None,
        max_ms=max(times, default=None),
    )


def fault(run: Run) -> Fault | None:
    """None unless the run was a fault experiment."""
    if not run.info.fault:
        return None
    rows = timeline(run)
    failing = [row.second for row in rows if row.failed]
    first = failing[0] if failing else None
    last = failing[-1] if failing else None
    well = next((row.second for row in rows if last is not None and row.second > last), None)
    before = max((row.max_ms or 0.0 for row in rows if first is not None and row.second < first), default=0.0)
    calm = _calm(rows, well, SLOW * before) if well is not None and before else None
    low = -math.inf if first is None else first - _AROUND_S
    high = math.inf if calm is None and well is None else max(calm or 0, well or 0) + _AROUND_S
    return Fault(
        text=run.info.fault,
        parts=(*(f"{p.name} on {p.host}: {p.reason}" for p in run.info.processes if p.died), *map(str, degraded(run)), *_unseen(run)),
        failed=sum(row.failed for row in rows),
        asked=sum(row.asked for row in rows),
        first_failed_s=first,
        well_s=well,
        calm_s=calm,
        seconds=tuple(row for row in rows if low <= row.second <= high),
    )


def _unseen(run: Run) -> tuple[str, ...]:
    failed, made, most = failed_effects(run)
    untimed = Counter((c.task, c.endpoint) for c in run.calls if QUEUE_UNKNOWN in c.note)
    where = hosts_of(run)
    return (
        *((f"{failed} of {made} calls after the responses failed, most often: {most}",) if failed else ()),
        *(f"{task} on {where.get(at, at)}: the queueing time of {n} calls was not recorded" for (task, at), n in sorted(untimed.items())),
    )


def _calm(rows: Sequence[TimelineRow], well: int, bound_ms: float) -> int | None:
    """The first second from `well` on from which no request is slower than the bound."""
    slow = [row.second for row in rows if row.second >= well and (row.max_ms or 0.0) > bound_ms]
    return next((row.second for row in rows if row.second >= well and (not slow or row.second > slow[-1])), None)
