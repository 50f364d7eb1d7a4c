"""Records as they are made: JSON lines (one array of the record's fields each), written by a thread of its own, off the request path.

What was added is in the file a moment later, so that a process that is killed loses nothing that had ended; and on the disk within a
second, so that a host that loses power loses little. What a full disk does not take is kept, and written when there is room again.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from aibenchrt.collect.appender import KEPT_BYTES, Appender
from aibenchrt.collect.schema import unreadable
from aibenchrt.errors import EnvironmentFailure

Row = TypeVar("Row")

_BATCH = 50  # a longer batch would hold the interpreter's lock while requests wait
_SYNC_S = 1.0


class Recorder:
    """add() never blocks; close() returns when everything is on disk, or raises AIB605: something was not written, or perhaps lost.

    kept_bytes: the most that is kept of what the disk does not take.
    """

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self._queue: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._file = Appender(path, kept_bytes)
        self._synced = time.monotonic()
        self._dirty = False
        self._thread = threading.Thread(target=self._write, name="records", daemon=True)
        self._thread.start()

    def add(self, record: tuple[Any, ...]) -> None:
        """record: the values of the record's fields, in order."""
        self._queue.put(record)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        error = self._file.lost or self._file.refused
        if error:
            raise EnvironmentFailure("AIB605", what="the records", reason=error.strerror, way_out="free some disk space")

    def _write(self) -> None:
        going = True
        while going:
            batch = self._batch()
            going = None not in batch
            self._dirty |= self._file.add("".join(json.dumps(record) + "\n" for record in batch if record is not None).encode())
            if self._dirty and time.monotonic() - self._synced >= _SYNC_S:
                self._file.sync()
                self._synced, self._dirty = time.monotonic(), False
        self._file.close()

    def _batch(self) -> list[tuple[Any, ...] | None]:
        """The records that wait; empty when it is time to sync what was written, or to retry."""
        try:
            batch = [self._queue.get(timeout=_SYNC_S if self._dirty or self._file.waiting else None)]
        except queue.Empty:
            return []
        while len(batch) < _BATCH and not self._queue.empty():
            batch.append(self._queue.get())
        return batch


def read_lines(path: Path, row_class: type[Row]) -> Iterator[Row]:
    """The records of one file. A last line that was cut by a crash is left out; AIB609: another line is no record of this class."""
    names = [field.name for field in fields(row_class)]  # type: ignore[arg-type]
    with path.open(encoding="utf-8", errors="replace") as file:
        number, broken = 0, 0
        for line in file:
            number += 1
            if broken:
                raise unreadable(path, f"line {broken} is no {row_class.__name__}")
            try:
                values = json.loads(line) if line.endswith("\n") else None
                row = None if values is None else dict(zip(names, values, strict=True))
            except ValueError:  # JSON, or the number of fields
                row = None
            if row is None:
                broken = number
                continue
            yield row_class(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})
