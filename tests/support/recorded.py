"""Answers and truth as records hold them, for tests that write or read records by hand: nothing of it is large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES
from aibenchrt.collect import typed_values
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import RequestRecord, TruthRecord

NOWHERE = Contents(Path("/nonexistent/contents"))


def answer_entries(**values: Any) -> tuple[str, ...]:
    """answer_entries(ranking=(3, 1), text=('hello',))"""
    return typed_values.encode(values, ANSWER_TYPES, NOWHERE)


def truth_entries(**values: Any) -> tuple[str, ...]:
    return typed_values.encode(values, TRUTH_TYPES, NOWHERE)


def shown(record: RequestRecord, answer_type: str = "ranking") -> Any:
    """What the request showed of that type."""
    entry = typed_values.entry_of(record.answer, answer_type)
    kind = ANSWER_TYPES[answer_type]
    return kind.nothing if entry is None else typed_values.decode(entry, kind, NOWHERE)


def held_out(record: TruthRecord, truth_type: str = "relevant") -> Any:
    """The truth of that type; None where the request has none."""
    entry = typed_values.entry_of(record.truth, truth_type)
    return None if entry is None else typed_values.decode(entry, TRUTH_TYPES[truth_type], NOWHERE)
