"""What an audit asks a fresh deployment: a sample of the run's requests again, then payloads several times each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aibenchrt.collect.recorded_run import MEASURED, Run
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.pairs import apart_s
from aibenchrt.plan import Plan, PlanExclusiveChoice, PlanStreams
from aibenchrt.planner.executor import draw, drawn_arm

SAMPLE = 60  # requests that are asked again
PAYLOADS = 60  # of each class, that are repeated
TIMES = 3  # that each of them is asked
FEWEST = 10  # payloads of a class that say something
REPEATS_FROM = 1_500_000_000  # request ids; below it those of the run
_Unit = tuple[RequestRecord, ...]
_SLACK = 3.0  # median latencies between two requests: each is answered before the next, as a rule
_LEAST_S = 0.02


def audit_rows(run: Run, seed: int) -> tuple[ScheduleRecord, ...]:
    """All of phase 'measured', offsets from its start. The sample keeps its request ids, by which draws of choices are seeded, and the
    ids of repeats are such that each draws as the first of its payload. No payload is both in the sample and repeated. Of what can be sent
    once nothing is repeated, and pairs are asked again whole, in the time that lay between them.

    EnvironmentFailure AIB750: the run answered too few different payloads; AIB716: it sent streams.
    """
    if isinstance(run.plan.load, PlanStreams):
        raise EnvironmentFailure("AIB716", directory=run.directory)
    rng = np.random.default_rng([seed, len(run.measured)])
    first = _first_asked(run)
    sample, rest = _split(run, first, rng)
    few = rest and not any(len(own) >= FEWEST for own in rest.values())
    if sum(map(len, sample)) < FEWEST or few:
        raise EnvironmentFailure("AIB750", run=run.directory, payloads=len(first), needed=3 * FEWEST)
    spacing, apart = _spacing_s(run), apart_s(run.plan.requests)
    rows: list[ScheduleRecord] = []
    begin_s = 0.0
    for unit in sample:
        rows += [_row(r.request_id, r, begin_s + place * apart.get(r.request_class, 0.0)) for place, r in enumerate(unit)]
        begin_s = rows[-1].offset_s + spacing
    ids = iter(range(REPEATS_FROM, 2 * REPEATS_FROM))
    repeated = [unit for own in rest.values() for unit in own]
    rng.shuffle(repeated)  # type: ignore[arg-type]  # classes take turns
    for unit in repeated:
        like = next(ids)
        for request_id in (like, *_alike(run.plan, like, ids)):
            rows.append(_row(request_id, unit[0], begin_s))
            begin_s += spacing
    return tuple(rows)


def _first_asked(run: Run) -> list[RequestRecord]:
    """Measured requests that succeeded and whose payload had not been asked before, not even in the warm-up."""
    seen: set[tuple[str, int]] = set()
    first = []
    for request in sorted(run.requests, key=lambda r: (r.intended_ns, r.request_id)):
        key = (request.request_class, request.payload)
        if key not in seen and request.phase == MEASURED and request.outcome == "ok":
            first.append(request)
        seen.add(key)
    return first


def repeatable(plan: Plan) -> frozenset[str]:
    """The classes whose payloads may be sent again, each by itself."""
    return frozenset(request.name for request in plan.requests if not request.once and request.pair_apart_s is None)


def _split(run: Run, first: Sequence[RequestRecord], rng: np.random.Generator) -> tuple[list[_Unit], dict[str, list[_Unit]]]:
    """The sample, and per class what is repeated: at most half of a class goes into the sample, and all of what cannot be repeated."""
    by_class: dict[str, list[_Unit]] = {}
    units = _units(run, first)
    drawn = [units[position] for position in rng.permutation(len(units)).tolist()]
    for unit in drawn:
        by_class.setdefault(unit[0].request_class, []).append(unit)
    again = repeatable(run.plan)
    rest = {name: own[: min(PAYLOADS, len(own) // 2)] for name, own in by_class.items() if name in again}
    taken = {unit[0].request_id for own in rest.values() for unit in own}
    left = [unit for unit in drawn if unit[0].request_id not in taken]
    return sorted(left[:SAMPLE], key=lambda unit: unit[0].request_id), rest


def _units(run: Run, first: Sequence[RequestRecord]) -> list[_Unit]:
    """What is asked again together: one request, or both of a pair."""
    paired = apart_s(run.plan.requests)
    units: dict[tuple[str, int], _Unit] = {}
    for request in first:
        key = (request.request_class, request.payload // 2 if request.request_class in paired else request.payload)
        units[key] = (*units.get(key, ()), request)
    return [unit for (name, _), unit in units.items() if name not in paired or len(unit) == 2]


def _spacing_s(run: Run) -> float:
    median_ns = float(np.median([r.done_ns - r.sent_ns for r in run.measured if r.outcome == "ok"]))
    return max(_LEAST_S, _SLACK * median_ns / 1e9)


def _alike(plan: Plan, like: int, ids: Iterator[int]) -> Iterator[int]:
    """TIMES − 1 ids that draw the same arms as this one."""
    choices = [choice for choice in plan.choices if isinstance(choice, PlanExclusiveChoice) and not choice.flags]

    def drawn(request_id: int) -> list[int]:
        return [drawn_arm(choice, draw(plan.seed, request_id, choice.name)) for choice in choices]

    wanted = drawn(like)
    fitting = (request_id for request_id in ids if drawn(request_id) == wanted)
    return (next(fitting) for _ in range(TIMES - 1))


def _row(request_id: int, request: RequestRecord, offset_s: float) -> ScheduleRecord:
    return ScheduleRecord(request_id, request.request_class, MEASURED, request.payload, offset_s)
