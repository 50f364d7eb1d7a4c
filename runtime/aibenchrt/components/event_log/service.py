"""Event log: durably records which items were shown to which user. It is meant for model updates; none is run yet.

One JSON line per impression in `<state>/events/<UTC day>.jsonl`:
{"time_ns": Unix time, "user_id": 7 or null, "item_id": [...], "category": [...]}, best first.

A call returns once its line is on disk (fsync). Calls that arrive while a batch is being written are written together in the next batch
(group commit: DeWitt et al. 1984), so that under load batches grow instead of each call adding an fsync.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aibenchrt.values import Values, Work

_LARGEST_BATCH = 1000


@dataclass(frozen=True)
class Impression:
    """The items shown to one user; `user_id` is None if the user is unknown."""

    time_ns: int
    user_id: int | None
    item_id: tuple[int, ...]
    category: tuple[int, ...]


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, nothing prepared
    return EventLog(state / "events", time.time_ns)


def read_events(state: Path) -> Iterator[Impression]:
    """The impressions in a run's state folder, oldest day first. ValueError: a line is incomplete."""
    for path in sorted((state / "events").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line:
                event = json.loads(line)
                yield Impression(event["time_ns"], event["user_id"], tuple(event["item_id"]), tuple(event["category"]))


class EventLog:
    """Implements `Work`. now: gives the Unix time in ns. Several processes may append to one folder: batches are written under a file
    lock."""

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._now = now
        self._waiting: queue.SimpleQueue[tuple[int, bytes, Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write_batches, name="event-log", daemon=True).start()

    def __call__(self, inputs: Values) -> Values:
        """OSError: the line could not be written durably."""
        details, user = inputs["details"], inputs.get("user")
        at = self._now()
        event = {
            "time_ns": at,
            "user_id": user["user_id"] if user is not None else None,
            "item_id": list(details["item_id"]),
            "category": list(details["category"]),
        }
        durable: Future[None] = Future()
        self._waiting.put((at, json.dumps(event, separators=(",", ":")).encode() + b"\n", durable))
        durable.result()
        return {}

    def _write_batches(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < _LARGEST_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            try:
                for day in sorted({_day(at) for at, _, _ in batch}):
                    append(self._folder / f"{day}.jsonl", b"".join(line for at, line, _ in batch if _day(at) == day))
            except OSError as error:
                for _, _, durable in batch:
                    durable.set_exception(error)
            else:
                for _, _, durable in batch:
                    durable.set_result(None)


def append(path: Path, lines: bytes, *, sync: bool = True, mode: int = 0o644) -> None:
    """Appends whole lines; a torn last line, left by a process that died while writing, is cut off first. sync: wait until they are on
    disk; without it, nothing is lost if a process dies, but a power failure loses what the kernel had not written yet. mode: of a new file.
    Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            whole = os.pread(descriptor, size, 0).rfind(b"\n") + 1
            os.ftruncate(descriptor, whole)
            size = whole
        written = os.write(descriptor, lines)
        if written != len(lines):  # the disk is full
            os.ftruncate(descriptor, size)
            raise OSError(f"only {written} of {len(lines)} bytes were written to {path.name}")
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _day(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d")
