"""When requests arrive: pure generators of Arrivals in order of time, in seconds from 0, without end unless said otherwise.

Only root requests are scheduled. `turn` counts the requests of one session: 0 asks something, later ones turn its pages.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from numpy.random import Generator

# "15 % new queries, 85 % page turns" of the public e-commerce search benchmark; Burr XII gaps inside a session. The shape of the gaps is
# ours (a tail of minutes where the median is 4 s), since the source gives the family but no parameters.
NEW_QUERY_SHARE = 0.15
BURR_C, BURR_K = 1.8, 1.2


@dataclass(frozen=True)
class Arrival:
    offset_s: float
    session: int
    turn: int = 0


def poisson(rate: float, rng: Generator) -> Iterator[Arrival]:
    """rate: mean arrivals per second; gaps are independent and exponential."""
    now, number = 0.0, 0
    while True:
        for gap in rng.exponential(1 / rate, 256):
            now += float(gap)
            yield Arrival(now, number)
            number += 1


def constant(rate: float) -> Iterator[Arrival]:
    """One every 1/rate seconds, the first after one gap."""
    number = 0
    while True:
        number += 1
        yield Arrival(number / rate, number - 1)


def trace(offsets: Sequence[float]) -> Iterator[Arrival]:
    """The given offsets, once; ends with them. ValueError: not ascending from 0 on."""
    before = 0.0
    for number, offset in enumerate(offsets):
        if offset < before:
            raise ValueError(f"the trace goes back in time at entry {number + 1}: {offset} after {before}")
        before = offset
        yield Arrival(offset, number)


def sessions(rate: float, think_s: float, rng: Generator) -> Iterator[Arrival]:
    """Sessions that start as a Poisson process; each asks one query and turns pages with Burr XII gaps.

    rate: of all requests, per second; think_s: the median gap.
    """
    starts = poisson(rate * NEW_QUERY_SHARE, rng)
    waiting: list[tuple[float, int, int, int]] = []  # offset, session, turn, turns left
    start = next(starts)
    while True:
        if waiting and waiting[0][0] <= start.offset_s:
            offset, session, turn, left = heapq.heappop(waiting)
        else:
            offset, session, turn, left = start.offset_s, start.session, 0, int(rng.geometric(NEW_QUERY_SHARE)) - 1
            start = next(starts)
        yield Arrival(offset, session, turn)
        if left:
            heapq.heappush(waiting, (offset + burr(think_s, rng), session, turn + 1, left - 1))


def burr(median: float, rng: Generator) -> float:
    """One Burr XII gap in seconds, by inversion: scale · ((1 - u)^(-1/k) - 1)^(1/c), where u = 1/2 gives the median."""
    return median * _burr_quantile(float(rng.random())) / _burr_quantile(0.5)


def _burr_quantile(u: float) -> float:
    return float(((1 - u) ** (-1 / BURR_K) - 1) ** (1 / BURR_C))


def users(count: int, think_s: float) -> tuple[float, ...]:
    """Closed loop: the time of each user's first request, spread evenly over one think time. The rest depends on the replies."""
    return tuple(user * think_s / count for user in range(count))
