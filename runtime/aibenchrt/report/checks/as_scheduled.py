"""Whether each request is the one that was scheduled, at the instant that was intended for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from aibenchrt.collect.recorded_run import MEASURED, SUPPLEMENT, Run
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.load.pairs import apart_s, leaders
from aibenchrt.load.schedule import WHEN_FREE, shard_of
from aibenchrt.plan import PlanStreams, PlanUsers

_S = 1_000_000_000
_ROUNDING_NS = 100  # of an offset in seconds, made whole nanoseconds
_COMPARED_NS = 100_000  # what a comparison of clocks does not see between its exchanges
_TOGETHER_NS = 1_000_000  # generators begin at the same instant, as merge takes it
_MOST, _MOST_OWN = 1.05, 10.0  # of a machine; processes are sampled a moment later, on a stalled machine much later
_KILLED = -9  # what did not end in time when it was told to
_DRIFT = 5e-4  # of clocks that were compared only once: more than NTP ever slews


@dataclass(frozen=True)
class Finding:
    """One contradiction. what: its kind, in the plural; where: 'request 7', 'rank of request 7'."""

    what: str
    where: str


def clock_error_ns(run: Run) -> int:
    """By how much times of generators and planners on several hosts may be wrong; 0 on one machine, which has one clock."""
    clocks = [clock for generator in run.info.generators for clock in generator.clocks]
    if not clocks:
        return 0
    once = int(_DRIFT * _S * (run.info.load.warmup_s + run.info.load.duration_s)) if any(clock.after is None for clock in clocks) else 0
    return 4 * max(clock.error_ns for clock in clocks) + _COMPARED_NS + once


def whole(run: Run) -> bool:
    """Whether nothing explains that records are missing: a fault, a process that died with what it had not written, a host out of reach."""
    info = run.info
    ended = any(process.died or process.exit_code == _KILLED for process in info.processes)
    return info.outcome == "completed" and not (info.fault or info.missing or info.outages or ended)


def schedule_findings(run: Run) -> Iterator[Finding]:
    rows = {row.request_id: row for row in run.schedule}
    yield from _twice("rows of the schedule twice", (row.request_id for row in run.schedule))
    yield from _twice("requests recorded more than once", (request.request_id for request in run.requests))
    yield from _twice("truths recorded more than once", (row.request_id for row in run.truth))
    yield from (
        Finding("truths of requests that were not scheduled", _request(t.request_id)) for t in run.truth if t.request_id not in rows
    )
    closed = isinstance(run.plan.load, PlanUsers)
    for request in run.requests:
        row = rows.get(request.request_id)
        if row is None:
            yield Finding("requests that were not scheduled", _request(request.request_id))
        elif (row.request_class, row.payload) != (request.request_class, request.payload) or not (closed or row.phase == request.phase):
            yield Finding("requests with another class, phase or payload than scheduled", _request(request.request_id))
    yield from _load(run)
    yield from _streams(run)
    shards = max(1, len(run.info.generators))
    known = {request.request_id: request for request in run.requests}
    for shard in range(shards):
        yield from _shard(run, shard_of(run.schedule, shard, shards, apart_s(run.plan.requests)), known)
    yield from _counts(run)
    yield from _samples(run)


def _shard(run: Run, rows: Sequence[ScheduleRecord], known: dict[int, RequestRecord]) -> Iterator[Finding]:
    """What one generator sent. A supplement may be sent by one of its own, which begins later."""
    mix = [row for row in rows if row.phase != SUPPLEMENT]
    if isinstance(run.plan.load, PlanUsers):
        yield from _closed(run, mix, known, run.plan.load)
    else:
        yield from _open(run, mix, known, _begin_ns(run))
    yield from _open(run, [row for row in rows if row.phase == SUPPLEMENT], known, None)


def _begin_ns(run: Run) -> int:
    """Time 0 of the schedule."""
    return run.info.load.window_start_ns - int(run.info.load.warmup_s * _S)


def _agreed_ns(run: Run) -> int:
    """By how much the beginning of a generator may differ from that of the first."""
    return _TOGETHER_NS + clock_error_ns(run) if run.info.generators else _ROUNDING_NS


def _open(run: Run, rows: Sequence[ScheduleRecord], known: dict[int, RequestRecord], begin_ns: int | None) -> Iterator[Finding]:
    """begin_ns None: unknown; then only the distances between requests are compared."""
    warmup_ns = int(run.info.load.warmup_s * _S)
    own_ns: int | None = None
    for row in rows:
        request = known.get(row.request_id)
        if request is None:
            if whole(run):
                yield Finding("scheduled requests that left no record", _request(row.request_id))
            continue
        began = request.intended_ns - int(row.offset_s * _S) - (warmup_ns if row.phase == MEASURED else 0)
        if own_ns is None:
            own_ns = began if begin_ns is None or abs(began - begin_ns) <= _agreed_ns(run) else begin_ns
        if abs(began - own_ns) > _ROUNDING_NS:
            yield Finding("requests intended for another instant than scheduled", _request(row.request_id))


def _closed(run: Run, rows: Sequence[ScheduleRecord], known: dict[int, RequestRecord], load: PlanUsers) -> Iterator[Finding]:
    """Turns are taken in order, each when it is a user's first, or a think time after the answers of one; none is left out, but a pair that
    each user may give up at the end. A pair may wait for the end of the warm-up (load/turns.py)."""
    apart = apart_s(run.plan.requests)
    turns = _turns(rows, apart)
    sent = [known[row.request_id] for row in rows if row.request_id in known]
    if not sent or not whole(run):  # what followed on a lost record cannot be told
        return
    last = max(position for position, turn in enumerate(turns) if any(row.request_id in known for row in turn))
    missing = [[row for row in turn if row.request_id not in known] for turn in turns[: last + 1]]
    given_up = [lost for turn, lost in zip(turns, missing, strict=False) if len(lost) == len(turn) == 2][: load.users]
    for row in (row for lost in missing if lost not in given_up for row in lost):
        yield Finding("scheduled requests that left no record", _request(row.request_id))
    first = [int(row.offset_s * _S) for row in rows if row.offset_s != WHEN_FREE]
    begin_ns = _begin_ns(run)
    own_ns = min(request.intended_ns for request in sent) - min(first, default=0)
    own_ns = own_ns if abs(own_ns - begin_ns) <= _agreed_ns(run) else begin_ns
    due = Counter(own_ns + offset for offset in first)
    taken = [[known[row.request_id] for row in turn if row.request_id in known] for turn in turns]
    due.update(max(request.done_ns for request in turn) + int(load.think_s * _S) for turn in taken if turn)
    begun_ns = own_ns + int(load.warmup_s * _S)
    may_have_waited = [turn for turn in taken if len(turn) > 1 and turn[0].intended_ns == begun_ns]
    for begins, *seconds in (*(turn for turn in taken if turn and turn not in may_have_waited), *may_have_waited):
        apart_ns = int(apart.get(begins.request_class, 0.0) * _S)
        since = begins.intended_ns
        if due[since] <= 0 and seconds and since == begun_ns:
            since = next((at for at in due if begun_ns - apart_ns <= at < begun_ns and due[at] > 0), since)
        if due[since] <= 0:
            yield Finding("requests intended for another instant than a think time after an answer", _request(begins.request_id))
        due[since] -= 1
        for second in seconds:
            if second.intended_ns != begins.intended_ns + apart_ns:
                yield Finding("requests intended for another instant than scheduled", _request(second.request_id))
    for request in sent:
        if (request.intended_ns >= begun_ns) != (request.phase == MEASURED):
            yield Finding("requests with another class, phase or payload than scheduled", _request(request.request_id))


def _turns(rows: Sequence[ScheduleRecord], paired: Collection[str]) -> list[list[ScheduleRecord]]:
    """Pairs together, in the order of their firsts."""
    turns: dict[int, list[ScheduleRecord]] = {}
    for leader, row in zip(leaders(rows, paired), rows, strict=True):
        turns.setdefault(leader, []).append(row)
    return list(turns.values())


def _load(run: Run) -> Iterator[Finding]:
    """What run.json says of the load, compared with the plan."""
    said, planned = run.info.load, run.plan.load
    rate = None if isinstance(planned, PlanUsers) else planned.mean_rate
    own = (planned.arrival, rate, planned.duration_s, planned.warmup_s, planned.seed, {r.name: r.share for r in run.plan.requests})
    if (said.arrival, said.rate, said.duration_s, said.warmup_s, said.seed, said.shares) != own:
        yield Finding("loads in run.json that are not the plan's", f"{said.duration_s:g} s after {said.warmup_s:g} s, seed {said.seed}")
    if run.measured and abs(said.window_end_ns - said.window_start_ns - int(said.duration_s * _S)) > _ROUNDING_NS:
        yield Finding("measured windows of another length than planned", f"{(said.window_end_ns - said.window_start_ns) / _S:g} s")


def _streams(run: Run) -> Iterator[Finding]:
    """Each stream sends one frame after the other, from number 0 on, at the rate of the plan. Without streams no request is of one."""
    load = run.plan.load
    if not isinstance(load, PlanStreams):
        yield from (
            Finding("requests of streams that the load does not have", _request(r.request_id)) for r in run.schedule if r.stream >= 0
        )
        return
    begun: dict[int, tuple[int, float]] = {}  # stream → the number of its next frame, and the time of its first
    for row in run.schedule:
        if row.phase == SUPPLEMENT:
            continue
        due_s = row.offset_s + (load.warmup_s if row.phase == MEASURED else 0.0)
        number, first_s = begun.get(row.stream, (0, due_s))
        begun[row.stream] = (row.number + 1, first_s)
        in_time = 0 <= first_s < 1 / load.rate and abs(due_s - first_s - row.number / load.rate) * _S <= _ROUNDING_NS
        if not (0 <= row.stream < load.streams and row.number == number and in_time):
            yield Finding("frames that are not the next of their stream", _request(row.request_id))


def _samples(run: Run) -> Iterator[Finding]:
    what = "samples of CPU time that cannot be"
    for row in run.machine:
        if (
            not 0 <= min(row.busy_share, row.steal_share) <= max(row.busy_share, row.steal_share) <= _MOST
            or not 0 <= row.own_share <= _MOST_OWN
        ):
            yield Finding(what, row.host)
    yield from (Finding(what, row.process) for row in run.resources if row.cpu_share < 0 or row.rss_bytes < 0)


def _counts(run: Run) -> Iterator[Finding]:
    """The generators' own counts, which run.json holds."""
    counted = run.info.generator
    if counted is None or not whole(run):
        return
    sent = sum(request.outcome != "not_sent" for request in run.measured)
    if (counted.scheduled, counted.sent) != (len(run.measured), sent):
        yield Finding("count of the generators that is not the records'", f"{counted.sent:,} sent, records of {sent:,}")


def _twice(what: str, ids: Iterable[int]) -> Iterator[Finding]:
    return (Finding(what, _request(request_id)) for request_id, times in Counter(ids).items() if times > 1)


def _request(request_id: int) -> str:
    return f"request {request_id}"
