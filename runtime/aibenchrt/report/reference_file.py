"""A reference as data: what a spec's `reference` block and a `--reference FILE` both become."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError, json_document, read_bytes
from aibenchrt.json_file import MOST_BYTES, JsonFileError, read_json
from aibenchrt.plan import Plan, PlanLatencyPercentile, PlanLatencyRatio, PlanTimeFraction
from aibenchrt.report.reference_rule import LEAST_DEPLOYMENTS

REFERENCE_VERSION: Literal[3] = 3
OF_THE_OLD_RULE = (1, 2)  # versions whose tolerances were made of the noise of two deployments


class MeanLatency(BaseModel):
    """The mean of the whole path's latency, in ms. A spec names percentiles only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mean"] = "mean"


Quantity = Annotated[MeanLatency | PlanLatencyPercentile | PlanLatencyRatio | PlanTimeFraction, Field(discriminator="kind")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ReferenceItem(BaseModel):
    """within: the margin, relative. deployments: the figure of each deployment that it was recorded from, whose geometric mean is `value`;
    none: an author's figure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: Quantity
    value: float
    within: float
    deployments: tuple[Positive, ...] = ()

    @field_validator("deployments")
    @classmethod
    def _enough(cls, deployments: tuple[float, ...]) -> tuple[float, ...]:
        if deployments and len(deployments) < LEAST_DEPLOYMENTS:
            raise ValueError(f"{len(deployments)} deployments, of at least {LEAST_DEPLOYMENTS}")
        return deployments


class Reference(BaseModel):
    """runs: ids of the runs it was made from, none for published figures. fingerprint None: published, never gated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[3] = REFERENCE_VERSION
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
    """A file that `aibenchc reference … --json` wrote. Raises EnvironmentFailure AIB760: of the rule before this one; AIB663: none."""
    try:
        return read_json(path, Reference)
    except JsonFileError as error:
        if _version(path) in OF_THE_OLD_RULE:
            raise EnvironmentFailure("AIB760", path=path) from error
        raise EnvironmentFailure("AIB663", path=path, reason=error) from error


def _version(path: Path) -> object:
    """None where the file says none."""
    try:
        document = json_document(read_bytes(path, MOST_BYTES))
    except InputFileError:
        return None
    return document.get("version") if isinstance(document, dict) and "items" in document else None
