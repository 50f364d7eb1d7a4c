"""Sends a schedule: the only clock and sockets of the query generator.

Open loop: every request goes out at its intended time whatever became of the ones before it; a thread sleeps until shortly before,
then spins. Completions are stamped by gRPC's own thread. Nothing is parsed while the load runs.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import grpc

from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.collect.run_info import GeneratorInfo, Issued
from aibenchrt.load.messages import Messages, with_id
from aibenchrt.load.schedule import WHEN_FREE

LEAD_S = 0.25  # from the call of issue() to time 0 of the schedule
SPIN_NS = 300_000  # sleep is late by 80 to 100 µs in the median; what is left is spun
SWITCH_S = 0.0002  # the completion thread must not wait the default 5 ms for the interpreter
_S = 1_000_000_000
_TIMEOUTS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass(frozen=True)
class Settings:
    """targets: planner replicas, in turn. timeout_s: of each request. warmup_s: where the measured phase begins. think_s: closed loop."""

    method: str
    targets: tuple[str, ...]
    warmup_s: float
    duration_s: float
    timeout_s: float = 10.0
    think_s: float = 0.0


@dataclass
class _Sent:
    row: ScheduleRecord
    intended_ns: int
    sent_ns: int
    target: str
    done_ns: int = 0
    call: Any = None


class Issuer:
    """One run of one schedule. `stop` may be set from a signal handler: nothing more is sent, and what is under way is awaited."""

    def __init__(self, rows: Sequence[ScheduleRecord], messages: Messages, settings: Settings, stop: threading.Event) -> None:
        self._rows, self._settings, self._stop = rows, settings, stop
        self._bytes = {row.request_id: with_id(messages[row.request_class, row.payload], row.request_id) for row in rows}
        self._channels = [grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) for target in settings.targets]
        calls: list[Any] = [channel.unary_unary(settings.method) for channel in self._channels]
        self._turns = itertools.cycle(list(zip(settings.targets, calls, strict=True)))
        self._sent: list[_Sent] = []
        self._done = 0
        self._done_condition = threading.Condition()
        self._completed: deque[_Sent] = deque()
        self._in_flight_max = 0
        self._cpu_start = 0.0

    def run(self) -> tuple[list[_Sent], int]:
        """Sends everything and waits for it. Returns what was sent, and time 0 of the schedule in ns."""
        for channel in self._channels:
            grpc.channel_ready_future(channel).result(timeout=self._settings.timeout_s)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            start_ns = time.monotonic_ns() + int(LEAD_S * _S)
            self._cpu_start = time.process_time()
            if any(row.offset_s == WHEN_FREE for row in self._rows):
                self._closed(start_ns)
            else:
                self._open(start_ns)
            self._drain()
        finally:
            gc.enable()
            gc.unfreeze()
            sys.setswitchinterval(interval)
        return self._sent, start_ns

    def cpu_s(self) -> float:
        """CPU seconds since time 0."""
        return time.process_time() - self._cpu_start

    @property
    def in_flight_max(self) -> int:
        return self._in_flight_max

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    def _open(self, start_ns: int) -> None:
        for row in self._rows:
            due = _due(row, start_ns, self._settings)
            if not self._wait_until(due):
                return
            self._send(row, due)

    def _closed(self, start_ns: int) -> None:
        """Each user asks, waits for the reply, thinks, asks again; its intended time is the reply's plus the think time."""
        settings = self._settings
        warm_ns = start_ns + int(settings.warmup_s * _S)
        end_ns = warm_ns + int(settings.duration_s * _S)
        rows = iter(self._rows)
        due = [start_ns + int(row.offset_s * _S) for row in self._rows if row.offset_s != WHEN_FREE]
        heapq.heapify(due)
        while True:
            while self._completed:
                heapq.heappush(due, self._completed.popleft().done_ns + int(settings.think_s * _S))
            if not due:
                with self._done_condition:
                    self._done_condition.wait_for(lambda: bool(self._completed) or self._stop.is_set(), timeout=0.5)
                if self._stop.is_set() or time.monotonic_ns() >= end_ns:
                    return
                continue
            if due[0] >= end_ns:
                return
            # Whatever completes while we wait is due one think time later, hence after what is due first: waiting is safe.
            row = next(rows, None)
            if row is None or not self._wait_until(due[0]):
                return
            at = heapq.heappop(due)
            self._send(replace(row, phase="warmup" if at < warm_ns else "measured"), at)

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
            time.sleep(0)  # gives the interpreter to the completion thread
        return True

    def _send(self, row: ScheduleRecord, intended_ns: int) -> None:
        target, call = next(self._turns)
        entry = _Sent(row, intended_ns, 0, target)
        message = self._bytes[row.request_id]
        entry.sent_ns = time.monotonic_ns()
        entry.call = call.future(message, timeout=self._settings.timeout_s)
        self._sent.append(entry)
        self._in_flight_max = max(self._in_flight_max, len(self._sent) - self._done)
        entry.call.add_done_callback(lambda _: self._complete(entry))

    def _complete(self, entry: _Sent) -> None:
        entry.done_ns = time.monotonic_ns()
        self._completed.append(entry)
        with self._done_condition:
            self._done += 1
            self._done_condition.notify()

    def _drain(self) -> None:
        """Every call ends by its own deadline, so this ends too; what is late even then is cancelled and recorded as a timeout."""
        with self._done_condition:
            whole = self._done_condition.wait_for(lambda: self._done == len(self._sent), timeout=self._settings.timeout_s + 1)
        if not whole:
            for entry in self._sent:
                entry.call.cancel()
            with self._done_condition:
                self._done_condition.wait_for(lambda: self._done == len(self._sent))


