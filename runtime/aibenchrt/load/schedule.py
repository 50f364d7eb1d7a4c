"""The schedule, drawn before the first request is sent: a pure function of the plan's load, its request classes and a seed."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from numpy.random import Generator, default_rng

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, read_text
from aibenchrt.load import arrivals, pairs
from aibenchrt.load.arrivals import Arrival
from aibenchrt.load.mix import Drawn, Mix
from aibenchrt.load.streams import stream_rows
from aibenchrt.plan import PlanConstant, PlanLoad, PlanPoisson, PlanRequest, PlanSessions, PlanStreams, PlanTrace, PlanUsers

WHEN_FREE = -1.0  # offset_s of a closed-loop request: it is due a think time after the reply to its user's previous one
MOST_CLOSED = 2_000_000  # that are planned of a closed loop, pairs counted once
SUPPLEMENT_FROM = 1_000_000_000  # request ids of supplements start here
MOST_PER_S = 10_000.0  # requests per second planned for users who do not think: more than one generator can send
MOST_TRACE_BYTES = 64 * MIB
SAMPLES_BEYOND = 20  # a percentile is shown only with this many samples expected beyond it


def schedule(
    load: PlanLoad, requests: Sequence[PlanRequest], payloads: Mapping[str, int], seed: int, trace: Sequence[float] = ()
) -> list[ScheduleRecord]:
    """Warm-up, then the measured phase, contiguous; offsets count from the start of each phase. Request ids ascend from 1.

    payloads: class → number of payloads; trace: offsets in seconds, of a trace load. Closed loop (`users`): the first request of each
    user has an offset, all others WHEN_FREE; the second of a pair follows its first. A pair that the end of a phase would divide is not
    sent. EnvironmentFailure AIB712: a class that is sent once has fewer payloads than that; AIB714: classes of streams have other clips.
    """
    rng = default_rng([load.seed, seed])
    if isinstance(load, PlanStreams):
        return stream_rows(load, requests, payloads, rng)
    apart = pairs.apart_s(requests)
    mix = Mix({r.name: r.share for r in requests}, payloads, rng, once={r.name for r in requests if r.once}, paired=apart)
    rows = _closed(load, mix) if isinstance(load, PlanUsers) else _open(load, mix, apart, _arrivals(load, rng, trace))
    mix.check()
    return rows


def supplement_schedule(
    request: PlanRequest, count: int, rate: float, payloads: int, seed: int, first_id: int, used: Collection[int] = ()
) -> list[ScheduleRecord]:
    """The supplement of one class, after the mix: `count` requests (of pairs: an even number), Poisson at `rate` a second.

    used: payloads that the mix sends, of a class that is sent once. EnvironmentFailure AIB712: too few are left.
    """
    rng = default_rng([seed, first_id])
    name, apart = request.name, pairs.apart_s([request])
    mix = Mix({name: 1.0}, {name: payloads}, rng, once=[name] if request.once else (), paired=apart, used={name: used})
    size = 2 if apart else 1
    times = arrivals.poisson(rate / size, rng)
    due = []
    for _ in range(count // size):
        drawn, begin = mix.next_of(mix.next_class()), next(times).offset_s
        due += [(begin + place * apart.get(name, 0.0), payload) for place, payload in enumerate(drawn.payloads)]
    mix.check()
    due.sort(key=lambda row: row[0])
    return [ScheduleRecord(first_id + n, name, "supplement", payload, offset) for n, (offset, payload) in enumerate(due)]


def used_up(rows: Sequence[ScheduleRecord], payloads: Mapping[str, int]) -> float:
    """Share of the measured rows that come after every payload of their class was used: each is a repeat, which caches may answer.

    Of streams: the frames that come after their stream has shown every clip. Two streams may show the same frame, each in its own state.
    """
    asked: dict[str, set[int]] = {}
    late = measured = 0
    for row in rows:
        known = asked.setdefault(f"stream {row.stream}" if row.stream >= 0 else row.request_class, set())
        if row.phase == "measured":
            measured += 1
            late += len(known) >= payloads[row.request_class]
        known.add(row.payload)
    return late / measured if measured else 0.0


def samples_needed(percentile: float) -> int:
    """Requests of a class that a percentile (in percent, as 99 or 99.9) needs to be shown: 20/(1 - p)."""
    return math.ceil(round(100 * SAMPLES_BEYOND / (100 - percentile), 6))  # rounded: 100 - 99.9 is not exact


def shard_of(rows: Sequence[ScheduleRecord], shard: int, shards: int, paired: Collection[str] = ()) -> list[ScheduleRecord]:
    """What generator `shard` of `shards` sends: row i goes to generator i mod shards, where the second of a pair does not count and goes
    with the first; a whole stream goes to generator stream mod shards. paired: classes that come in pairs. ValueError: shard is not below
    shards."""
    if not 0 <= shard < shards:
        raise ValueError(f"there is no shard {shard} of {shards}")
    if any(row.stream >= 0 for row in rows):
        return [row for number, row in enumerate(rows) if (row.stream if row.stream >= 0 else number) % shards == shard]
    if not paired:
        return list(rows[shard::shards])
    leaders = pairs.leaders(rows, paired)
    mine = set(list(dict.fromkeys(leaders))[shard::shards])
    return [row for row, leader in zip(rows, leaders, strict=True) if leader in mine]


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


def _open(
    load: PlanPoisson | PlanConstant | PlanSessions | PlanTrace, mix: Mix, apart: Mapping[str, float], arriving: Iterator[Arrival]
) -> list[ScheduleRecord]:
    end = load.warmup_s + load.duration_s
    rows: list[ScheduleRecord] = []
    asked: dict[int, Drawn] = {}
    later: list[tuple[float, int, str, int]] = []  # the seconds of pairs: when, the how manieth, class, payload

    def send(at_s: float, name: str, payload: int) -> None:
        warm = at_s < load.warmup_s
        offset = at_s if warm else at_s - load.warmup_s
        rows.append(ScheduleRecord(len(rows) + 1, name, "warmup" if warm else "measured", payload, offset))

    def send_later(until_s: float) -> None:
        while later and later[0][0] <= until_s:
            at_s, _, name, payload = heapq.heappop(later)
            send(at_s, name, payload)

    for number, arrival in enumerate(arriving):
        if arrival.offset_s >= end:
            break
        send_later(arrival.offset_s)
        drawn = mix.again(asked[arrival.session]) if arrival.turn else mix.draw()
        asked[arrival.session] = drawn
        second_s = arrival.offset_s + apart.get(drawn.request_class, 0.0)
        if not drawn.payloads or second_s >= end or (arrival.offset_s < load.warmup_s <= second_s):
            continue
        send(arrival.offset_s, drawn.request_class, drawn.payloads[0])
        if len(drawn.payloads) > 1:
            heapq.heappush(later, (second_s, number, drawn.request_class, drawn.payloads[1]))
            send_later(arrival.offset_s)
    send_later(end)
    return rows


def _closed(load: PlanUsers, mix: Mix) -> list[ScheduleRecord]:
    think = load.think_s
    first = arrivals.users(load.users, think)
    # A user sends at most one request per think time; users who do not think are limited together by what a generator can send.
    seconds = load.warmup_s + load.duration_s
    most = load.users * (math.ceil(seconds / think) + 1) if think else load.users + math.ceil(seconds * MOST_PER_S)
    rows: list[ScheduleRecord] = []
    begun = 0
    while begun < min(most, MOST_CLOSED):
        drawn = mix.draw()
        for place, payload in enumerate(drawn.payloads):
            offset = first[begun] if begun < load.users and place == 0 else WHEN_FREE
            rows.append(ScheduleRecord(len(rows) + 1, drawn.request_class, "warmup", payload, offset))
        begun += bool(drawn.payloads)
    return rows
