"""The request mix: which class and payload comes next. Seeded and pure.

Payloads come in a seeded order without replacement, so that a run covers as many different ones as it can; a share of the requests
repeats an earlier payload of its class, recent ones most (Zipf over how many different ones ago), so that caches are exercised. A class
that is sent once repeats none. Payloads 2k and 2k + 1 of a paired class come together; as a share counts requests, every other request
of such a class, by chance, is left out, and the second of a pair takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from aibenchrt.errors import EnvironmentFailure

REPEAT_SHARE = 0.15
ZIPF_EXPONENT = 1.0
RECENT = 1000  # a repeat is one of this many latest payloads
_NONE_LEFT = -1  # stands for a payload that there is not


@dataclass(frozen=True)
class Drawn:
    """payloads: one, or the two of a pair; none of a request that is left out."""

    request_class: str
    payloads: tuple[int, ...]


class Mix:
    """shares: class → share, relative to their sum; payloads: class → how many. once, paired: classes as RequestSource describes them.

    used: class → payloads that were sent before, of classes that are sent once. ValueError: a class has none, or no share is left.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        payloads: Mapping[str, int],
        rng: Generator,
        repeat: float = REPEAT_SHARE,
        *,
        once: Collection[str] = (),
        paired: Collection[str] = (),
        used: Mapping[str, Collection[int]] | None = None,
    ) -> None:
        total = sum(shares.values())
        if total <= 0:
            raise ValueError("no request class has a share")
        self._names = tuple(shares)
        self._bounds = np.cumsum([share / total for share in shares.values()])
        self._rng = rng
        self._repeat = repeat
        self._once, self._size = frozenset(once), {name: 2 if name in paired else 1 for name in shares}
        for name in shares:
            if payloads.get(name, 0) < self._size[name]:
                raise ValueError(f"request class '{name}' has no payloads")
        self._orders = {name: _order(payloads[name], self._size[name], rng, (used or {}).get(name, ())) for name in shares}
        self._next = dict.fromkeys(shares, 0)
        self._sent: dict[str, list[int]] = {name: [] for name in shares}
        self._zipf = np.cumsum(1 / np.arange(1, RECENT + 1) ** ZIPF_EXPONENT)

    def draw(self) -> Drawn:
        return self._or_left_out(self.next_class())

    def next_class(self) -> str:
        return self._names[min(int(np.searchsorted(self._bounds, self._rng.random(), side="right")), len(self._names) - 1)]

    def again(self, before: Drawn) -> Drawn:
        """What a session that asked this asks next: the same, or the next of its class if that is sent once or in pairs."""
        name = before.request_class
        return self._or_left_out(name) if name in self._once or self._size[name] > 1 else before

    def next_of(self, name: str) -> Drawn:
        """The next of that class, which is not left out."""
        sent = self._sent[name]
        if name not in self._once and sent and self._rng.random() < self._repeat:
            reach = min(len(sent), RECENT)
            back = int(np.searchsorted(self._zipf, self._rng.random() * self._zipf[reach - 1]))
            return self._drawn(name, sent[-1 - min(back, reach - 1)])
        order, number = self._orders[name], self._next[name]
        self._next[name] += 1
        if name in self._once and number >= len(order):
            return Drawn(name, (_NONE_LEFT,) * self._size[name])
        place = int(order[number % len(order)])
        sent.append(place)
        return self._drawn(name, place)

    def check(self) -> None:
        """EnvironmentFailure AIB712: more was drawn of a class that is sent once than there is."""
        for name in self._names:
            left, size = len(self._orders[name]), self._size[name]
            if name in self._once and self._next[name] > left:
                raise EnvironmentFailure("AIB712", request_class=name, needed=f"{size * self._next[name]:,}", payloads=f"{size * left:,}")

    def _or_left_out(self, name: str) -> Drawn:
        return Drawn(name, ()) if self._size[name] > 1 and self._rng.random() < 0.5 else self.next_of(name)

    def _drawn(self, name: str, place: int) -> Drawn:
        size = self._size[name]
        return Drawn(name, tuple(range(size * place, size * (place + 1))))


def _order(payloads: int, size: int, rng: Generator, used: Collection[int]) -> list[int]:
    """Numbers of payloads, or of pairs, without those of which one was used."""
    gone = {payload // size for payload in used}
    return [place for place in rng.permutation(payloads // size).tolist() if place not in gone]
