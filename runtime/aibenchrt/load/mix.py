"""The request mix: which class and payload comes next. Seeded and pure.

Payloads come in a seeded order without replacement, so that a run covers as many different ones as it can; a share of the requests
repeats an earlier payload of its class, recent ones most (Zipf over how many different ones ago), so that caches are exercised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

REPEAT_SHARE = 0.15
ZIPF_EXPONENT = 1.0
RECENT = 1000  # a repeat is one of this many latest payloads


@dataclass(frozen=True)
class Drawn:
    request_class: str
    payload: int


class Mix:
    """shares: class → share, relative to their sum; payloads: class → how many. ValueError: a class has none, or no share is left."""

    def __init__(self, shares: Mapping[str, float], payloads: Mapping[str, int], rng: Generator, repeat: float = REPEAT_SHARE) -> None:
        total = sum(shares.values())
        if total <= 0:
            raise ValueError("no request class has a share")
        for name in shares:
            if payloads.get(name, 0) <= 0:
                raise ValueError(f"request class '{name}' has no payloads")
        self._names = tuple(shares)
        self._bounds = np.cumsum([share / total for share in shares.values()])
        self._rng = rng
        self._repeat = repeat
        self._orders = {name: rng.permutation(payloads[name]) for name in shares}
        self._next = dict.fromkeys(shares, 0)
        self._sent: dict[str, list[int]] = {name: [] for name in shares}
        self._zipf = np.cumsum(1 / np.arange(1, RECENT + 1) ** ZIPF_EXPONENT)

    def draw(self) -> Drawn:
        name = self._names[min(int(np.searchsorted(self._bounds, self._rng.random(), side="right")), len(self._names) - 1)]
        sent = self._sent[name]
        if sent and self._rng.random() < self._repeat:
            reach = min(len(sent), RECENT)
            back = int(np.searchsorted(self._zipf, self._rng.random() * self._zipf[reach - 1]))
            return Drawn(name, sent[-1 - min(back, reach - 1)])
        order = self._orders[name]
        payload = int(order[self._next[name] % len(order)])
        self._next[name] += 1
        sent.append(payload)
        return Drawn(name, payload)
