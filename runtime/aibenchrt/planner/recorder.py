"""CallRecords to a file of JSON lines (one array of the record's fields each), from a thread of its own, off the request path."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from aibenchrt.collect.records import CallRecord
from aibenchrt.errors import EnvironmentFailure

_NAMES = tuple(field.name for field in fields(CallRecord))
_LISTS = ("stages", "note")
_BATCH = 50  # a longer batch would hold the interpreter while requests wait


class Recorder:
    """add() never blocks; close() returns when everything is on disk. A failed write is raised by close() as AIB605."""

    def __init__(self, path: Path) -> None:
        self._queue: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._file = path.open("w", encoding="utf-8")
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._write, name="records", daemon=True)
        self._thread.start()

    def add(self, record: tuple[Any, ...]) -> None:
        """record: the values of CallRecord's fields, in order."""
        self._queue.put(record)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error:
            raise EnvironmentFailure("AIB605", f"cannot write the call records: {self._error.strerror}", "free some disk space")

    def _write(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            going = None not in batch
            text = "".join(json.dumps(record) + "\n" for record in batch if record is not None)
            try:
                if self._error is None:
                    self._file.write(text)
                    self._file.flush()
            except OSError as error:
                self._error = error
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error


def read_calls(path: Path) -> Iterator[CallRecord]:
    """The records of one planner. A last line that was cut by a crash is left out."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                row = dict(zip(_NAMES, json.loads(line), strict=True))
                yield CallRecord(**{**row, **{name: tuple(row[name]) for name in _LISTS}})
