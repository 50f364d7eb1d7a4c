"""Which processes of a machine took its CPU time: their names and numbers as /proc/PID/stat has them (proc(5)), never their command lines.

Only the standard library: hosts look while they are measured.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

MOST = 3
LEAST = 0.005  # of the machine's CPU time
LONGEST_NAME = 64  # characters; a program's has fifteen, a kernel thread's may have more
_LONGEST_STAT = 4096  # bytes
_UTIME, _STIME, _STARTED = 11, 12, 19  # fields after the name
_TICKS = os.sysconf("SC_CLK_TCK")

Taken = Mapping[tuple[int, int], "Used"]  # (pid, when it started) → what it has taken so far


@dataclass(frozen=True)
class Used:
    """CPU time of a process, in µs."""

    name: str
    pid: int
    us: int


def taken(root: Path = Path("/")) -> Taken:
    """What every process that we may see has taken since it started. root: of the file system in which proc is looked for."""
    seen: dict[tuple[int, int], Used] = {}
    for entry in os.scandir(root / "proc"):
        if entry.name.isascii() and entry.name.isdigit():
            try:
                seen.update([_read(Path(entry.path) / "stat", int(entry.name))])
            except (OSError, ValueError, IndexError):
                continue  # it has just ended
    return seen


def busiest(before: Taken, now: Taken, total_us: int, own: Container[int]) -> list[Used]:
    """Who took most between two looks, and how much then: at most MOST, none below LEAST of the machine's total_us, the busiest first.

    own: pids of the run. What has ended by the second look is not seen."""
    used = []
    for key, process in now.items():
        us = process.us - (before[key].us if key in before else 0)
        if process.pid not in own and us > 0 and us >= LEAST * total_us:
            used.append(Used(process.name, process.pid, us))
    return sorted(used, key=lambda process: -process.us)[:MOST]


def _read(stat: Path, pid: int) -> tuple[tuple[int, int], Used]:
    """A name may hold anything, also ')' and line ends."""
    with stat.open("rb") as file:
        before, _, after = file.read(_LONGEST_STAT).rpartition(b")")
    fields = after.split()
    name = before.partition(b"(")[2].decode("utf-8", "replace")[:LONGEST_NAME]
    us = (int(fields[_UTIME]) + int(fields[_STIME])) * (10**6 // _TICKS)
    return (pid, int(fields[_STARTED])), Used(name, pid, us)
