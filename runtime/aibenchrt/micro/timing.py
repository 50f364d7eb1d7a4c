"""How long a call takes: a stopwatch for each device, repeated until the median is known well enough.

The clock and the call come in as arguments. Spread is that of samples, each the mean of a few calls in a row (one where a call lasts long
enough to be timed alone). The interval of the median is that of order statistics (Conover 1999, Practical Nonparametric Statistics,
section 3.2), which supposes independent samples; its stopping rule looks at it repeatedly, so that it is a rule, not a test.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

Call = Callable[[], object]

NARROW = 0.02  # half width of the interval of the median, relative to the median
FEWEST = 15  # samples, but for calls so long that LEAST of them take twice the budget
LEAST = 10
GROUP = 5  # samples between two checks of the interval
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Timing:
    """Seconds of one call. low, high: 95 % interval of the median. settled: it is narrower than ± NARROW. calls: in one sample.

    best_s: of the fastest sample, which other work on the machine disturbed least.
    """

    median_s: float
    best_s: float
    p5_s: float
    p95_s: float
    low_s: float
    high_s: float
    samples: int
    calls: int
    settled: bool


class Stopwatch(Protocol):
    """shortest_s: the shortest sample that it times to better than a percent; now: any clock, in seconds."""

    shortest_s: float

    def now(self) -> float: ...

    def samples(self, call: Call, calls: int, count: int, before: Call | None = None) -> list[float]:
        """Seconds of `count` samples of `calls` calls in a row; `before`, untimed, ahead of each sample."""
        ...


class CpuStopwatch:
    """The monotonic clock around calls that are done when they return."""

    shortest_s = 1e-4

    def now(self) -> float:
        return time.perf_counter()

    def samples(self, call: Call, calls: int, count: int, before: Call | None = None) -> list[float]:
        seconds = []
        for _ in range(count):
            if before is not None:
                before()
            start = time.perf_counter()
            for _ in range(calls):
                call()
            seconds.append(time.perf_counter() - start)
        return seconds


class CudaStopwatch:
    """Events on the current stream around calls that return before they are done.

    A whole group of samples is queued before the one synchronisation, so that the device never waits for the host between two samples,
    except where calls are shorter than their launch: then that is what is timed, as in a loop of a user's. Events resolve 0.5 µs and take
    the host a few µs to record, so that a sample lasts long enough to make them small.
    """

    shortest_s = 1e-3

    def __init__(self) -> None:
        import torch

        self._torch: Any = torch

    def now(self) -> float:
        self._torch.cuda.synchronize()
        return time.perf_counter()

    def samples(self, call: Call, calls: int, count: int, before: Call | None = None) -> list[float]:
        pairs = [tuple(self._torch.cuda.Event(enable_timing=True) for _ in range(2)) for _ in range(count)]
        for start, end in pairs:
            if before is not None:
                before()
            start.record()
            for _ in range(calls):
                call()
            end.record()
        self._torch.cuda.synchronize()
        return [start.elapsed_time(end) / 1e3 for start, end in pairs]


def stopwatch(device: str) -> Stopwatch:
    """device: 'cpu' or 'cuda'."""
    return CudaStopwatch() if device == "cuda" else CpuStopwatch()


def time_call(call: Call, watch: Stopwatch, budget_s: float, warmup_s: float = 0.05, before: Call | None = None) -> Timing:
    """Warm-up, then samples until the median is narrow or budget_s is over; at least FEWEST samples, or LEAST in twice the budget.

    before: untimed, ahead of each sample, which is then one call; else a sample has as many calls as make it long enough to be timed.
    """
    with _no_collection():
        calls = _warm(call, watch, warmup_s, before)
        samples: list[float] = []
        start = watch.now()
        while True:
            samples += [seconds / calls for seconds in watch.samples(call, calls, GROUP, before)]
            low, high = median_interval(samples)
            settled = high - low <= 2 * NARROW * quantile(samples, 0.5)
            spent = watch.now() - start
            if (len(samples) >= FEWEST and (settled or spent >= budget_s)) or (len(samples) >= LEAST and spent >= 2 * budget_s):
                break
    median, p5, p95 = (quantile(samples, fraction) for fraction in (0.5, 0.05, 0.95))
    return Timing(median, min(samples), p5, p95, low, high, len(samples), calls, settled)


def _warm(call: Call, watch: Stopwatch, warmup_s: float, before: Call | None) -> int:
    """Caches, allocator, lazily loaded kernels and clocks of the device; gives the calls of a sample."""
    calls, start = 1, watch.now()
    watch.samples(call, 1, 2, before)
    while True:
        (seconds,) = watch.samples(call, calls, 1, before)
        if before is None and seconds < watch.shortest_s:
            calls = max(calls + 1, min(2 * calls, math.ceil(1.2 * calls * watch.shortest_s / max(seconds, 1e-9))))
        elif watch.now() - start >= warmup_s:
            return calls


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the median: the k-th smallest and k-th largest, k the greatest with 2·P(Binomial(n, ½) < k) ≤ 5 %; at least one."""
    ordered, n = sorted(values), len(values)
    if n > 200:
        k = max(1, int(n / 2 - 0.98 * math.sqrt(n)))
    else:
        k, below = 0, 0
        while 2 * (below + math.comb(n, k)) <= (1 - CONFIDENCE) * 2**n:
            below += math.comb(n, k)
            k += 1
    return ordered[max(k, 1) - 1], ordered[n - max(k, 1)]


def quantile(values: Sequence[float], share: float) -> float:
    """Linear between order statistics (Hyndman and Fan 1996, definition 7)."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    return ordered[below] + (at - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection between samples."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
