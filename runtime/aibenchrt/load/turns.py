"""Whose turn it is in a closed loop: which row is sent next, and when. Without a clock: it is told what has ended."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.load.pairs import is_first

_S = 1_000_000_000


@dataclass(frozen=True)
class Phases:
    """In ns of the clock by which requests are sent."""

    start: int
    warm: int  # the warm-up ends, the measured phase begins
    end: int

    def divide(self, first_ns: int, second_ns: int) -> bool:
        """Whether the warm-up ends between these two."""
        return first_ns < self.warm <= second_ns


@dataclass(frozen=True, order=True)
class _Due:
    """A user whose turn comes at this instant. row None: the next one; otherwise the second of a pair, or a pair that had to wait."""

    at_ns: int
    rank: int  # the second of a pair goes first, so that two of the same instant race
    number: int
    row: tuple[ScheduleRecord, ...] = ()


class Turns:
    """rows: of a closed loop, as scheduled, or a shard of them. apart_s: of the classes that come in pairs.

    Each user sends a request, waits for the reply, thinks, and sends the next. A pair is one turn: its second is sent `apart` after the
    first, and the user thinks once both are answered. A pair that the end of the warm-up would divide waits for it; one that the end of
    the load would divide is not sent, and its user sends nothing more.
    """

    def __init__(self, rows: Sequence[ScheduleRecord], phases: Phases, think_s: float, apart_s: Mapping[str, float], free: float) -> None:
        """free: the offset of rows that have none."""
        self._phases, self._think_ns, self._apart_s = phases, int(think_s * _S), apart_s
        self._rows: Iterator[ScheduleRecord] = iter(rows)
        self._number = 0
        self._due: list[_Due] = []
        self._partner: dict[int, int] = {}  # request → the other of its pair, while neither is answered
        for row in rows:
            if row.offset_s != free:
                self._push(phases.start + int(row.offset_s * _S))

    @property
    def next_ns(self) -> int | None:
        """The soonest turn; None: every user waits for a reply, or has done."""
        return self._due[0].at_ns if self._due else None

    def take(self) -> tuple[ScheduleRecord, int] | None:
        """The request of the soonest turn and its intended time; None: it has none, as its pair has to wait, or nothing is left."""
        turn = heapq.heappop(self._due)
        rows = turn.row or self._rows_of_one_turn()
        if len(rows) < 2:
            return (rows[0], turn.at_ns) if rows else None
        first, second = rows
        second_ns = turn.at_ns + int(self._apart_s[first.request_class] * _S)
        if second_ns >= self._phases.end:
            return None
        if self._phases.divide(turn.at_ns, second_ns):
            self._push(self._phases.warm, row=rows)
            return None
        self._push(second_ns, rank=0, row=(second,))
        self._partner |= {first.request_id: second.request_id, second.request_id: first.request_id}
        return first, turn.at_ns

    def ended(self, request_id: int, done_ns: int) -> None:
        """The request was answered, or failed: its user thinks, unless the other of a pair is still on its way."""
        other = self._partner.pop(request_id, None)
        if other in self._partner:
            return
        self._push(done_ns + self._think_ns)

    def _rows_of_one_turn(self) -> tuple[ScheduleRecord, ...]:
        row = next(self._rows, None)
        if row is None:
            return ()
        return (row, next(self._rows)) if is_first(row, self._apart_s) else (row,)

    def _push(self, at_ns: int, rank: int = 1, row: tuple[ScheduleRecord, ...] = ()) -> None:
        self._number += 1
        heapq.heappush(self._due, _Due(at_ns, rank, self._number, row))
