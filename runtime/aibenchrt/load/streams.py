"""The schedule of a load of streams: whose next frame is due when, of which class, and what it shows. Seeded and pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.random import Generator

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanRequest, PlanStreams


def stream_rows(load: PlanStreams, requests: Sequence[PlanRequest], payloads: Mapping[str, int], rng: Generator) -> list[ScheduleRecord]:
    """Every frame of every stream, in order of time; of the same instant, the lower stream first.

    A stream plays clip after clip, in one seeded order of all clips, in which streams begin at different places, as far apart as there are
    clips for. The class of each frame is drawn by the shares of the mix. payloads: class → how many. EnvironmentFailure AIB714: the classes
    do not have the same clips.
    """
    clip = _clip(requests, payloads)
    order = rng.permutation(payloads[requests[0].name] // clip)
    phases = rng.random(load.streams) / load.rate
    names = [request.name for request in requests]
    bounds = np.cumsum([request.share for request in requests])
    bounds /= bounds[-1]
    rows: list[ScheduleRecord] = []
    for at_s, stream, number in _frames(load, phases.tolist()):
        name = names[min(int(np.searchsorted(bounds, rng.random(), side="right")), len(names) - 1)]
        begin = stream * len(order) // load.streams
        payload = int(order[(begin + number // clip) % len(order)]) * clip + number % clip
        warm = at_s < load.warmup_s
        offset = at_s if warm else at_s - load.warmup_s
        rows.append(ScheduleRecord(len(rows) + 1, name, "warmup" if warm else "measured", payload, offset, stream, number))
    return rows


def _frames(load: PlanStreams, phases: Sequence[float]) -> Iterator[tuple[float, int, int]]:
    """(when in seconds from the start of the warm-up, stream, number), in order."""
    end = load.warmup_s + load.duration_s

    def of(stream: int) -> Iterator[tuple[float, int, int]]:
        frames = math.ceil((end - phases[stream]) * load.rate) + 1
        due = ((phases[stream] + number / load.rate, stream, number) for number in range(frames))
        return (frame for frame in due if frame[0] < end)

    return heapq.merge(*(of(stream) for stream in range(load.streams)))


def _clip(requests: Sequence[PlanRequest], payloads: Mapping[str, int]) -> int:
    """Frames of a clip, the same for all classes."""
    found = {(request.clip, payloads.get(request.name, 0)) for request in requests}
    clip, count = next(iter(found))
    if len(found) > 1 or clip < 1 or count < clip or count % clip:
        texts = (f"'{request.name}' {payloads.get(request.name, 0):,} payloads in clips of {request.clip}" for request in requests)
        raise EnvironmentFailure("AIB714", found=", ".join(texts))
    return clip
