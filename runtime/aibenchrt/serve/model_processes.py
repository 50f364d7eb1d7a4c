"""The processes in which a Triton server's models run, and how one ended: Triton itself does not notice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

STUB = "triton_python_backend_stub"  # the program of such a process


@dataclass
class Member:
    """A child process of a child, without which that cannot work: it serves `model`. code: its exit code, negative for a signal, once it
    was seen to have ended by itself (None: not known)."""

    model: str
    process: psutil.Process
    ended: bool = False
    code: int | None = None

    def look(self) -> bool:
        """Whether it has ended. Its parent, Triton, never waits for it, so it stays a zombie, of which Linux says how it ended."""
        if not self.ended:
            try:
                self.ended = not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE
                self.code = _zombies_code(self.process.pid) if self.ended else None
            except psutil.NoSuchProcess:
                self.ended = True
        return self.ended

    def __str__(self) -> str:
        return f"the process of model '{self.model}' (pid {self.process.pid})"


def model_processes(server: int) -> Iterator[Member]:
    """The stub of every python model that the server, a pid, has loaded; its first argument is MODEL/VERSION/model.py."""
    try:
        started = psutil.Process(server).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for process in started:
        try:
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if len(command) > 1 and Path(command[0]).name == STUB:
            yield Member(Path(command[1]).parent.parent.name, process)


def how_they_ended(members: tuple[Member, ...]) -> str:
    """'the process of model 'a' (pid 7): signal 6 (SIGABRT)' of those that were seen to have ended; '' if none was."""
    return "; ".join(f"{member}: {ending(member.code) or 'ended'}" for member in members if member.ended)


def ending(code: int | None) -> str:
    """'exit code 1', 'signal 11 (SIGSEGV)'; '' if it is not known."""
    if code is None:
        return ""
    try:
        return f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


def _zombies_code(pid: int) -> int | None:
    """The exit code of a process that nobody has waited for, negative for a signal; None: it has gone, or is another user's.

    proc_pid_stat(5): the last field, exit_code, is as waitpid gives it.
    """
    try:
        status = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[49])
    except (OSError, IndexError, ValueError):
        return None
    return os.waitstatus_to_exitcode(status)
