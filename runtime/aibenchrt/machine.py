"""This machine as plain facts, read from the operating system. Imports the standard library alone, and torch where a GPU is asked for."""

from __future__ import annotations

import platform
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
