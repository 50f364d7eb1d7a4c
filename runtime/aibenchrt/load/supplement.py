"""Labelled requests of classes that are too rare in the mix for the highest percentile of the plan, at the rate of the mix."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import Supplement
from aibenchrt.load.schedule import SUPPLEMENT_FROM, samples_needed, supplement_schedule
from aibenchrt.plan import Plan, PlanRequest, PlanStreams


def supplement_rows(
    plan: Plan, rows: Sequence[ScheduleRecord], payloads: Mapping[str, int], longest_s: float, begin_s: float = 0.0
) -> tuple[list[ScheduleRecord], tuple[Supplement, ...]]:
    """rows: the mix; payloads: class → how many. longest_s: of each class; 0: none. Of what is sent once, no more than the mix leaves.
    None of streams: a frame without those before it is another thing to measure.

    begin_s: offset of the first; the classes follow one another.
    """
    if longest_s <= 0 or isinstance(plan.load, PlanStreams):
        return [], ()
    load = plan.load
    rate = load.mean_rate
    needed = samples_needed(max(plan.percentiles, default=50.0))
    most = max(plan.requests, key=lambda request: request.share).name
    supplement: list[ScheduleRecord] = []
    counts = {}
    base = begin_s
    for request in plan.requests:
        expected = sum(row.request_class == request.name and row.phase == "measured" for row in rows)
        if request.name == most or expected >= needed:
            continue
        used = {row.payload for row in rows if row.request_class == request.name} if request.once else set()
        count = _count(request, min(needed, max(1, int(rate * longest_s))), payloads[request.name], used)
        if not count:
            continue
        counts[request.name] = count
        new = supplement_schedule(request, count, rate, payloads[request.name], load.seed, SUPPLEMENT_FROM + len(supplement), used)
        supplement += [ScheduleRecord(row.request_id, row.request_class, row.phase, row.payload, base + row.offset_s) for row in new]
        base = supplement[-1].offset_s
    return supplement, supplements(plan, counts, rate)


def _count(request: PlanRequest, wanted: int, payloads: int, used: Collection[int]) -> int:
    """How many are sent: whole pairs, and of what is sent once no more than is left."""
    size = 1 if request.pair_apart_s is None else 2
    units = math.ceil(wanted / size)
    return size * (min(units, payloads // size - len({payload // size for payload in used})) if request.once else units)


def supplements(plan: Plan, counts: Mapping[str, int], rate: float) -> tuple[Supplement, ...]:
    highest = max(plan.percentiles, default=50.0)
    reason = f"too few in the mix for p{highest:g}"
    return tuple(Supplement(request_class=name, requests=count, rate=rate, reason=reason) for name, count in counts.items())
