"""What a Linux machine says of all its CPU time (proc(5): /proc/stat; pressure stall information: accounting/psi.rst of the kernel).

Only the standard library: hosts sample it while they are measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.collect.records import MachineRecord

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """CPU time since the machine started, in µs, of all its processors together; at time_ns of its monotonic clock.

    busy: what ran here, interrupts included; steal: what the hypervisor gave to others; total: both and the idle time. pressure: for how
    long some task waited for a processor; -1 where the kernel does not tell.
    """

    time_ns: int
    busy_us: int
    steal_us: int
    total_us: int
    pressure_us: int


def read_machine(root: Path = Path("/")) -> Reading:
    """root: of the file system in which proc is looked for. OSError, ValueError: it cannot be read."""
    with (root / "proc/stat").open(encoding="ascii") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = (int(word) for word in file.readline().split()[1:9])
    now = time.monotonic_ns()
    busy = user + nice + system + irq + softirq  # user holds the time of guests
    us = 10**6 // _TICKS
    return Reading(now, busy * us, steal * us, (busy + idle + iowait + steal) * us, _pressure_us(root))


def machine_record(host: str, first: Reading, last: Reading, own_us: float) -> MachineRecord:
    """What happened between two readings. own_us: CPU time of the run's processes in between. ValueError: the machine counted no time."""
    total_us, wall_us = last.total_us - first.total_us, (last.time_ns - first.time_ns) / 1e3
    if total_us <= 0 or wall_us <= 0:
        raise ValueError("the machine counted no time")
    told = 0 <= first.pressure_us <= last.pressure_us
    return MachineRecord(
        time_ns=last.time_ns,
        host=host,
        busy_share=(last.busy_us - first.busy_us) / total_us,
        own_share=own_us / total_us,
        steal_share=(last.steal_us - first.steal_us) / total_us,
        pressure_share=(last.pressure_us - first.pressure_us) / wall_us if told else -1.0,
    )


def others_share(samples: Sequence[MachineRecord], own_share: float | None = None) -> float:
    """Share of a machine's CPU time that went to something else than the run, here or in other virtual machines; samples: at least one.

    own_share: what the run took, where the samples tell only a part of it; None: as they tell.
    """
    busy = sum(sample.busy_share for sample in samples) / len(samples)
    steal = sum(sample.steal_share for sample in samples) / len(samples)
    own = sum(sample.own_share for sample in samples) / len(samples) if own_share is None else own_share
    return max(0.0, busy - own) + steal


def _pressure_us(root: Path) -> int:
    try:
        some = (root / "proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):
        return -1
    return int(some.rpartition("total=")[2])
