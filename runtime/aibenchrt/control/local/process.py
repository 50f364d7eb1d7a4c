"""Child processes of a run: each with a log of its own and a process group of its own, ended with us whatever becomes of us.

A child dies with the thread that started it (prctl PR_SET_PDEATHSIG), so start children from a thread that lives as long as the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from aibenchrt.collect.run_info import Role
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.surroundings import child_environment
from aibenchrt.whole_file import growing_file

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_POLL_S = 0.02
_TAIL, _TAIL_BYTES = 12, 16 << 10  # of a log that a failure shows: its last lines, and at most so many bytes


@dataclass
class Child:
    """A process that we started. asked: we told it to end, so that is no crash; ends: it is expected to end by itself with exit code 0.

    members: child processes without which it cannot work, by their purpose; lost: the first of them that was seen to have ended,
    with its pid.
    """

    name: str
    role: Role
    process: subprocess.Popen[bytes]
    log: Path
    replica: int = 0
    asked: bool = False
    ends: bool = False
    members: dict[str, psutil.Process] = field(default_factory=dict)
    lost: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def died(self) -> bool:
        """It, or one of its members, exited without being asked to."""
        code = self.process.poll()
        if code is None and not self.asked and not self.lost:
            self.lost = next((f"{name} (pid {member.pid})" for name, member in self.members.items() if not _lives(member)), "")
        return bool(self.lost) or (code is not None and not self.asked and not (self.ends and code == 0))

    def log_end(self) -> str:
        """The last lines of its log, each after a newline; empty where it has none."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "".join(f"\n{line}" for line in lines[-_TAIL:]).rstrip()


class Processes:
    """All children of one run, in the order of their starts. Use as a context manager: leaving it ends all of them and cleans up."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._endings = contextlib.ExitStack()
        self.children: list[Child] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop_all()
        finally:
            self._endings.close()

    def clean_up(self, action: Callable[[], None]) -> None:
        """Registers an action for what children leave behind; run in reverse order once all of them have ended."""
        self._endings.callback(action)

    def start(self, name: str, role: Role, command: Sequence[str], environment: Mapping[str, str] | None = None, replica: int = 0) -> Child:
        """Starts `command`; its output goes to logs/<name>.log. EnvironmentFailure AIB601: there is no such program."""
        log = self._logs / f"{name}.log"
        path = environment.get("PATH") if environment is not None else None
        program = shutil.which(command[0], path=path)
        if program is None:
            raise EnvironmentFailure("AIB601", what=f"{command[0]}, which starts {name},", install="install it")
        with os.fdopen(growing_file(log), "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid()), program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(environment),
                start_new_session=True,  # Ctrl-C in a terminal reaches only us, and we end the children in order
            )
        child = Child(name, role, process, log, replica)
        self.children.append(child)
        return child

    def wait_ready(self, child: Child, ready: Callable[[], bool], timeout_s: float) -> None:
        """Returns when `ready` says so. EnvironmentFailure AIB607: some child died meanwhile; AIB608: not ready in time."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise EnvironmentFailure("AIB608", what=child.name, seconds=f"{timeout_s:.0f}", log_end=child.log_end(), log=child.log)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(_POLL_S)

    def check(self) -> None:
        """EnvironmentFailure AIB607 if a child has died."""
        for child in self.children:
            if child.died:
                raise died(child)

    def stop(self, child: Child, grace_s: float = 15.0) -> None:
        """SIGTERM, after the grace period SIGKILL, then whatever is left of its process group. Returns when it has ended."""
        child.asked = child.asked or not child.died
        if child.process.poll() is None:
            child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(grace_s)
        self._end_group(child)
        child.process.wait()

    def stop_all(self) -> None:
        """Ends the children, last started first; a second Ctrl-C meanwhile kills the remaining ones at once."""
        try:
            for child in reversed(self.children):
                self.stop(child)
        finally:
            self.kill_all()

    def kill_all(self) -> None:
        """Kills the remaining children without a grace period."""
        for child in self.children:
            if child.process.poll() is None:
                child.asked = child.asked or not child.died
                self._end_group(child)
                child.process.wait()

    def _end_group(self, child: Child) -> None:
        """A child's own children (Triton's stubs) share its group, which start_new_session named after its pid."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def died(child: Child) -> EnvironmentFailure:
    code = child.process.poll()
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    what, how = (f"{child.lost} of {child.name}", "") if child.lost else (child.name, f" ({how})")
    return EnvironmentFailure("AIB607", what=what, how=how, log_end=child.log_end(), log=child.log)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def terminations() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, so that clean-up runs. Has an effect in the main thread only.

    Whoever starts us with SIGHUP ignored, as nohup does, wants us to outlive the terminal: it stays ignored.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, interrupt)
    except ValueError:  # not the main thread
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
