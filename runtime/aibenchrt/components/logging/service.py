"""Logging: appends one structured record for each value that it observes, for operators.

JSON lines in `<state>/log/<UTC day>.jsonl`: the time of writing (Unix, in ns), request, task, port, type, the duration of the task's call
in µs, and the value's fields, with text cut at TEXT characters, lists cut at LIST elements, and bytes given as their number. Of a value
that is somebody's (`PortType.private`), and with `values hashed` of every one, only the SHA-256, by which it can be known again.

When the call returns, the record is with the kernel, so a process that dies loses none. `sync always` also waits until it is on disk;
`sync never` may lose the last seconds in a power failure, as is usual for logs.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibenchrt.component import PORT_TYPES
from aibenchrt.components.event_log.service import append
from aibenchrt.values import Values, Work, listed
from aibenchrt.wire.any_value import decode

TEXT, LIST = 200, 10


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared
    return Log(state / "log", settings["sync"] == "always", time.time_ns, hashed=settings.get("values") == "hashed")


def read_log(state: Path) -> Iterator[dict[str, Any]]:
    """The records in a run's state folder, oldest day first. ValueError: a line is incomplete."""
    for path in sorted((state / "log").glob("*.jsonl")):
        yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


class Log:
    """Implements `Work`. now: gives the Unix time in ns. hashed: all values. Several threads and processes may append to one folder."""

    def __init__(self, folder: Path, sync: bool, now: Callable[[], int], *, hashed: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._sync, self._now, self._hashed = folder, sync, now, hashed

    def __call__(self, inputs: Values) -> Values:
        """OSError: a record could not be written."""
        at = self._now()
        records = [
            {
                "time_ns": at,
                "request_id": value["request_id"],
                "task": value["task"],
                "port": value["port"],
                "type": value["type"],
                "took_us": (value["end_ns"] - value["start_ns"]) // 1000,
                "value": self._said(value["type"], value["content"]),
            }
            for value in listed(inputs, "value")
        ]
        lines = "".join(f"{json.dumps(record, ensure_ascii=False, separators=(',', ':'))}\n" for record in records)
        day = datetime.fromtimestamp(at / 1e9, UTC).strftime("%Y-%m-%d")
        append(self._folder / f"{day}.jsonl", lines.encode(), sync=self._sync)
        return {}

    def _said(self, kind: str, content: bytes) -> dict[str, Any]:
        if self._hashed or PORT_TYPES[kind].private:
            return {"sha256": hashlib.sha256(content).hexdigest()}
        return {name: shortened(element) for name, element in decode(kind, content).items()}


def shortened(element: Any) -> Any:
    """The value of one field, abbreviated as in a record."""
    if isinstance(element, bytes):
        return f"{len(element)} bytes"
    if isinstance(element, str):
        return element if len(element) <= TEXT else f"{element[:TEXT]}…"
    if isinstance(element, list):
        more = [f"{len(element) - LIST} more"] if len(element) > LIST else []
        return [*map(shortened, element[:LIST]), *more]
    return round(element, 6) if isinstance(element, float) else element
