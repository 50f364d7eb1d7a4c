"""Samples CPU and memory of a run's processes every half second, each with its own children (Triton's stubs)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import psutil

from aibenchrt.collect.records import ResourceRecord
from aibenchrt.control.process import Child

PERIOD_S = 0.5


class Sampler:
    """A thread while used as a context manager; `records` grows until then. children: asked anew at each sample."""

    def __init__(self, children: Callable[[], Sequence[Child]]) -> None:
        self._children = children
        self._known: dict[int, psutil.Process] = {}
        self._used: dict[int, tuple[float, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resources", daemon=True)
        self.records: list[ResourceRecord] = []

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def busiest(self, name: str, start_ns: int, end_ns: int) -> float:
        """The mean share of a core that process `name` used in a window; 0 where it was not sampled."""
        shares = [r.cpu_share for r in self.records if r.process == name and start_ns <= r.time_ns <= end_ns]
        return sum(shares) / len(shares) if shares else 0.0

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            for child in self._children():
                if child.process.poll() is None:
                    self._sample(child)

    def _sample(self, child: Child) -> None:
        try:
            main = self._known.setdefault(child.pid, psutil.Process(child.pid))
            members = [main, *main.children(recursive=True)]
        except psutil.Error:
            return  # it has just ended
        used, resident = 0.0, 0
        for member in members:
            try:
                times = member.cpu_times()
                used += times.user + times.system
                resident += member.memory_info().rss
            except psutil.Error:
                continue
        now = time.monotonic_ns()
        before = self._used.get(child.pid)
        self._used[child.pid] = (used, now)
        if before:  # the first sample has nothing to compare with
            share = max(0.0, (used - before[0]) / ((now - before[1]) / 1e9))
            self.records.append(ResourceRecord(now, child.name, child.pid, share, resident))
