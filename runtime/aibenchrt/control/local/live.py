"""What the load shows while it runs: the rate, the p99 and the failures of the last seconds, read from the records as they are written."""

from __future__ import annotations

import math
import time
from collections import deque
from pathlib import Path

from aibenchrt.figure_format import number

WINDOW_S = 10.0
_EVERY_S = 1.0  # reading costs the machine that is measured next to nothing, once a second
_ENOUGH = 100  # requests in the window; of fewer there is no p99
_HEAD = 8  # fields of a record up to its outcome
_MOST_BYTES = 1 << 24  # of one reading


class LiveFigures:
    """path: requests.jsonl of the generator, which need not be there yet. The figures are for eyes alone: no report uses them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._next_s = 0.0
        self._ended: deque[tuple[int, float]] = deque()  # (when, latency in ms) of those of the window that were answered
        self._failed = 0
        self._text = ""

    def text(self) -> str:
        """'98.2/s, p99 41.2 ms, none failed'; empty before the first request has ended."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _EVERY_S
            self._take()
            self._text = self._figures()
        return self._text

    def _take(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                whole, end, _ = file.read(_MOST_BYTES).rpartition(b"\n")
        except OSError:  # not begun, or ended: the generator removes it
            return
        self._read += len(whole) + len(end)
        for line in whole.splitlines():
            fields = line.split(b", ", _HEAD)
            if fields[7] == b'"ok"':
                intended_ns, done_ns = int(fields[4]), int(fields[6])
                self._ended.append((done_ns, (done_ns - intended_ns) / 1e6))
            else:
                self._failed += 1

    def _figures(self) -> str:
        if not (self._ended or self._failed):
            return ""
        failed = f"{self._failed:,} failed" if self._failed else "none failed"
        if not self._ended:
            return failed
        newest = max(when for when, _ in self._ended)
        while self._ended[0][0] < newest - WINDOW_S * 1e9:
            self._ended.popleft()
        latencies = sorted(latency for _, latency in self._ended)
        first = self._ended[0][0]
        rate = f"{number((len(latencies) - 1) / ((newest - first) / 1e9))}/s, " if newest > first else ""
        if len(latencies) < _ENOUGH:
            return f"{rate}slowest {number(latencies[-1])} ms, {failed}"
        return f"{rate}p99 {number(latencies[math.ceil(0.99 * len(latencies)) - 1])} ms, {failed}"
