"""Processes that are not of the run, and how much CPU time each took between two looks: who disturbed it."""

from __future__ import annotations

from collections.abc import Container

from aibenchrt.collect.busiest import busiest, taken
from aibenchrt.collect.machine_counters import read_machine
from aibenchrt.collect.run_info import Bystander


class Looking:
    """A look at all processes now, to be compared with one later."""

    def __init__(self) -> None:
        self._total_us = _total_us()
        self._before = taken()

    def bystanders(self, own: Container[int]) -> tuple[Bystander, ...]:
        """The busiest since then, a few, the busiest first. own: pids of the run. What has ended by now is not seen."""
        total_us = _total_us() - self._total_us
        if total_us <= 0:
            return ()
        seen = busiest(self._before, taken(), total_us, own)
        # The machine's counter was read first: of a short time, a process may have more by now.
        return tuple(Bystander(name=other.name, pid=other.pid, cpu_share=min(1.0, other.us / total_us)) for other in seen)


def _total_us() -> int:
    try:
        return read_machine().total_us
    except (OSError, ValueError):
        return 0  # then nobody took a part of it
