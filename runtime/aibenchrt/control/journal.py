"""The journal of a run: which stage ran when and how it ended; written after every change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import RootModel

from aibenchrt.collect.run_info import StageEntry
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.whole_file import write_text

StageName = Literal["prepare", "ship", "deploy", "start", "ready", "warmup", "load", "supplement", "collect", "stop", "teardown"]


class Journal:
    """journal.json in the run directory. Times are in seconds since the journal was begun; an existing one is continued.

    passed_s: seconds since the run was begun, if it is resumed.
    """

    def __init__(self, path: Path, passed_s: float = 0.0) -> None:
        self._path = path
        self._start = time.monotonic() - passed_s
        self.entries: list[StageEntry] = read_journal(path)

    def done(self, name: StageName) -> bool:
        """Whether the last attempt at the stage completed."""
        return next((entry.outcome == "ok" for entry in reversed(self.entries) if entry.name == name), False)

    def amend(self, name: StageName, detail: str) -> None:
        """Marks the last attempt at a completed stage as failed, because of what its records show."""
        position = max(index for index, entry in enumerate(self.entries) if entry.name == name)
        self.entries[position] = self.entries[position].model_copy(update={"outcome": "failed", "detail": detail})
        self._write(len(self.entries) - 1, self.entries[-1])

    def begun(self, name: StageName) -> bool:
        return any(entry.name == name for entry in self.entries)

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        """Records that the stage runs, and at the end its outcome; exceptions pass through."""
        started = time.monotonic() - self._start
        position = len(self.entries)
        outcome: Literal["ok", "failed", "interrupted"] = "failed"
        detail = ""
        try:
            self._write(position, StageEntry(name=name, started_s=started, ended_s=None, outcome="running"))
            yield
            outcome = "ok"
        except EnvironmentFailure as failure:
            detail = str(failure).splitlines()[0]
            raise
        except KeyboardInterrupt:
            outcome, detail = "interrupted", "interrupted"
            raise
        except BaseException as error:
            detail = f"{type(error).__name__}: {error}"
            raise
        finally:
            ended = time.monotonic() - self._start
            entry = StageEntry(name=name, started_s=started, ended_s=ended, outcome=outcome, detail=detail)
            self._write(position, entry)

    def _write(self, position: int, entry: StageEntry) -> None:
        self.entries[position:] = [entry]
        text = json.dumps([e.model_dump(mode="json") for e in self.entries], indent=1)
        write_text(self._path, text + "\n")


class _Entries(RootModel[list[StageEntry]]):
    """journal.json."""


def read_journal(path: Path) -> list[StageEntry]:
    """Empty where there is none; EnvironmentFailure AIB609 where it is damaged.

    A stage that a killed control host left running was interrupted.
    """
    if not path.exists():
        return []
    try:
        entries = read_json(path, _Entries).root
    except JsonFileError as error:
        raise unreadable(path, str(error)) from error
    return [
        entry.model_copy(update={"outcome": "interrupted", "detail": "the control host was interrupted"})
        if entry.outcome == "running"
        else entry
        for entry in entries
    ]
