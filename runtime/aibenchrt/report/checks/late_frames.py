"""V25: frames that count as missed because of the generator alone.

A frame of latency L is missed after its deadline D if L > D. What the generator held it back, by sending it late or by standing still when
its answer came (checks/lateness.py: h), is part of L. Where L − h ≤ D, the system was in time, and the generator made the frame late. A
small share of missed frames may be the target of a load (`slo { missed < 5% }`), and V04 looks at percentiles: a stall of 100 ms holds back
two or three frames of each stream at 25/s, which moves no percentile that is shown and may decide that target.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import percent
from aibenchrt.report.checks.check import check
from aibenchrt.report.checks.lateness import held_back_ms
from aibenchrt.report.frames import Frame, frames
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits


def late_frame_checks(run: Run, limits: Limits) -> list[Check]:
    due = [frame for frame in frames(run) if np.isfinite(frame.deadline_ms)]
    late = len(late_by_generator(run, due))
    share = f"{late:,} of {len(due):,} frames ({percent(late / max(1, len(due)), 2)}) were missed because of the generator alone"
    observed = share if due else "no request has a deadline"
    return [check("V25", late <= limits.late_frames * len(due), observed, percent(limits.late_frames))]


def late_by_generator(run: Run, due: Sequence[Frame]) -> list[Frame]:
    """Of these, the missed ones whose deadline would have been kept had the generator held nothing back."""
    held = held_back_ms(run.requests)
    return [frame for frame in due if frame.missed and frame.latency_ms - held.get(frame.request.request_id, 0.0) <= frame.deadline_ms]
