"""Monitoring: counts and times the calls whose values it observes, and samples its own process, for operators.

For every interval of `interval` ms in which a value was observed, one JSON line is appended to `<state>/metrics/samples.jsonl`: Unix time
in ns; the process; for each task, since the process started, the number of calls, the sum and the maximum of their times in µs and the
bytes of their outputs; CPU seconds and resident memory (KiB) of this process. What follows the last sample is lost when the process
ends.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchrt.components.event_log.service import append
from aibenchrt.values import Values, Work, listed


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    monitor = Monitor()
    path = state / "metrics" / "samples.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = int(settings["interval"]) / 1000
    threading.Thread(target=_sample, args=(monitor, path, seconds), name="samples", daemon=True).start()
    return monitor


@dataclass
class _Counters:
    calls: int = 0
    sum_us: int = 0
    most_us: int = 0
    bytes: int = 0


class Monitor:
    """Implements `Work`. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, _Counters] = {}
        self.changed = threading.Event()
        self.failure: OSError | None = None  # why sampling stopped

    def __call__(self, inputs: Values) -> Values:
        """OSError: a sample could not be written."""
        if self.failure is not None:
            raise self.failure
        with self._lock:
            for value in listed(inputs, "value"):
                counters = self._counters.setdefault(value["task"], _Counters())
                took = (value["end_ns"] - value["start_ns"]) // 1000
                counters.calls += 1
                counters.sum_us += took
                counters.most_us = max(counters.most_us, took)
                counters.bytes += len(value["content"])
        self.changed.set()
        return {}

    def sample(self, now_ns: int) -> dict[str, Any]:
        """The current sample, as it is written. now_ns: Unix time."""
        with self._lock:
            tasks = {task: vars(counters).copy() for task, counters in sorted(self._counters.items())}
        return {
            "time_ns": now_ns,
            "process": os.getpid(),
            "tasks": tasks,
            "cpu_s": round(time.process_time(), 3),
            "memory_kib": _resident_kib(),
        }


def _sample(monitor: Monitor, path: Path, seconds: float) -> None:
    while True:
        monitor.changed.wait()
        monitor.changed.clear()
        line = json.dumps(monitor.sample(time.time_ns()), separators=(",", ":")).encode() + b"\n"
        try:
            append(path, line, sync=False)
        except OSError as error:
            monitor.failure = error
            return
        time.sleep(seconds)


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
