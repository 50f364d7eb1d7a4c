"""Requests that have ended, made into records while the load runs, by another thread: a generator that is killed loses none."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from aibenchrt.answers import ANSWER_TYPES, Answer, answer_of
from aibenchrt.collect import typed_values
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.wire.tls import SERVER_KEY

_TIMEOUTS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass
class Sent:
    """A request that was sent, and has ended once done_ns is set. call: its gRPC future, until its record is made.

    target: the planners that it may go to; the record says which of them answered.
    """

    row: ScheduleRecord
    intended_ns: int
    sent_ns: int
    target: str
    done_ns: int = 0
    call: Any = None


class Finished:
    """add() never blocks; close() returns the records of all that was added. reply: the class of ScenarioReply; keep: told of each.

    contents: where large answers go.
    """

    def __init__(self, reply: Any, contents: Contents, keep: Callable[[RequestRecord], None] | None = None) -> None:
        self._reply, self._contents, self._keep = reply, contents, keep
        self._queue: queue.SimpleQueue[Sent | None] = queue.SimpleQueue()
        self._records: list[RequestRecord] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="finished", daemon=True)
        self._thread.start()

    def add(self, entry: Sent) -> None:
        self._queue.put(entry)

    def close(self) -> list[RequestRecord]:
        """The records in the order in which requests ended. Raises what the thread raised."""
        self._queue.put(None)
        self._thread.join()
        if self._error:
            raise self._error
        return self._records

    def _run(self) -> None:
        try:
            while (entry := self._queue.get()) is not None:
                made = record(entry, self._reply, self._contents)
                entry.call = None
                self._records.append(made)
                if self._keep:
                    self._keep(made)
        except Exception as error:  # noqa: BLE001 - raised again by close()
            self._error = error


def record(entry: Sent, reply_class: Any, contents: Contents) -> RequestRecord:
    """The record of a request that has ended."""
    row, code = entry.row, entry.call.code()
    outcome, error = "ok", ""
    answer: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    planner_ns = queue_ns = 0
    if code is grpc.StatusCode.OK:
        reply = reply_class.FromString(entry.call.result())
        answer, arms = typed_values.encode(answered(reply), ANSWER_TYPES, contents), tuple(reply.arms)
        planner_ns, queue_ns = reply.planner_ns, reply.planner_queue_ns
    else:
        outcome = "timeout" if code in _TIMEOUTS else "failed"
        error = f"{code.name}: {entry.call.details()}"
    return RequestRecord(
        row.request_id, row.request_class, row.phase, row.payload, entry.intended_ns, entry.sent_ns, entry.done_ns,
        outcome, error, answer, arms, _planner(entry), planner_ns, queue_ns,
    )  # fmt: skip


def _planner(entry: Sent) -> str:
    """The planner that answered; if that is unknown, all that the request may have gone to."""
    return next((str(value) for key, value in entry.call.trailing_metadata() or () if key == SERVER_KEY), entry.target)


def answered(reply: Any) -> Answer:
    """reply: a ScenarioReply."""
    return answer_of((d.message_type.name, partial(getattr, value)) for d, value in reply.ListFields() if d.message_type is not None)
