"""A reference as data: what a spec's `reference` block and a `--reference FILE` both become."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.plan import Plan, PlanReferenceItem

REFERENCE_VERSION: Literal[2] = 2
WIDEST_TOLERANCE = 1.0  # relative; a band from zero to twice the figure cannot distinguish systems


class Spread(BaseModel):
    """Over `runs` deployments: single: variance of one of them (log scale), dof: its degrees of freedom; cv: coefficient of variation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    single: float
    dof: int
    runs: int
    cv: float


class ReferenceItem(PlanReferenceItem):
    """spread: of the deployments that it was made from; None: an author's figure."""

    spread: Spread | None = None

    @property
    def discriminates(self) -> bool:
        """False if the deployments from which it was made disagree so much that any system would pass; a band set by an author always
        discriminates."""
        return self.spread is None or self.within < WIDEST_TOLERANCE


class Reference(BaseModel):
    """runs: ids of the runs it was made from, none for published figures. fingerprint None: published, never gated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[2] = REFERENCE_VERSION
    title: str
    deployment: str
    fingerprint: str | None
    runs: tuple[str, ...]
    items: tuple[ReferenceItem, ...]


def of_plan(plan: Plan) -> tuple[Reference, ...]:
    """The references of the spec."""
    return tuple(
        Reference(
            title=r.title,
            deployment=r.deployment,
            fingerprint=r.fingerprint,
            runs=(),
            items=tuple(ReferenceItem(quantity=item.quantity, value=item.value, within=item.within) for item in r.items),
        )
        for r in plan.references
    )


def read_reference(path: Path) -> Reference:
    """A file that `aibenchc reference … --json` wrote. Raises EnvironmentFailure AIB663 if it is not."""
    try:
        return read_json(path, Reference)
    except JsonFileError as error:
        raise EnvironmentFailure("AIB663", path=path, reason=error) from error
