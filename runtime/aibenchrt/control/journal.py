"""The journal of a run: which stage ran when and how it ended, on disk after every change."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from aibenchrt.collect.run_info import StageEntry
from aibenchrt.errors import EnvironmentFailure

StageName = Literal["prepare", "start", "ready", "warmup", "load", "extra", "collect", "stop"]


class Journal:
    """journal.json in the run directory. Times in seconds from the journal's making."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = time.monotonic()
        self.entries: list[StageEntry] = []

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        """Writes that the stage runs, and at the end how it went; what it raises goes on."""
        started = time.monotonic() - self._start
        self._write(len(self.entries), StageEntry(name=name, started_s=started, ended_s=None, outcome="running"))
        position = len(self.entries) - 1
        outcome: Literal["ok", "failed", "interrupted"] = "failed"
        detail = ""
        try:
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
        partial = self._path.with_suffix(".part")
        try:
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self._path)
        finally:
            partial.unlink(missing_ok=True)
