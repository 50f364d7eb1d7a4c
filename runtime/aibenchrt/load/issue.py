"""Sends a schedule: the only clock and sockets of the query generator.

Open loop: every request goes out at its intended time whatever became of the ones before it; a thread sleeps until shortly before,
then spins. Completions are stamped by gRPC's own thread; records are made of them on another (finished). Over several planners gRPC
balances: requests go round over those that are connected and say SERVING, as at any site's own balancer.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.collect.run_info import ClockInfo, ClockOffset, GeneratorInfo, Issued
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.finished import Finished, Sent
from aibenchrt.load.messages import Messages, with_id
from aibenchrt.load.moments import MomentField
from aibenchrt.load.schedule import WHEN_FREE
from aibenchrt.load.turns import Phases, Turns
from aibenchrt.wire import clocks
from aibenchrt.wire.tls import Access, open_channel

LEAD_S = 0.25  # from the call of issue() to time 0 of the schedule
SPIN_NS = 300_000  # sleep is late by 80 to 100 µs in the median; the last stretch is spent spinning
LAST_STRETCH_NS = 500_000  # before a turn, in which the replies to users who do not think are not looked at
SWITCH_S = 0.0002  # the completion thread must not wait the default 5 ms for the interpreter's lock
BALANCED = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
_S = 1_000_000_000
_CLOCK_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class SendingSettings:
    """targets: planner replicas. timeout_s: of each request. warmup_s: where the measured phase begins. think_s: closed loop; apart_s: of
    the classes that come in pairs. moments: of the classes whose frames say which of which stream they are.

    access: how planners are reached; None: plainly. clock: the gRPC method by which planners tell their time; '' on a single host. shard,
    shards: the part of the schedule that is sent here. start_at_ns: time 0 of the schedule on the first planner's realtime clock; None: at
    once.
    """

    method: str
    targets: tuple[str, ...]
    warmup_s: float
    duration_s: float
    timeout_s: float = 10.0
    think_s: float = 0.0
    apart_s: Mapping[str, float] = field(default_factory=dict)
    moments: Mapping[str, MomentField] = field(default_factory=dict)
    access: Access = None
    clock: str = ""
    shard: int = 0
    shards: int = 1
    start_at_ns: int | None = None


class Issuer:
    """One run of one schedule. When `stop` is set, nothing more is sent, and pending requests are awaited."""

    def __init__(
        self, rows: Sequence[ScheduleRecord], messages: Messages, settings: SendingSettings, finished: Finished, stop: threading.Event
    ) -> None:
        self._rows, self._settings, self._finished, self._stop = rows, settings, finished, stop
        # Most rows of a closed loop are never sent, so messages are made when they are sent.
        self._closed_loop = any(row.offset_s == WHEN_FREE for row in rows)
        self._messages = messages
        self._bytes = {} if self._closed_loop else {row.request_id: self._message(row) for row in rows}
        self._channels = [open_channel(target, settings.access, "planner") for target in settings.targets]
        self._balanced = open_channel(settings.targets, settings.access, "planner", [("grpc.service_config", json.dumps(BALANCED))])
        self._call: Any = self._balanced.unary_unary(settings.method)
        self._where = ", ".join(settings.targets)
        self._sent: list[Sent] = []
        self._done = 0
        self._done_condition = threading.Condition()
        self._completed: deque[Sent] = deque()
        self._in_flight_max = 0
        self._cpu_start = 0.0

    def connect(self) -> None:
        """grpc.FutureTimeoutError: a planner does not answer in time."""
        for channel in [*self._channels, self._balanced]:
            grpc.channel_ready_future(channel).result(timeout=self._settings.timeout_s)

    def clocks(self) -> tuple[ClockOffset | None, ...]:
        """Every planner's clock compared with ours, in the order of the targets; None: no reply. Empty: not compared."""
        if not self._settings.clock:
            return ()
        offsets: list[ClockOffset | None] = []
        for channel in self._channels:
            ask: Any = channel.unary_unary(self._settings.clock)
            try:
                offsets.append(clocks.compare(lambda request, ask=ask: ask(request, timeout=_CLOCK_TIMEOUT_S)))  # type: ignore[misc]
            except grpc.RpcError:
                offsets.append(None)
        return tuple(offsets)

    def run(self, start_ns: int) -> None:
        """Sends everything from start_ns (time 0 of the schedule) on and waits for the replies."""
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        gc.disable()
        try:
            self._cpu_start = time.process_time()
            if self._closed_loop:
                self._closed(start_ns)
            else:
                self._open(start_ns)
            self._drain()
        finally:
            gc.enable()
            sys.setswitchinterval(interval)

    def cpu_s(self) -> float:
        """CPU seconds since time 0."""
        return time.process_time() - self._cpu_start

    @property
    def in_flight_max(self) -> int:
        return self._in_flight_max

    def close(self) -> None:
        for channel in [*self._channels, self._balanced]:
            channel.close()

    def _open(self, start_ns: int) -> None:
        for row in self._rows:
            due = _due(row, start_ns, self._settings)
            if not self._wait_until(due):
                return
            self._send(row, due)

    def _closed(self, start_ns: int) -> None:
        settings = self._settings
        warm_ns = start_ns + int(settings.warmup_s * _S)
        phases = Phases(start_ns, warm_ns, warm_ns + int(settings.duration_s * _S))
        turns = Turns(self._rows, phases, settings.think_s, settings.apart_s, WHEN_FREE)
        while True:
            while self._completed:
                ended = self._completed.popleft()
                turns.ended(ended.row.request_id, ended.done_ns)
            due_ns, now_ns = turns.next_ns, time.monotonic_ns()
            if due_ns is not None and due_ns >= phases.end:
                return
            # Who gets a reply now is due a think time later: only the last think time before a turn can be waited through.
            idle_ns = _S // 2 if due_ns is None else due_ns - now_ns - max(int(settings.think_s * _S), LAST_STRETCH_NS)
            if idle_ns > 0:
                with self._done_condition:
                    self._done_condition.wait_for(lambda: bool(self._completed) or self._stop.is_set(), timeout=min(idle_ns / _S, 0.5))
                if self._stop.is_set() or now_ns >= phases.end:
                    return
                continue
            if due_ns is None or not self._wait_until(due_ns):
                return
            turn = turns.take()
            if turn is not None:
                row, at_ns = turn
                self._send(replace(row, phase="warmup" if at_ns < warm_ns else "measured"), at_ns)

    def _wait_until(self, due_ns: int) -> bool:
        """True at due_ns, False as soon as the run is stopped."""
        while True:
            left = due_ns - time.monotonic_ns()
            if self._stop.is_set():
                return False
            if left <= SPIN_NS:
                break
            if left > 50_000_000:
                self._stop.wait((left - 20_000_000) / _S)
            else:
                time.sleep((left - SPIN_NS) / _S)
        while time.monotonic_ns() < due_ns:
            time.sleep(0)  # yields the interpreter's lock to the completion thread
        return True

    def _send(self, row: ScheduleRecord, intended_ns: int) -> None:
        entry = Sent(row, intended_ns, 0, self._where)
        message = self._bytes.get(row.request_id) or self._message(row)
        entry.sent_ns = time.monotonic_ns()
        entry.call = self._call.future(message, timeout=self._settings.timeout_s)
        self._sent.append(entry)
        self._in_flight_max = max(self._in_flight_max, len(self._sent) - self._done)
        entry.call.add_done_callback(lambda _: self._complete(entry))

    def _message(self, row: ScheduleRecord) -> bytes:
        message = with_id(self._messages[row.request_class, row.payload], row.request_id)
        moment = self._settings.moments.get(row.request_class) if row.stream >= 0 else None
        return message + moment.suffix(row.stream, row.number) if moment else message

    def _complete(self, entry: Sent) -> None:
        entry.done_ns = time.monotonic_ns()
        self._completed.append(entry)
        self._finished.add(entry)
        with self._done_condition:
            self._done += 1
            self._done_condition.notify()

    def _drain(self) -> None:
        """Waits for pending calls, each of which ends by its own deadline; one that is late even then is cancelled and recorded as a
        timeout."""
        with self._done_condition:
            whole = self._done_condition.wait_for(lambda: self._done == len(self._sent), timeout=self._settings.timeout_s + 1)
        if not whole:
            for call in [entry.call for entry in self._sent]:
                if call is not None:
                    call.cancel()
            with self._done_condition:
                self._done_condition.wait_for(lambda: self._done == len(self._sent))


