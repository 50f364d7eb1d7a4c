"""A planner's CallRecords, written as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibenchrt.collect.lines import Recorder, read_lines
from aibenchrt.collect.records import CallRecord

__all__ = ["Recorder", "read_calls"]


def read_calls(path: Path) -> Iterator[CallRecord]:
    """The records of one planner. A last line that was cut by a crash is left out."""
    return read_lines(path, CallRecord)