def issue(
    rows: Sequence[ScheduleRecord], messages: Messages, settings: Settings, reply: Any, stop: threading.Event | None = None
) -> tuple[list[RequestRecord], Issued]:
    """Sends `rows`, waits for all replies, and returns one record per row. reply: the class of ScenarioReply.

    Rows that were never sent, because the run was stopped, have outcome not_sent and only their intended time, except where a closed loop
    had no use for them.
    """
    stop = stop or threading.Event()
    issuer = Issuer(rows, messages, settings, stop)
    try:
        sent, start_ns = issuer.run()
        cpu_s, ended_ns = issuer.cpu_s(), time.monotonic_ns()
    finally:
        issuer.close()
    records = [_record(entry, reply) for entry in sent]
    if all(row.offset_s != WHEN_FREE for row in rows):
        known = {record.request_id for record in records}
        records += [_not_sent(row, _due(row, start_ns, settings)) for row in rows if row.request_id not in known]
    counted = [record for record in records if record.phase != "warmup"]
    late = sorted(record.sent_ns - record.intended_ns for record in counted if record.outcome != "not_sent")
    extra = any(record.phase == "extra" for record in counted)
    window_start = start_ns if extra else start_ns + int(settings.warmup_s * _S)
    window_end = max((r.intended_ns for r in counted), default=window_start) if extra else window_start + int(settings.duration_s * _S)
    generator = GeneratorInfo(
        scheduled=len(counted),
        sent=len(late),
        dropped=len(counted) - len(late),
        lateness_p50_ns=_at(late, 0.5),
        lateness_p99_ns=_at(late, 0.99),
        lateness_max_ns=late[-1] if late else 0,
        cpu_share=cpu_s / max(1e-9, (ended_ns - start_ns) / _S),
        in_flight_max=issuer.in_flight_max,
        real_time=os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO),
    )
    return records, Issued(generator=generator, window_start_ns=window_start, window_end_ns=window_end, stopped=stop.is_set())


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def _due(row: ScheduleRecord, start_ns: int, settings: Settings) -> int:
    """The intended time of an open loop's row: offsets count from the start of their phase."""
    return start_ns + int(row.offset_s * _S) + (int(settings.warmup_s * _S) if row.phase == "measured" else 0)


def _not_sent(row: ScheduleRecord, due_ns: int) -> RequestRecord:
    return RequestRecord(
        row.request_id, row.request_class, row.phase, row.payload, due_ns, 0, 0, "not_sent", "the run was stopped", (), (), "", 0, 0
    )


def _record(entry: _Sent, reply_class: Any) -> RequestRecord:
    row, code = entry.row, entry.call.code()
    outcome, error = "ok", ""
    answer: tuple[int, ...] = ()
    arms: tuple[str, ...] = ()
    planner_ns = queue_ns = 0
    if code is grpc.StatusCode.OK:
        reply = reply_class.FromString(entry.call.result())
        answer, arms = _items(reply), tuple(reply.arms)
        planner_ns, queue_ns = reply.planner_ns, reply.planner_queue_ns
    else:
        outcome = "timeout" if code in _TIMEOUTS else "failed"
        error = f"{code.name}: {entry.call.details()}"
    return RequestRecord(
        row.request_id, row.request_class, row.phase, row.payload, entry.intended_ns, entry.sent_ns, entry.done_ns,
        outcome, error, answer, arms, entry.target, planner_ns, queue_ns,
    )  # fmt: skip


def _items(reply: Any) -> tuple[int, ...]:
    """The item ids of the answer, in the order shown, whichever port of the response carries them."""
    for descriptor, value in reply.ListFields():
        if descriptor.message_type is not None and "item_id" in descriptor.message_type.fields_by_name:
            return tuple(value.item_id)
    return ()
