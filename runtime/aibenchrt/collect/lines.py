"""Records as they are made: JSON lines (one array of the record's fields each), written by a thread of its own, off the request path.

What was added is in the file a moment later, so that a process that is killed loses nothing that had ended; and on the disk within a
second, so that a host that loses power loses little. What a full disk does not take is kept, and written when there is room again.
"""

from __future__ import annotations

import itertools
import json
import math
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from aibenchrt.collect.appender import KEPT_BYTES, Appender
from aibenchrt.collect.records import MOST_INTEGER
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, open_file

Row = TypeVar("Row")

_BATCH = 50  # a longer batch would hold the interpreter's lock while requests wait
_SYNC_S = 1.0

MOST_OF_A_LINE = 16 * MIB  # an answer's largest value in it has sixteen KiB


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
    """The records of one file. A last line that was cut by a crash is left out; AIB609: another line is no record of this class, or the
    file is no regular one."""
    kinds = [get_type_hints(row_class)[field.name] for field in fields(row_class)]  # type: ignore[arg-type]
    try:
        broken = 0
        for number, line in whole_lines(path):
            if broken:
                raise InputFileError(f"line {broken} is no {row_class.__name__}")
            values = _record(line, kinds)
            if values is None:
                broken = number
            else:
                yield row_class(*values)
    except InputFileError as error:
        raise unreadable(path, str(error)) from error


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line with its end); a last line without one is left out. InputFileError: no regular file, or a longer line."""
    with open_file(path) as file:
        for number in itertools.count(1):
            line = file.readline(MOST_OF_A_LINE)
            if not line.endswith(b"\n"):
                if len(line) == MOST_OF_A_LINE:
                    raise InputFileError(f"line {number} is longer than {MOST_OF_A_LINE:,} bytes")
                return
            yield number, line


def _record(line: bytes, kinds: Sequence[Any]) -> list[Any] | None:
    """The values of one record; None: the line is none."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list) or len(values) != len(kinds):
        return None
    if not all(_fits(value, kind) for value, kind in zip(values, kinds, strict=True)):
        return None
    return [tuple(value) if isinstance(value, list) else value for value in values]


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is one of the field's type: whole numbers below MOST_INTEGER, others finite."""
    if kind is int:
        return type(value) is int and abs(value) < MOST_INTEGER
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    if kind in (str, bool):
        return type(value) is kind
    return type(value) is list and all(type(entry) is str for entry in value)
