"""Labelled requests of classes that are too rare in the mix for the highest percentile of the plan, at the rate of the mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import Supplement
from aibenchrt.load.schedule import SUPPLEMENT_FROM, samples_needed, supplement_schedule
from aibenchrt.plan import Plan


def supplement_rows(
    plan: Plan, rows: Sequence[ScheduleRecord], payloads: Mapping[str, int], longest_s: float, begin_s: float = 0.0
) -> tuple[list[ScheduleRecord], tuple[Supplement, ...]]:
    """rows: the mix; payloads: class → how many. longest_s: of each class; 0: none.

    begin_s: offset of the first; the classes follow one another.
    """
    if longest_s <= 0:
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
        count = counts[request.name] = min(needed, max(1, int(rate * longest_s)))
        new = supplement_schedule(request.name, count, rate, payloads[request.name], load.seed, SUPPLEMENT_FROM + len(supplement))
        supplement += [ScheduleRecord(row.request_id, row.request_class, row.phase, row.payload, base + row.offset_s) for row in new]
        base = supplement[-1].offset_s
    return supplement, supplements(plan, counts, rate)


def supplements(plan: Plan, counts: Mapping[str, int], rate: float) -> tuple[Supplement, ...]:
    highest = max(plan.percentiles, default=50.0)
    reason = f"too few in the mix for p{highest:g}"
    return tuple(Supplement(request_class=name, requests=count, rate=rate, reason=reason) for name, count in counts.items())
