"""This machine as plain facts, read from the operating system. Imports the standard library alone, and torch where a GPU is asked for."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


@dataclass(frozen=True)
class Limits:
    """What control groups leave of a machine. cpus: CPU time per time; None: no limit."""

    cpus: float | None
    memory_bytes: int | None


def limits(process: str = "self", root: Path = Path("/")) -> Limits:
    """Of this process, or of another (a pid): the tightest of its group and of those around it, in cgroup v1 and v2 (cgroups(7)).

    root: of the file system, in which proc and what it names are looked for.
    """
    cpus: list[float] = []
    memory: list[int] = []
    for folder in _groups(process, root):
        cpus += _cpus(folder)
        memory += [int(text) for name in ("memory.max", "memory.limit_in_bytes") if (text := _word(folder / name)).isdecimal()]
    machine = memory_kib(root) * 1024
    memory = [size for size in memory if not machine or size < machine]  # v1 writes a huge number for none
    return Limits(min(cpus, default=None), min(memory, default=None))


def _groups(process: str, root: Path) -> Iterator[Path]:
    """The folders of the process's control groups and of those around them, as far as they are mounted here."""
    paths: dict[str, str] = {}  # controller, '' for v2 → path of the group
    for line in _lines(root / "proc" / process / "cgroup"):
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        (of, mounted), (kind, _, options) = before.split(" ")[3:5], after.split(" ", 2)
        if kind not in ("cgroup", "cgroup2"):
            continue
        mounts = ("",) if kind == "cgroup2" else tuple(name for name in options.split(",") if name in ("cpu", "memory"))
        for path in {paths[name] for name in mounts if name in paths}:
            top = root / mounted.lstrip("/")
            inside = path.removeprefix(of.rstrip("/")) if f"{path}/".startswith(f"{of.rstrip('/')}/") else ""
            group = top / inside.lstrip("/")  # a container sees itself as the top, whatever path the host has for it
            yield from (group, *(outer for outer in group.parents if outer.is_relative_to(top)))


def _cpus(folder: Path) -> list[float]:
    """The limit of this group: none or one. cpu.max: 'QUOTA PERIOD' or 'max PERIOD'."""
    quota, _, period = _word(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _word(folder / "cpu.cfs_quota_us"), _word(folder / "cpu.cfs_period_us")
    return [int(quota) / int(period)] if quota.isdecimal() and period.isdecimal() and int(period) else []


def memory_kib(root: Path = Path("/")) -> int:
    """Of the whole machine, 0 if unknown. root: as of limits."""
    return next((int(line.split()[1]) for line in _lines(root / "proc/meminfo") if line.startswith("MemTotal:")), 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []


def _word(path: Path) -> str:
    return "".join(_lines(path)[:1]).strip()


def last_level_cache() -> int | None:
    """Bytes of the CPU's largest cache according to Linux; None if unknown."""
    sizes = []
    for path in _CACHES.glob("index*/size"):
        text = path.read_text(encoding="utf-8").strip()
        digits, unit = text.rstrip("KMG"), text[-1:]
        if digits.isdecimal():
            sizes.append(int(digits) * _UNITS.get(unit, 1))
    return max(sizes, default=None)


def chosen_device(name: str) -> str:
    """'cpu' or 'cuda'; 'auto' is cuda where there is one. EnvironmentFailure AIB618: cuda is asked for and there is none."""
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise EnvironmentFailure("AIB618")
    return "cpu"
