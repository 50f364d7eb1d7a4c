"""Logging: appends one structured record for each value that passes by, for operators.

JSON lines in `<state>/log/<UTC day>.jsonl`: when it was written (Unix time in ns), request, task, port and type, how long the task's call
took in µs, and what it said: fields of the value, text cut at TEXT characters, lists at LIST elements, bytes as their number.

A record is with the kernel when the call returns: a process that dies loses none. `sync always` waits until it is on disk as well;
`sync never` may lose the last seconds in a power cut, as operators' logs mostly do.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibenchrt.components.event_log.service import append
from aibenchrt.values import Values, Work, listed
from aibenchrt.wire.any_value import decode

TEXT, LIST = 200, 10


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    return Log(state / "log", settings["sync"] == "always", time.time_ns)


def read_log(state: Path) -> Iterator[dict[str, Any]]:
    """The records of a run's state folder, oldest day first. ValueError: a line is not whole."""
    for path in sorted((state / "log").glob("*.jsonl")):
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


class Log:
    """The Work. now: Unix time in ns. Several threads and processes may append to one folder."""

    def __init__(self, folder: Path, sync: bool, now: Callable[[], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._sync, self._now = folder, sync, now

    def __call__(self, inputs: Values) -> Values:
        """Raises OSError if a record could not be written."""
        at = self._now()
        records = [
            {
                "time_ns": at,
                "request_id": value["request_id"],
                "task": value["task"],
                "port": value["port"],
                "type": value["type"],
                "took_us": (value["end_ns"] - value["start_ns"]) // 1000,
                "value": {name: shortened(element) for name, element in decode(value["type"], value["content"]).items()},
            }
            for value in listed(inputs, "value")
        ]
        lines = "".join(f"{json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n" for record in records)
        day = datetime.fromtimestamp(at / 1e9, UTC).strftime("%Y-%m-%d")
        append(self._folder / f"{day}.jsonl", lines.encode(), sync=self._sync)
        return {}


def shortened(element: Any) -> Any:
    """The abbreviated value of one field, as a record holds it."""
    if isinstance(element, bytes):
        return f"{len(element)} bytes"
    if isinstance(element, str):
        return element if len(element) <= TEXT else f"{element[:TEXT]}…"
    if isinstance(element, list):
        more = [f"{len(element) - LIST} more"] if len(element) > LIST else []
        return [*map(shortened, element[:LIST]), *more]
    return round(element, 6) if isinstance(element, float) else element
