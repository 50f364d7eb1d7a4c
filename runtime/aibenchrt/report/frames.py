"""Frames that came too late or not at all, how evenly they came, and streams that moved: of streams, and of classes with a deadline.

A frame is answered in time, missed (answered after its deadline) or dropped (it failed, timed out or was never sent); latency counts from
the intended time. Jitter is the mean of |D| of RFC 3550, section 6.4.1, not smoothed: D is by how much the latencies of two consecutive
answered frames of a stream differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aibenchrt.catalog import component
from aibenchrt.collect.recorded_run import MEASURED, Run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.plan import Plan, PlanStage, PlanStreams, Step
from aibenchrt.report import statistics
from aibenchrt.report.model import Estimate, FrameRow, MovedStreamRow
from aibenchrt.report.statistics import Array

_MS = 1e6


@dataclass(frozen=True)
class Frame:
    """A measured request with its stream and number (-1: none), its latency in ms (infinite: dropped) and its deadline in ms (infinite:
    none)."""

    request: RequestRecord
    stream: int
    number: int
    latency_ms: float
    deadline_ms: float

    @property
    def dropped(self) -> bool:
        return not np.isfinite(self.latency_ms)

    @property
    def missed(self) -> bool:
        return not self.dropped and self.latency_ms > self.deadline_ms


def has_frames(plan: Plan) -> bool:
    """Whether any request has a deadline, or belongs to a stream."""
    return isinstance(plan.load, PlanStreams) or any(request.deadline_s is not None for request in plan.requests)


def frames(run: Run) -> tuple[Frame, ...]:
    """The measured requests in the order of their intended times; () where has_frames says no."""
    if not has_frames(run.plan):
        return ()
    rows = {row.request_id: row for row in run.schedule if row.phase == MEASURED}
    deadlines = {request.name: np.inf if request.deadline_s is None else 1000 * request.deadline_s for request in run.plan.requests}
    made = []
    for r in run.measured:
        row = rows.get(r.request_id)
        latency = (r.done_ns - r.intended_ns) / _MS if r.outcome == "ok" else np.inf
        made.append(Frame(r, row.stream if row else -1, row.number if row else -1, latency, deadlines.get(r.request_class, np.inf)))
    return tuple(made)


def frame_rows(run: Run) -> tuple[FrameRow, ...]:
    """All frames, each class (where there are several), each stream; () where has_frames says no."""
    own = frames(run)
    if not own:
        return ()
    classes = [request.name for request in run.plan.requests]
    groups: list[tuple[str, str, Sequence[Frame]]] = [("all", "all", own)]
    if len(classes) > 1:
        groups += [("class", name, [f for f in own if f.request.request_class == name]) for name in classes]
    groups += [("stream", str(stream), [f for f in own if f.stream == stream]) for stream in sorted({f.stream for f in own} - {-1})]
    return tuple(_row(scope, name, group) for scope, name, group in groups if group)


def _row(scope: str, name: str, group: Sequence[Frame]) -> FrameRow:
    due = [f for f in group if np.isfinite(f.deadline_ms)]
    deadlines = {f.deadline_ms for f in group}
    # The frames of one class are no consecutive ones: jitter is a property of a stream, or of all.
    steps = _jitter_ms(group) if scope != "class" else np.array([])
    return FrameRow.model_validate(
        {
            "scope": scope,
            "name": name,
            "deadline_ms": next(iter(deadlines)) if len(deadlines) == 1 and due else None,
            "frames": len(group),
            "missed": _share(due, lambda f: f.missed),
            "dropped": _share(group, lambda f: f.dropped),
            "jitter": statistics.positive_mean(steps),
        }
    )


def _share(group: Sequence[Frame], of: Callable[[Frame], bool]) -> Estimate | None:
    return statistics.share(np.array([of(f) for f in group], dtype=np.float64)) if group else None


def _jitter_ms(group: Iterable[Frame]) -> Array:
    """|D| of each answered frame and the answered one before it in its stream, in the order of the intended times of the later ones."""
    streams: dict[int, list[Frame]] = {}
    for frame in group:
        if frame.stream >= 0 and not frame.dropped:
            streams.setdefault(frame.stream, []).append(frame)
    steps = []
    for own in streams.values():
        own.sort(key=lambda f: f.number)
        steps += [(after.request.intended_ns, abs(after.latency_ms - before.latency_ms)) for before, after in pairwise(own)]
    return np.array([step for _, step in sorted(steps)], dtype=np.float64)


def moved_stream_rows(run: Run) -> tuple[MovedStreamRow, ...]:
    """Of each task that keeps a state for each stream, the streams that more than one replica answered, by all calls of the load."""
    tasks = {step.task for step in run.plan.steps if keeps_streams(step)}
    streams = {row.request_id: row.stream for row in run.schedule if row.stream >= 0}
    if not tasks or not streams:
        return ()
    replicas: dict[tuple[str, int], list[str]] = {}
    for call in sorted(run.calls, key=lambda c: (c.start_ns, c.request_id)):
        if call.task in tasks and call.outcome == "ok" and call.request_id in streams:
            seen = replicas.setdefault((call.task, streams[call.request_id]), [])
            if not seen or seen[-1] != call.endpoint:
                seen.append(call.endpoint)
    return tuple(
        MovedStreamRow(task=task, stream=stream, moves=len(seen) - 1, replicas=tuple(dict.fromkeys(seen)))
        for (task, stream), seen in sorted(replicas.items())
        if len(seen) > 1
    )


def keeps_streams(step: Step) -> bool:
    """Whether a component of it keeps a state for each stream, so that all frames of one go to one replica."""
    return any(map(_by_stream, step.stages))


def _by_stream(stage: PlanStage) -> bool:
    spec = component(stage.component)
    return spec is not None and any(port.name == spec.by_stream for port in spec.ports_for(dict(stage.settings)).inputs)
