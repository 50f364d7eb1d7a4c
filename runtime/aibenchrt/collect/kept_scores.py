"""What an export holds in place of answers and truth: export.json, which says what it was made from, and the score of each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.records import ScoreRecord

EXPORT_FILE, SCORES_FILE = "export.json", "scores.parquet"
EMPTY_ANSWER = "empty answer"


class Exported(BaseModel):
    """export.json. made_from: the root of the run, 64 hexadecimal digits. replaced: kind of name → how many got a neutral one. left_out:
    what the run holds and the export does not. kept: texts of others that it does hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    made_from: str
    replaced: dict[str, int]
    left_out: tuple[str, ...]
    kept: tuple[str, ...]


class KeptScores:
    """The scores of an export, and what it was made from."""

    def __init__(self, exported: Exported, rows: Iterable[ScoreRecord]) -> None:
        self.exported = exported
        self._every: dict[tuple[str, str], list[ScoreRecord]] = {}
        for row in rows:
            self._every.setdefault((row.metric, row.task), []).append(row)
        self._of = {metric: {row.request_id: row for row in own} for (metric, task), own in self._every.items() if not task}

    def of(self, metric: str) -> Mapping[int, ScoreRecord]:
        """Request id → the score of its response."""
        return self._of.get(metric, {})

    def every(self, metric: str, task: str) -> Sequence[ScoreRecord]:
        """The scores of a task's calls, in the order of the records."""
        return self._every.get((metric, task), ())
