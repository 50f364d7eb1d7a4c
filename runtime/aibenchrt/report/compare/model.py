"""comparison.json: what comparing groups of runs found, as data. Versioned; tables, gates and the command line render it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

COMPARISON_VERSION: Literal[1] = 1

Family = Literal["latency", "component", "quality"]
Finding = Literal["higher", "lower", "no difference seen", "not enough deployments"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(_Frozen):
    """How one figure varies over the deployments of a group. value: geometric mean, in ms. cv: coefficient of variation over the
    deployments; within: mean squared standard error inside a run, between: the variance beyond it, both on the log scale. None: one
    deployment."""

    figure: str
    value: float
    cv: float | None
    within: float
    between: float | None


class Group(_Frozen):
    """The runs of one system. invalid: 'run id (codes)' of those that are INVALID."""

    name: str
    runs: tuple[str, ...]
    fingerprint: str
    invalid: tuple[str, ...]
    spreads: tuple[Spread, ...]


class Effect(_Frozen):
    """One figure of a group beside that of the base group. base, other: in `unit`, means over the deployments (geometric for times).

    change, low, high, detectable: of times relative to the base (0.05: five percent longer), of quality metrics as differences. detectable:
    the smallest change that would have been seen with probability 0.9. p: adjusted for the figures of its family. None: not enough
    deployments.
    """

    family: Family
    figure: str
    unit: str
    base: float
    other: float
    change: float
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    finding: Finding


class Moved(_Frozen):
    """A component's part of the critical paths: mean ms of a request in the base group, and what it gained,
    split by where in its calls."""

    task: str
    kind: str
    base_ms: float
    gained_ms: float
    queue_ms: float
    service_ms: float
    transport_ms: float


class Pair(_Frozen):
    """A group compared with the base. differs: fields of the fingerprint that differ, as 'field: base → other'. sentences: what was
    found."""

    base: str
    other: str
    differs: tuple[str, ...]
    effects: tuple[Effect, ...]
    moved: tuple[Moved, ...]
    sentences: tuple[str, ...]


class Comparison(_Frozen):
    version: Literal[1] = COMPARISON_VERSION
    scenario: str
    alpha: float
    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]

    @property
    def invalid(self) -> tuple[str, ...]:
        return tuple(run for group in self.groups for run in group.invalid)
