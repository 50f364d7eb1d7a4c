"""The schedule, drawn before the first request is sent: a pure function of the plan's load, its request classes and a seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from numpy.random import Generator, default_rng

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, read_text
from aibenchrt.load import arrivals
from aibenchrt.load.arrivals import Arrival
from aibenchrt.load.mix import Drawn, Mix
from aibenchrt.plan import PlanConstant, PlanLoad, PlanPoisson, PlanRequest, PlanSessions, PlanTrace, PlanUsers

WHEN_FREE = -1.0  # offset_s of a closed-loop request: it is due a think time after the reply to its user's previous one
SUPPLEMENT_FROM = 1_000_000_000  # request ids of supplements start here
MOST_PER_S = 10_000.0  # requests per second planned for users who do not think: more than one generator can send
MOST_TRACE_BYTES = 64 * MIB
SAMPLES_BEYOND = 20  # a percentile is shown only with this many samples expected beyond it


def schedule(
    load: PlanLoad, requests: Sequence[PlanRequest], payloads: Mapping[str, int], seed: int, trace: Sequence[float] = ()
) -> list[ScheduleRecord]:
    """Warm-up, then the measured phase, contiguous; offsets count from the start of each phase. Request ids ascend from 1.

    payloads: class → number of payloads; trace: offsets in seconds, of a trace load. Closed loop (`users`): the first request of each
    user has an offset, all others WHEN_FREE.
    """
    rng = default_rng([load.seed, seed])
    mix = Mix({r.name: r.share for r in requests}, payloads, rng)
    if isinstance(load, PlanUsers):
        return _closed(load, mix)
    end = load.warmup_s + load.duration_s
    rows: list[ScheduleRecord] = []
    asked: dict[int, Drawn] = {}
    for arrival in _arrivals(load, rng, trace):
        if arrival.offset_s >= end:
            break
        drawn = asked[arrival.session] if arrival.turn else mix.draw()
        asked[arrival.session] = drawn
        warm = arrival.offset_s < load.warmup_s
        offset = arrival.offset_s if warm else arrival.offset_s - load.warmup_s
        rows.append(ScheduleRecord(len(rows) + 1, drawn.request_class, "warmup" if warm else "measured", drawn.payload, offset))
    return rows


def supplement_schedule(request_class: str, count: int, rate: float, payloads: int, seed: int, first_id: int) -> list[ScheduleRecord]:
    """The supplement of one class, after the mix: `count` requests, Poisson at `rate` a second."""
    rng = default_rng([seed, first_id])
    mix = Mix({request_class: 1.0}, {request_class: payloads}, rng)
    times = arrivals.poisson(rate, rng)
    return [ScheduleRecord(first_id + n, request_class, "supplement", mix.draw().payload, next(times).offset_s) for n in range(count)]


def used_up(rows: Sequence[ScheduleRecord], payloads: Mapping[str, int]) -> float:
    """Share of the measured rows that come after every payload of their class was used: each is a repeat, which caches may answer."""
    asked: dict[str, set[int]] = {}
    late = measured = 0
    for row in rows:
        known = asked.setdefault(row.request_class, set())
        if row.phase == "measured":
            measured += 1
            late += len(known) >= payloads[row.request_class]
        known.add(row.payload)
    return late / measured if measured else 0.0


def samples_needed(percentile: float) -> int:
    """Requests of a class that a percentile (in percent, as 99 or 99.9) needs to be shown: 20/(1 - p)."""
    return math.ceil(round(100 * SAMPLES_BEYOND / (100 - percentile), 6))  # rounded: 100 - 99.9 is not exact


def shard_of(rows: Sequence[ScheduleRecord], shard: int, shards: int) -> list[ScheduleRecord]:
    """What generator `shard` of `shards` sends: row i goes to generator i mod shards. ValueError: shard is not below shards."""
    if not 0 <= shard < shards:
        raise ValueError(f"there is no shard {shard} of {shards}")
    return list(rows[shard::shards])


def trace_of(load: PlanLoad, generated: Path) -> tuple[float, ...]:
    """The offsets of a trace load, read from its file in the generated folder; () of any other. EnvironmentFailure AIB671."""
    return read_trace(generated / load.trace) if isinstance(load, PlanTrace) else ()


def read_trace(path: Path) -> tuple[float, ...]:
    """Offsets in seconds, one a line. EnvironmentFailure AIB671: no such file, a line is no number, or they do not ascend."""
    try:
        offsets = tuple(float(line) for line in read_text(path, MOST_TRACE_BYTES).splitlines() if line.strip())
        if not all(map(math.isfinite, offsets)):
            raise InputFileError("a number in it is out of range")
        return tuple(arrival.offset_s for arrival in arrivals.trace(offsets))
    except ValueError as error:
        raise EnvironmentFailure("AIB671", path=path, reason=error) from error


def _arrivals(load: PlanPoisson | PlanConstant | PlanSessions | PlanTrace, rng: Generator, trace: Sequence[float]) -> Iterator[Arrival]:
    match load:
        case PlanPoisson():
            return arrivals.poisson(load.rate, rng)
        case PlanConstant():
            return arrivals.constant(load.rate)
        case PlanSessions():
            return arrivals.sessions(load.rate, load.think_s, rng)
        case PlanTrace():
            return arrivals.trace(trace)


def _closed(load: PlanUsers, mix: Mix) -> list[ScheduleRecord]:
    think = load.think_s
    first = arrivals.users(load.users, think)
    # A user sends at most one request per think time; users who do not think are limited together by what a generator can send.
    seconds = load.warmup_s + load.duration_s
    most = load.users * (math.ceil(seconds / think) + 1) if think else load.users + math.ceil(seconds * MOST_PER_S)
    rows = []
    for number in range(min(most, 2_000_000)):
        drawn = mix.draw()
        offset = first[number] if number < load.users else WHEN_FREE
        rows.append(ScheduleRecord(number + 1, drawn.request_class, "warmup", drawn.payload, offset))
    return rows
