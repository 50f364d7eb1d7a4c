"""Samples CPU and memory of a run's processes every half second, each with its own children (Triton's stubs)."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence

import psutil

from aibenchrt.collect.records import ResourceRecord
from aibenchrt.control.local.process import Child

PERIOD_S = 0.5


class Sampler:
    """Samples CPU and memory on a thread while used as a context manager; appends to `records`. children: called at each sample."""

    def __init__(self, children: Callable[[], Sequence[Child]]) -> None:
        self._children = children
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

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            groups = _groups()
            for child in self._children():
                if child.process.poll() is None:
                    self._sample(child, groups.get(child.pid, []))

    def _sample(self, child: Child, members: Sequence[psutil.Process]) -> None:
        used, resident = 0.0, 0
        for member in members:
            try:
                with member.oneshot():
                    times, memory = member.cpu_times(), member.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
            used += times.user + times.system
            resident += memory
        if not resident:
            return
        now = time.monotonic_ns()
        before = self._used.get(child.pid)
        self._used[child.pid] = (used, now)
        if before:  # the first sample has nothing to compare with
            share = max(0.0, (used - before[0]) / ((now - before[1]) / 1e9))
            self.records.append(ResourceRecord(now, child.name, child.pid, share, resident))


def _groups() -> dict[int, list[psutil.Process]]:
    """Process group → our descendants in it: a child leads the group that it shares with its own children.

    Scans all processes once per sample; psutil's children() of each child would scan them once per child, a tenth of a core in total.
    """
    groups: dict[int, list[psutil.Process]] = {}
    for member in psutil.Process().children(recursive=True):
        with contextlib.suppress(ProcessLookupError):
            groups.setdefault(os.getpgid(member.pid), []).append(member)
    return groups
