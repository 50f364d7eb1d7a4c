"""Processes that are not of the run, and how much CPU time each took between two looks: who disturbed it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import psutil

from aibenchrt.collect.machine_counters import read_machine
from aibenchrt.collect.run_info import Bystander

MOST = 3
_LEAST = 0.005  # of the machine


@dataclass(frozen=True)
class Used:
    """CPU seconds of a process since it started."""

    name: str
    cpu_s: float


class Looking:
    """A look at all processes now, to be compared with one later."""

    def __init__(self) -> None:
        self._total_us = _total_us()
        self._before = used()

    def bystanders(self, own: Container[int]) -> tuple[Bystander, ...]:
        """The busiest since then, at most MOST, the busiest first. own: pids of the run. What has ended by now is not seen."""
        cpu_s = (_total_us() - self._total_us) / 1e6
        if cpu_s <= 0:
            return ()
        busiest = []
        for (pid, started), now in used().items():
            before = self._before.get((pid, started))
            share = (now.cpu_s - (before.cpu_s if before else 0.0)) / cpu_s
            if pid not in own and share >= _LEAST:
                busiest.append(Bystander(name=now.name, pid=pid, cpu_share=share))
        return tuple(sorted(busiest, key=lambda other: -other.cpu_share)[:MOST])


def _total_us() -> int:
    try:
        return read_machine().total_us
    except (OSError, ValueError):
        return 0  # then nobody took a part of it


def used() -> dict[tuple[int, float], Used]:
    """(pid, when it started) → what it has used, of every process that we may look at."""
    seen = {}
    for process in psutil.process_iter(["name", "cpu_times", "create_time"]):
        times = process.info["cpu_times"]
        if times is not None:
            seen[process.pid, process.info["create_time"]] = Used(process.info["name"] or "", times.user + times.system)
    return seen
