"""Scenario: what a spec says, with every name resolved and every number in one unit. Frozen; no text is looked at after this."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from aibenchc.graph import Graph, QualityTarget
from aibenchc.source import Span


@dataclass(frozen=True)
class Latency:
    """The percentiles to report, in percent (50, 99, 99.9)."""

    percentiles: tuple[float, ...]


@dataclass(frozen=True)
class Slo:
    percentile: float
    below_ms: float
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Update:
    """frequency: the class ('high', 'low'); every_s: the interval; tasks: those that retrain."""

    frequency: str
    every_s: float
    tasks: tuple[str, ...]
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Load:
    """rate: requests/s (poisson, constant); users and think_s: closed loop; trace: when requests arrive, in seconds from the warm-up on."""

    arrival: Literal["poisson", "constant", "users", "trace", "sessions"]
    duration_s: float
    warmup_s: float
    seed: int
    rate: float | None = None
    users: int | None = None
    think_s: float | None = None
    trace: tuple[float, ...] = ()
    span: Span | None = field(default=None, compare=False)

    @property
    def trace_lines(self) -> bytes:
        """The offsets, one a line."""
        return "".join(f"{offset!r}\n" for offset in self.trace).encode()

    @property
    def trace_name(self) -> str | None:
        """The trace's file in the generated folder, named by what is in it; None where the load is no trace."""
        return f"trace-{hashlib.sha256(self.trace_lines).hexdigest()[:12]}.txt" if self.trace else None


@dataclass(frozen=True)
class Deployment:
    """What runs on what. Of the rest, tasks are named as in the spec, `planner` and `postgresql` beside them; what is not named takes the
    component's own demands and has one replica.

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
    """Groups that overlap are one."""
    found: list[frozenset[str]] = []
    for group in groups:
        overlapping = [other for other in found if other & group]
        found = [other for other in found if not other & group] + [group.union(*overlapping)]
    return found


@dataclass(frozen=True)
class ReferenceItem:
    """kind absolute: `percentile` of whole-path latency is value ms; ratio: whole-path percentile over `task`'s; share: time in `of`.

    value: ms, ratio, or share in [0, 1]; within: relative tolerance in [0, 1].
    """

    kind: Literal["absolute", "ratio", "share"]
    value: float
    within: float
    percentile: float | None = None
    task: str | None = None
    of: Literal["ai", "non_ai"] | None = None


@dataclass(frozen=True)
class Reference:
    title: str
    deployment: str
    items: tuple[ReferenceItem, ...]
    fingerprint: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class DistillChoices:
    """The author's word on distilling. threshold: R2's and similarity: R1's, as shares; keep: classes and tasks; use: task → model;
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
    """metrics: quality metrics as 'precision@10'. quality: task → target. graph: the permutation, undistilled, already checked."""

    name: str
    title: str
    graph: Graph
    metrics: tuple[str, ...]
    latency: Latency
    slo: tuple[Slo, ...]
    updates: tuple[Update, ...]
    load: Load
    deployments: tuple[Deployment, ...]
    references: tuple[Reference, ...]
    distill: DistillChoices
    quality: tuple[tuple[str, QualityTarget], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    essential: Essential | None = None
