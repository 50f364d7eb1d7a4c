"""The tables of frames with deadlines, and of streams."""

from __future__ import annotations

from aibenchrt.figure_format import number
from aibenchrt.report.model import Estimate, FrameRow, MovedStreamRow

FRAME_COLUMNS = ("what", "name", "deadline, ms", "frames", "missed, %", "dropped, %", "jitter, ms")
MOVED_COLUMNS = ("task", "stream", "moves", "replicas, in order")


def frame_cells(row: FrameRow) -> tuple[str, ...]:
    deadline = "–" if row.deadline_ms is None else number(row.deadline_ms)
    return (
        row.scope, row.name, deadline, f"{row.frames:,}", _interval(row.missed, 100), _interval(row.dropped, 100), _interval(row.jitter),
    )  # fmt: skip


def moved_cells(row: MovedStreamRow) -> tuple[str, ...]:
    return row.task, str(row.stream), str(row.moves), ", ".join(row.replicas)


def _interval(estimate: Estimate | None, scale: float = 1.0) -> str:
    if estimate is None:
        return "–"
    return f"{number(estimate.value * scale)} [{number(estimate.low * scale)}, {number(estimate.high * scale)}]"
