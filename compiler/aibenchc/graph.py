"""Graph: a scenario's permutation as data edges between requests, tasks and the response. Immutable.

What runs when. A *case* of a request class fixes one arm for each choice. An edge is live in a case when its source
runs and all its guards hold. A task runs in a case when at least one edge into it is live and every required input
port has a live producer; otherwise it is skipped. (So a task downstream of an arm that was not taken is skipped. A
task that no case of a class that reaches it can feed is an error, and so is an edge that brings data in some cases of a
class, in all of which its target is skipped.) A guard (choice, arm) of an exclusive choice holds when that arm was
taken; of a fallback when that arm was tried: its arms are tried in turn, so in case k the arms 0..k all ran, and
what they put out on equally named ports is concatenated into one value for the consumers.

Guards stand only on the edges that enter an arm (from the choice's predecessors to the arm's first tasks, or to
`response` for an arm that ends there).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aibenchrt.component import Port
from aibenchrt.metrics import lower_is_better

from aibenchc.source import Span

RESPONSE = "response"


@dataclass(frozen=True, order=True)
class Guard:
    choice: str
    arm: int


@dataclass(frozen=True)
class Edge:
    """source → target; a port name where the author gave one. Source: a request class or a task; target: a task or RESPONSE."""

    source: str
    target: str
    source_port: str | None = None
    target_port: str | None = None
    guards: tuple[Guard, ...] = ()
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Candidate:
    """A model alternative: its name and the quality that the spec declares for it, or else the catalogue's."""

    model: str
    quality: tuple[tuple[str, float], ...]
    cost: float
    profile: str


def bound_operator(metric: str) -> str:
    """How a quality is bounded: from below, or from above where lower is better."""
    return "<=" if lower_is_better(metric) else ">="


@dataclass(frozen=True)
class QualityTarget:
    """bound: what the metric must reach, or stay below where lower is better."""

    metric: str
    bound: float

    @property
    def operator(self) -> str:
        return bound_operator(self.metric)


@dataclass(frozen=True)
class Feed:
    """How a stage's input port is fed: `stage` None: from the combined task's input port `port`, else that stage's output."""

    input: str
    stage: str | None
    port: str


@dataclass(frozen=True)
class Stage:
    """One component at work. A task as the author wrote it has one stage, named as the task; R5 makes tasks of several."""

    name: str
    component: str
    settings: tuple[tuple[str, str | int], ...] = ()
    candidates: tuple[Candidate, ...] = ()
    target: QualityTarget | None = None
    feeds: tuple[Feed, ...] = ()


@dataclass(frozen=True)
class Task:
    """`service_ms`: declared mean service time, None if unknown."""

    name: str
    stages: tuple[Stage, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    auxiliary: bool = False
    effect: bool = False
    service_ms: float | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class PortRef:
    task: str
    port: str


@dataclass(frozen=True)
class Until:
    """Stop once the sum of `port` over the arms tried so far is at least `at_least`; `ref` is as the author named it."""

    ref: PortRef
    at_least: float


@dataclass(frozen=True)
class Arm:
    """share: of the requests that reach the choice, in a fallback the share that gets as far as this arm (arm 0: 1.0).

    tasks: the tasks that the author wrote inside the arm, first to last.
    """

    share: float
    tasks: tuple[str, ...]
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class ExclusiveArm(Arm):
    """when: the Flag port that decides in the run; None: the arm for the requests that no flag decides."""

    when: PortRef | None = None


@dataclass(frozen=True)
class ExclusiveChoice:
    """`( 40%: a | rest: b )`: one arm runs (workflow pattern WCP-4, van der Aalst et al. 2003).

    Either all arms but one have a flag, or none has: then the draw is seeded.
    """

    name: str
    arms: tuple[ExclusiveArm, ...]
    span: Span | None = field(default=None, compare=False)

    @property
    def flags(self) -> tuple[PortRef, ...]:
        return tuple(arm.when for arm in self.arms if arm.when)

    def holds(self, arm: int, taken: int) -> bool:
        """Whether arm `arm` runs in a case that took arm `taken`."""
        return arm == taken

    def case_share(self, taken: int) -> float:
        """The share of the requests reaching the choice that take arm `taken`."""
        return self.arms[taken].share


@dataclass(frozen=True)
class Fallback:
    """`( a else 35%: b until a.hits >= 20 )`: the arms in turn until there is enough, as a search falls back to the next tier of an index
    (Manning, Raghavan and Schütze 2008, section 7.2.1)."""

    name: str
    arms: tuple[Arm, ...]
    until: Until
    span: Span | None = field(default=None, compare=False)

    def holds(self, arm: int, taken: int) -> bool:
        """Whether arm `arm` runs in a case whose last arm is `taken`."""
        return arm <= taken

    def case_share(self, taken: int) -> float:
        """The share of the requests reaching the choice that go as far as arm `taken` and no further."""
        further = self.arms[taken + 1].share if taken + 1 < len(self.arms) else 0.0
        return max(0.0, (1.0 if taken == 0 else self.arms[taken].share) - further)


Choice = ExclusiveChoice | Fallback


@dataclass(frozen=True)
class RequestClass:
    """`dataset`: the name declared in the spec; `source`: its request source. share: of all requests, in [0, 1]. deadline_s: how long after
    its intended time an answer is of use, None: however late."""

    name: str
    share: float
    dataset: str
    source: str
    ports: tuple[Port, ...]
    deadline_s: float | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Dataset:
    """A data set the spec declares: its name there, and the catalogue's."""

    name: str
    spec: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Graph:
    datasets: tuple[Dataset, ...]
    requests: tuple[RequestClass, ...]
    tasks: tuple[Task, ...]
    edges: tuple[Edge, ...]
    choices: tuple[Choice, ...]