def issue(
    rows: Sequence[ScheduleRecord],
    messages: Messages,
    settings: SendingSettings,
    reply: Any,
    contents: Contents,
    stop: threading.Event | None = None,
    begun: Callable[[Issued], None] | None = None,
    keep: Callable[[RequestRecord], None] | None = None,
    agreed: Callable[[], int | None] | None = None,
) -> tuple[list[RequestRecord], Issued]:
    """Sends `rows`, waits for all replies, and returns one record per row. reply: the class of ScenarioReply; contents: for large answers.

    agreed: called once all planners have answered, for the start time, if settings.start_at_ns is None. begun: called with what is known
    before the first request is sent; keep: called for each request as it ends, on a separate thread. Rows that were not sent because the
    run was stopped have outcome not_sent and only their intended time; rows that a closed loop did not need have no record.
    grpc.FutureTimeoutError: a planner does not answer; EnvironmentFailure AIB631, AIB632: see start().
    """
    stop = stop or threading.Event()
    finished = Finished(reply, contents, keep)
    issuer = Issuer(rows, messages, settings, finished, stop)
    try:
        issuer.connect()
        before = issuer.clocks()
        if agreed and settings.start_at_ns is None:
            settings = replace(settings, start_at_ns=agreed())
        start_ns = start(settings, before, time.monotonic_ns())
        first = _issued(settings, start_ns, _clock_infos(settings, before), True)
        if begun:
            begun(first)
        issuer.run(start_ns)
        cpu_s, ended_ns = issuer.cpu_s(), time.monotonic_ns()
        known = _clock_infos(settings, before, issuer.clocks())
    finally:
        issuer.close()
        records = finished.close()
    order = {row.request_id: position for position, row in enumerate(rows)}
    records.sort(key=lambda record: order[record.request_id])
    if all(row.offset_s != WHEN_FREE for row in rows):
        ended = {record.request_id for record in records}
        records += [_not_sent(row, _due(row, start_ns, settings)) for row in rows if row.request_id not in ended]
    mixed = any(row.phase != "supplement" for row in rows)  # a supplement may follow the mix, or be sent alone
    counted = [record for record in records if record.phase == ("measured" if mixed else "supplement")]
    share = cpu_s / max(1e-9, (ended_ns - start_ns) / _S)
    issued = first.model_copy(
        update={"generator": _figures(counted, share, issuer.in_flight_max), "clocks": known, "stopped": stop.is_set()}
    )
    if not mixed:
        end = max((r.intended_ns for r in counted), default=start_ns)
        issued = issued.model_copy(update={"window_start_ns": start_ns, "window_end_ns": end})
    return records, issued


