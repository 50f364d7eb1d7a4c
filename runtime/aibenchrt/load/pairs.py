"""Requests that come in pairs (`RequestSource.pair_apart_s`): payloads 2k and 2k + 1 of a class, one sent some seconds after the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from aibenchrt.plan import PlanRequest


class Asked(Protocol):
    """A request as scheduled or as recorded."""

    @property
    def request_class(self) -> str: ...
    @property
    def payload(self) -> int: ...


def apart_s(requests: Iterable[PlanRequest]) -> dict[str, float]:
    """Class → seconds between the two of a pair, of the classes that come in pairs."""
    return {request.name: request.pair_apart_s for request in requests if request.pair_apart_s is not None}


def is_second(asked: Asked, paired: Collection[str]) -> bool:
    return asked.request_class in paired and asked.payload % 2 == 1


def is_first(asked: Asked, paired: Collection[str]) -> bool:
    return asked.request_class in paired and asked.payload % 2 == 0


def leaders(rows: Sequence[Asked], paired: Collection[str]) -> list[int]:
    """For each row, in the order in which they are sent, the position of the first of its pair; its own if it is alone or the first."""
    waiting: defaultdict[tuple[str, int], deque[int]] = defaultdict(deque)  # the firsts whose second has not come yet
    found = []
    for position, row in enumerate(rows):
        pair = waiting[row.request_class, row.payload // 2] if row.request_class in paired else None
        if pair is None or not (is_second(row, paired) and pair):
            found.append(position)
            if pair is not None:
                pair.append(position)
        else:
            found.append(pair.popleft())
    return found


def pace(shares: Mapping[str, float], paired: Collection[str]) -> float:
    """How many requests of a mix, as a share, are not the second of a pair."""
    return 1 - sum(share for name, share in shares.items() if name in paired) / 2 / sum(shares.values())
