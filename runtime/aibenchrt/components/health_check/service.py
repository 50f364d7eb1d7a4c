"""Health check: whether the observed values are valid and on time, and whether this host has enough resources left.

It checks that each value can be decoded as its type, is not empty, and comes from a call that took at most `slowest` ms; and that the host
has `disk` MiB free on the state folder's file system and `memory` MiB of memory available. The state of every observed task, "ok" or the
reasons why not, is kept in `<state>/health/<task>.json`, replaced atomically whenever it changes. A call whose check fails still succeeds.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from aibenchrt.component import PORT_TYPES
from aibenchrt.values import Value, Values, Work, listed
from aibenchrt.wire.any_value import decode

MIB = 1 << 20


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    return HealthCheck(state / "health", {name: int(value) for name, value in settings.items()})


class HealthCheck:
    """Implements `Work`. limits: `slowest` (ms), `disk` and `memory` (MiB). Thread-safe."""

    def __init__(self, folder: Path, limits: Mapping[str, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._limits = folder, limits
        self._lock = threading.Lock()
        self._last: dict[str, list[str]] = {}

    def __call__(self, inputs: Values) -> Values:
        """OSError: the state could not be written."""
        for value in listed(inputs, "value"):
            reasons = [*self._of_value(value), *self._of_host()]
            with self._lock:
                if self._last.get(value["task"]) != reasons:
                    self._write(value["task"], {"state": "failing" if reasons else "ok", "reasons": reasons})
                    self._last[value["task"]] = reasons
        return {}

    def _of_value(self, value: Value) -> Iterator[str]:
        took_ms = (value["end_ns"] - value["start_ns"]) / 1e6
        if took_ms > self._limits["slowest"]:
            yield f"slower than {self._limits['slowest']} ms"
        try:
            fields = decode(value["type"], value["content"])
        except (KeyError, DecodeError):
            yield f"puts out what is no {value['type']}"
            return
        repeated = [field.name for field in PORT_TYPES[value["type"]].fields if field.repeated]
        if repeated and not any(fields[name] for name in repeated):
            yield f"puts out an empty {value['type']}"

    def _of_host(self) -> Iterator[str]:
        if shutil.disk_usage(self._folder).free < self._limits["disk"] * MIB:
            yield f"less than {self._limits['disk']} MiB free on disk"
        if _available_kib() < self._limits["memory"] * 1024:
            yield f"less than {self._limits['memory']} MiB of memory free"

    def _write(self, task: str, state: Mapping[str, Any]) -> None:
        path = self._folder / f"{task}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(state), encoding="utf-8")
        os.replace(partial, path)


def _available_kib() -> int:
    """The kernel's estimate of the memory available without swapping, in KiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    raise OSError("the kernel does not say how much memory is available")
