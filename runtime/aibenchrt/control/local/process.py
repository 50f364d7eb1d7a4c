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
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.collect.run_info import Role
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve.model_processes import Member, ending, how_they_ended
from aibenchrt.surroundings import child_environment
from aibenchrt.whole_file import growing_file

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_POLL_S = 0.02
_TAIL, _TAIL_BYTES = 12, 16 << 10  # of a log that a failure shows: its last lines, and at most so many bytes


@dataclass
class Child:
    """A process that we started. asked: we told it to end, so that is no crash; ends: it is expected to end by itself with exit code 0.

    members: see there; silent: that a model of it answers nothing, whatever its processes do, and since when (time.monotonic()); replaced:
    another has taken its place.
    """

    name: str
    role: Role
    process: subprocess.Popen[bytes]
    log: Path
    replica: int = 0
    asked: bool = False
    ends: bool = False
    members: tuple[Member, ...] = ()
    silent: str = ""
    silent_since: float = 0.0
    replaced: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def died(self) -> bool:
        """It, or one of its members, exited without being asked to, or it answers nothing."""
        code = self.process.poll()
        if code is None and not self.asked:
            for member in self.members:
                member.look()
        return bool(self.silent or self.lost) or (code is not None and not self.asked and not (self.ends and code == 0))

    @property
    def lost(self) -> tuple[Member, ...]:
        """Its members that were seen to have ended."""
        return tuple(member for member in self.members if member.ended)

    def log_end(self) -> str:
        """The last lines of its log, each after a newline; empty where it has none."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "".join(f"\n{line}" for line in lines[-_TAIL:]).rstrip()


# As units on hosts have it, unless whoever runs us says otherwise: the threads of BLAS spin after every product, on cores that others need.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


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
                env=child_environment({**ONE_THREAD, **(os.environ if environment is None else environment)}),
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
            if child.died and not child.replaced:
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
    """AIB695: a model of it answers nothing; AIB607: it or a member has ended."""
    if child.silent and not child.lost and child.process.poll() is None:
        return EnvironmentFailure("AIB695", silence=child.silent, what=child.name, log_end=child.log_end(), log=child.log)
    what = f"{child.lost[0]} of {child.name}" if child.lost else child.name
    how = ending(child.lost[0].code if child.lost else child.process.poll())
    return EnvironmentFailure("AIB607", what=what, how=f" ({how})" if how else "", log_end=child.log_end(), log=child.log)


def how_it_died(child: Child) -> str:
    """'signal 9 (SIGKILL)', 'the process of model 'a' (pid 7): signal 6 (SIGABRT)', 'model 'a' answers no
    inference within 5 s'; '' if it has not."""
    if child.lost:
        return how_they_ended(child.lost)
    if child.silent:
        return child.silent
    return ending(child.process.poll()) if child.died else ""


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
