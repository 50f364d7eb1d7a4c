"""What an audit asks a fresh deployment: a sample of the run's requests again, then payloads several times each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aibenchrt.collect.recorded_run import MEASURED, Run
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanExclusiveChoice
from aibenchrt.planner.executor import draw, drawn_arm

SAMPLE = 60  # requests that are asked again
PAYLOADS = 60  # of each class, that are repeated
TIMES = 3  # that each of them is asked
FEWEST = 10  # payloads of a class that say something
REPEATS_FROM = 1_500_000_000  # request ids; below it those of the run
_SLACK = 3.0  # median latencies between two requests: each is answered before the next, as a rule
_LEAST_S = 0.02


def audit_rows(run: Run, seed: int) -> tuple[ScheduleRecord, ...]:
    """All of phase 'measured', offsets from its start. The sample keeps its request ids, by which draws of choices are seeded, and the
    ids of repeats are such that each draws as the first of its payload. No payload is both in the sample and repeated.

    EnvironmentFailure AIB750: the run answered too few different payloads.
    """
    rng = np.random.default_rng([seed, len(run.measured)])
    first = _first_asked(run)
    sample, rest = _split(first, rng)
    if len(sample) < FEWEST or not any(len(own) >= FEWEST for own in rest.values()):
        raise EnvironmentFailure("AIB750", run=run.directory, payloads=len(first), needed=3 * FEWEST)
    spacing = _spacing_s(run)
    rows = [_row(request.request_id, request, number * spacing) for number, request in enumerate(sample)]
    ids = iter(range(REPEATS_FROM, 2 * REPEATS_FROM))
    repeated = [request for own in rest.values() for request in own]
    rng.shuffle(repeated)  # type: ignore[arg-type]  # classes take turns
    for request in repeated:
        like = next(ids)
        for request_id in (like, *_alike(run.plan, like, ids)):
            rows.append(_row(request_id, request, len(rows) * spacing))
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


def _split(first: Sequence[RequestRecord], rng: np.random.Generator) -> tuple[list[RequestRecord], dict[str, list[RequestRecord]]]:
    """The sample, and per class what is repeated: at most half of a class goes into the sample."""
    by_class: dict[str, list[RequestRecord]] = {}
    for position in rng.permutation(len(first)).tolist():
        by_class.setdefault(first[position].request_class, []).append(first[position])
    rest = {name: own[: min(PAYLOADS, len(own) // 2)] for name, own in by_class.items()}
    left = [request for name, own in by_class.items() for request in own[len(rest[name]) :]]
    return sorted(left[:SAMPLE], key=lambda request: request.request_id), rest


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
