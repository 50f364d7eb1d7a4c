"""Several deployments of one system, judged together against references: what one run alone is too noisy to decide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.recorded_run import read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report.analysis import analyse
from aibenchrt.report.judgements import Measured
from aibenchrt.report.model import Judgement
from aibenchrt.report.reference_file import Reference, of_plan, read_reference
from aibenchrt.report.reference_judgements import Deployment, reference_judgements
from aibenchrt.report.verdict import exit_code, undecided


class Together(BaseModel):
    """runs: their ids. invalid: 'run id (codes)', also of a run during which a fault was expected; nothing is decided then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    runs: tuple[str, ...]
    fingerprint: str
    invalid: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    exit_code: int


def validate_together(directories: Sequence[Path], references: Sequence[Path] = ()) -> Together:
    """At least two runs. Their slo and quality targets are those of each run alone: `validate` judges them.

    Raises EnvironmentFailure AIB762: two runs of one deployment, different fingerprints, or nothing to compare with; AIB609, AIB663, AIB760
    as `validate`.
    """
    given: list[Reference] = [read_reference(path) for path in references]
    deployments, invalid = [], []
    for directory in directories:
        analysis = analyse(read_run(directory))
        info = analysis.run.info
        deployments.append(Deployment(info, Measured(analysis.latency, analysis.ratios, analysis.fractions)))
        given += [] if len(deployments) > 1 else of_plan(analysis.run.plan)
        codes = [reason.code for reason in analysis.reasons] + ([f"expected fault: {info.fault}"] if info.fault else [])
        invalid += [f"{info.run_id} ({', '.join(codes)})"] if codes else []
    _check(deployments, given)
    judgements = reference_judgements(deployments, given)
    if invalid:
        judgements = undecided(judgements, "a run is INVALID")
    return Together(
        runs=tuple(one.info.run_id for one in deployments),
        fingerprint=deployments[0].info.fingerprint.hash,
        invalid=tuple(invalid),
        judgements=judgements,
        exit_code=exit_code(not invalid, [j.status for j in judgements]),
    )


def _check(deployments: Sequence[Deployment], references: Sequence[Reference]) -> None:
    def fail(reason: str, way_out: str) -> EnvironmentFailure:
        return EnvironmentFailure("AIB762", reason=reason, way_out=way_out)

    if not references:
        raise fail("there is no reference", "give one with --reference FILE, or validate each run alone")
    if len({one.info.deployment_id for one in deployments}) < len(deployments):
        raise fail("two of them are of the same deployment", "give each run once, each of a deployment of its own")
    prints = sorted({one.info.fingerprint.hash for one in deployments})
    if len(prints) > 1:
        raise fail(f"they have different fingerprints: {', '.join(prints)}", "give runs of one system")