def start(settings: SendingSettings, before: Sequence[ClockOffset | None], now_ns: int) -> int:
    """Time 0 of the schedule in ns of our monotonic clock.

    EnvironmentFailure AIB631: the agreed instant has passed, or nearly; AIB632: the planner does not answer clock requests.
    """
    if settings.clock and None in before:
        planner = settings.targets[before.index(None)]
        raise EnvironmentFailure("AIB632", planner=planner)
    soonest = now_ns + int(LEAD_S * _S)
    if settings.start_at_ns is None:
        return soonest
    first = before[0] if before else None
    agreed = settings.start_at_ns - (first.realtime_ns if first else time.time_ns() - time.monotonic_ns())
    if agreed < soonest:
        late = (soonest - agreed) / _S
        raise EnvironmentFailure("AIB631", seconds=f"{late:.1f}")
    return agreed


def _issued(settings: SendingSettings, start_ns: int, known: tuple[ClockInfo, ...], stopped: bool) -> Issued:
    window = start_ns + int(settings.warmup_s * _S)
    return Issued(
        generator=None,
        start_ns=start_ns,
        window_start_ns=window,
        window_end_ns=window + int(settings.duration_s * _S),
        stopped=stopped,
        shard=settings.shard,
        shards=settings.shards,
        clocks=known,
    )


def _clock_infos(
    settings: SendingSettings, before: Sequence[ClockOffset | None], after: Sequence[ClockOffset | None] = ()
) -> tuple[ClockInfo, ...]:
    later = after or [None] * len(before)
    return tuple(
        ClockInfo(planner=target, before=first, after=last)
        for target, first, last in zip(settings.targets, before, later, strict=False)
        if first is not None
    )


def _figures(counted: Sequence[RequestRecord], cpu_share: float, in_flight_max: int) -> GeneratorInfo:
    late = sorted(record.sent_ns - record.intended_ns for record in counted if record.outcome != "not_sent")
    return GeneratorInfo(
        scheduled=len(counted),
        sent=len(late),
        dropped=len(counted) - len(late),
        lateness_p50_ns=_at(late, 0.5),
        lateness_p99_ns=_at(late, 0.99),
        lateness_max_ns=late[-1] if late else 0,
        cpu_share=cpu_share,
        in_flight_max=in_flight_max,
        real_time=os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO),
    )


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def _due(row: ScheduleRecord, start_ns: int, settings: SendingSettings) -> int:
    """The intended time of an open loop's row: offsets count from the start of their phase."""
    return start_ns + int(row.offset_s * _S) + (int(settings.warmup_s * _S) if row.phase == "measured" else 0)


def _not_sent(row: ScheduleRecord, due_ns: int) -> RequestRecord:
    return RequestRecord(
        row.request_id, row.request_class, row.phase, row.payload, due_ns, 0, 0, "not_sent", "the run was stopped", (), (), "", 0, 0
    )
