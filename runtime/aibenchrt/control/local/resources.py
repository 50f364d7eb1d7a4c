"""Samples CPU and memory of a run's processes every half second, each with its own children (Triton's stubs), and those of the machine."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil

from aibenchrt.collect.machine_counters import Reading, machine_record, others_share, read_machine
from aibenchrt.collect.records import MachineRecord, ResourceRecord
from aibenchrt.collect.run_info import Bystander
from aibenchrt.control.local.bystanders import Looking
from aibenchrt.control.local.process import Child

PERIOD_S = 0.5
_LONGEST_LOOK_S = 30.0


@dataclass(frozen=True)
class Look:
    """others_share: of the machine's CPU time, for other work and other virtual machines; bystanders: the busiest of what did it."""

    others_share: float
    bystanders: tuple[Bystander, ...]


class Sampler:
    """Samples on a thread while used as a context manager; appends to `records` and `machine`. children: called at each sample; host: the
    name of this machine."""

    def __init__(self, children: Callable[[], Sequence[Child]], host: str) -> None:
        self._children = children
        self._host = host
        self._used: dict[int, tuple[float, int]] = {}  # child → CPU seconds so far, at
        self._own: dict[int, float] = {}  # every process of the run → CPU seconds so far
        self._before: Reading | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="resources", daemon=True)
        self.records: list[ResourceRecord] = []
        self.machine: list[MachineRecord] = []
        self.bystanders: tuple[Bystander, ...] = ()
        self._sampled = threading.Condition()
        self._ours: set[int] = set()  # pids of all processes of the run so far

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def look(self, samples: int) -> Look | None:
        """What the next samples show; None: the machine gives none."""
        looked, first = Looking(), len(self.machine)
        with self._sampled:
            self._sampled.wait_for(lambda: len(self.machine) >= first + samples, timeout=_LONGEST_LOOK_S)
        seen = self.machine[first:]
        return Look(others_share(seen), looked.bystanders(self.ours())) if seen else None

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        """Around the load: `bystanders` are then the busiest processes that were not of the run."""
        looking = Looking()
        try:
            yield
        finally:
            self.bystanders = looking.bystanders(self.ours())

    def ours(self) -> frozenset[int]:
        """Pids of the processes of the run, also of those that have ended."""
        with self._sampled:
            return frozenset(self._ours)

    def _run(self) -> None:
        ourselves = psutil.Process()
        while not self._stop.wait(PERIOD_S):
            groups = _groups()
            used = {member.pid: now for members in groups.values() for member in members if (now := _used(member)) is not None}
            own = _used(ourselves)
            self._sample_machine({**{pid: cpu_s for pid, (cpu_s, _) in used.items()}, ourselves.pid: own[0] if own else 0.0})
            for child in self._children():
                if child.process.poll() is None:
                    self._sample(child, [used[member.pid] for member in groups.get(child.pid, []) if member.pid in used])

    def _sample_machine(self, own: Mapping[int, float]) -> None:
        try:
            reading = read_machine()
        except (OSError, ValueError):
            return  # the run then has no samples of the machine, and its verdict says so
        spent_s = sum(max(0.0, cpu_s - self._own.get(pid, 0.0)) for pid, cpu_s in own.items())
        self._own = dict(own)
        with self._sampled:
            self._ours |= own.keys()
            if self._before is not None and reading.total_us > self._before.total_us:
                self.machine.append(machine_record(self._host, self._before, reading, 1e6 * spent_s))
                self._sampled.notify_all()
        self._before = reading

    def _sample(self, child: Child, members: Sequence[tuple[float, int]]) -> None:
        used, resident = sum(cpu_s for cpu_s, _ in members), sum(resident for _, resident in members)
        if not resident:
            return
        now = time.monotonic_ns()
        before = self._used.get(child.pid)
        self._used[child.pid] = (used, now)
        if before:  # the first sample has nothing to compare with
            share = max(0.0, (used - before[0]) / ((now - before[1]) / 1e9))
            self.records.append(ResourceRecord(now, child.name, child.pid, share, resident))


def _used(member: psutil.Process) -> tuple[float, int] | None:
    """CPU seconds and resident bytes; None: it has just ended."""
    try:
        with member.oneshot():
            times, resident = member.cpu_times(), member.memory_info().rss
    except psutil.Error:
        return None
    return times.user + times.system, resident


def _groups() -> dict[int, list[psutil.Process]]:
    """Process group → our descendants in it: a child leads the group that it shares with its own children.

    Scans all processes once per sample; psutil's children() of each child would scan them once per child, a tenth of a core in total.
    """
    groups: dict[int, list[psutil.Process]] = {}
    for member in psutil.Process().children(recursive=True):
        with contextlib.suppress(ProcessLookupError):
            groups.setdefault(os.getpgid(member.pid), []).append(member)
    return groups
