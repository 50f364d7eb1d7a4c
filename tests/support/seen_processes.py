"""The processes that exist at a moment, as data: what a process that ends while it is looked at would have told is left out, not raised."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Seen:
    """A process that had not ended, with what it was when it was looked at."""

    process: psutil.Process
    name: str
    command: tuple[str, ...]

    @property
    def pid(self) -> int:
        return self.process.pid


def descendants(of: int | None = None) -> list[Seen]:
    """What this process, or ours, has started and what that has started; zombies have ended."""
    try:
        return _seen(psutil.Process(of).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def processes_about(text: Path) -> list[Seen]:
    """Every process but us whose command line names `text`."""
    return [seen for seen in _seen(psutil.process_iter()) if seen.pid != os.getpid() and str(text) in " ".join(seen.command)]


def is_alive(pid: int) -> bool:
    """Whether there is a process with this id that has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _seen(processes: Iterable[psutil.Process]) -> list[Seen]:
    seen = []
    for process in processes:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                seen.append(Seen(process, process.name(), tuple(process.cmdline())))
        except psutil.Error:
            continue  # it has just ended, or is another user's
    return seen
