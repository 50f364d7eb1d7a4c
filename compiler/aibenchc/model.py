"""Scenario: what a spec says, with every name resolved and every number in one unit. Frozen; later phases never read the source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from aibenchc.graph import Graph, QualityTarget
from aibenchc.source import Span


@dataclass(frozen=True)
class Latency:
    """The percentiles to report, in percent (50, 99, 99.9)."""

    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class LatencyBound:
    """A percentile of the whole path's latency."""

    percentile: float
    below_ms: float
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ShareBound:
    """below: of the requests that are answered after their deadline, or not at all, as a fraction in [0, 1]."""

    metric: Literal["missed", "dropped"]
    below: float
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class JitterBound:
    """Of the latencies of consecutive frames of a stream."""

    below_ms: float
    span: Span | None = field(default=None, compare=False)


Bound: TypeAlias = LatencyBound | ShareBound | JitterBound
FrameMetric: TypeAlias = Literal["missed", "dropped", "jitter"]


@dataclass(frozen=True)
class Update:
    """frequency: the class ('high', 'low'); every_s: the interval; tasks: those that retrain."""

    frequency: str
    every_s: float
    tasks: tuple[str, ...]
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Poisson:
    """rate: requests/s, as in the two that follow."""

    rate: float


@dataclass(frozen=True)
class Constant:
    rate: float


@dataclass(frozen=True)
class Sessions:
    """Users who arrive, ask, think for think_s and ask again."""

    rate: float
    think_s: float


@dataclass(frozen=True)
class Users:
    """A closed loop: a fixed number of users who wait for the answer, then think for think_s."""

    users: int
    think_s: float


@dataclass(frozen=True)
class Trace:
    """offsets: when requests arrive, ascending, in seconds from the beginning of the warm-up; one or more."""

    offsets: tuple[float, ...]

    @property
    def lines(self) -> bytes:
        """The offsets, one per line."""
        return "".join(f"{offset!r}\n" for offset in self.offsets).encode()

    @property
    def file_name(self) -> str:
        """Its file in the generated folder, named by what is in it."""
        return f"trace-{hashlib.sha256(self.lines).hexdigest()[:12]}.txt"


MOST_STREAMS = 10_000


@dataclass(frozen=True)
class Streams:
    """Streams that each send their frames at a fixed rate, whatever becomes of them. rate: frames/s of each."""

    streams: int
    rate: float


Arrivals: TypeAlias = Poisson | Constant | Sessions | Users | Trace | Streams


@dataclass(frozen=True)
class LoadChange:
    """What a run sends instead of the spec's load: requests/s (frames/s of each stream), measured seconds, streams; None: as the spec
    says."""

    rate: float | None = None
    duration_s: float | None = None
    streams: int | None = None


AS_DECLARED = LoadChange()


@dataclass(frozen=True)
class Load:
    """How requests arrive, and how long. duration_s: measured, after warmup_s that are not."""

    arrivals: Arrivals
    duration_s: float
    warmup_s: float
    seed: int
    span: Span | None = field(default=None, compare=False)

    @property
    def end_s(self) -> float:
        """Where the measured phase ends, in seconds from the beginning of the warm-up."""
        return self.warmup_s + self.duration_s


@dataclass(frozen=True)
class Deployment:
    """What runs where, and with how many replicas. Tasks have their names from the spec, beside `planner` and `postgresql`; what is not
    named has the component's own demands and one replica.

    apart: no two replicas of any of these share a host; together: they share one, replica by replica.
    """

    name: str
    nodes: int
    profile: Literal["small", "full"]
    replicas: tuple[tuple[str, int], ...] = ()
    memory_mib: tuple[tuple[str, int], ...] = ()
    cores: tuple[tuple[str, float], ...] = ()
    gpu: tuple[str, ...] = ()
    generators: int = 1
    apart: tuple[tuple[str, ...], ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    span: Span | None = field(default=None, compare=False)


def joined(groups: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The groups, those that overlap merged into one."""
    merged: dict[int, set[str]] = {}
    place: dict[str, int] = {}
    for number, group in enumerate(groups):
        overlapping = {place[name] for name in group if name in place}
        largest = max(overlapping, key=lambda other: len(merged[other]), default=number)
        into = merged.pop(largest, set())
        merged[largest] = into  # the last that was joined stands last
        for names in (group, *(merged.pop(other) for other in overlapping - {largest})):
            into |= names
            place.update(dict.fromkeys(names, largest))
    return [frozenset(names) for names in merged.values()]


@dataclass(frozen=True)
class LatencyPercentile:
    """A percentile of the whole path's latency, in ms."""

    percentile: float


@dataclass(frozen=True)
class LatencyRatio:
    """A percentile of the whole path's latency over the same one of a task's."""

    percentile: float
    task: str


@dataclass(frozen=True)
class TimeFraction:
    """The fraction of time in AI components, or in the others."""

    of: Literal["ai", "non_ai"]


@dataclass(frozen=True)
class ReferenceItem:
    """value: in ms, a ratio, or a fraction in [0, 1], as the quantity is; within: relative tolerance in [0, 1]."""

    quantity: LatencyPercentile | LatencyRatio | TimeFraction
    value: float
    within: float


@dataclass(frozen=True)
class Reference:
    title: str
    deployment: str
    items: tuple[ReferenceItem, ...]
    fingerprint: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class DistillChoices:
    """The author's settings for distilling. threshold: R2's and similarity: R1's, as shares; keep: classes and tasks; use: task → model;
    confirm_tail: the author accepts that pruned requests reach the highest percentile."""

    threshold: float = 0.02
    similarity: float = 0.8
    keep: tuple[str, ...] = ()
    use: tuple[tuple[str, str], ...] = ()
    confirm_tail: bool = False


@dataclass(frozen=True)
class Essential:
    """What the partner holds essential, whatever distilling removes: component types, classes of data, metrics ('ndcg@10', or 'ndcg' at any
    depth, or 'latency'), and the class of an update."""

    tasks: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    update: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Scenario:
    """metrics: quality metrics as 'precision@10'. frames: what else is shown of streams and deadlines. quality: task → target. graph: the
    permutation, undistilled, already checked."""

    name: str
    title: str
    graph: Graph
    metrics: tuple[str, ...]
    frames: tuple[FrameMetric, ...]
    latency: Latency
    slo: tuple[Bound, ...]
    updates: tuple[Update, ...]
    load: Load
    deployments: tuple[Deployment, ...]
    references: tuple[Reference, ...]
    distill: DistillChoices
    quality: tuple[tuple[str, QualityTarget], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    essential: Essential | None = None
