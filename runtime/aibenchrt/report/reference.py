"""A local reference from separate deployments: the figures of each, and a margin, as JSON and as a block of a spec."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.run_info import RunInfo
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanLatencyPercentile, PlanLatencyRatio, PlanTimeFraction
from aibenchrt.report.analysis import Analysis, analyse
from aibenchrt.report.judgements import Measured
from aibenchrt.report.reference_file import MeanLatency, Quantity, Reference, ReferenceItem
from aibenchrt.report.reference_rule import LEAST_DEPLOYMENTS

MARGIN = 0.10  # how much slower counts, where the author says nothing else
OF_RATIOS = 2  # margins: both of a ratio's percentiles vary
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")  # of the language; a combined task has the names of what it was made of


def record_reference(directories: Sequence[Path], title: str | None = None, margin: float = MARGIN) -> Reference:
    """The reference of at least LEAST_DEPLOYMENTS VALID runs of separate deployments with one fingerprint. margin: relative; a ratio has
    OF_RATIOS times as much.

    Raises EnvironmentFailure AIB609: unreadable run; AIB761: too few deployments; AIB616: two runs of one, different fingerprints, an
    INVALID run.
    """
    if len(directories) < LEAST_DEPLOYMENTS:
        raise EnvironmentFailure("AIB761", runs=len(directories), least=LEAST_DEPLOYMENTS)
    runs = [_recorded(directory) for directory in directories]
    _check(runs)
    measured = [run.measured for run in runs]
    first = runs[0].info
    return Reference(
        title=title or f"local, {len(runs)} deployments",
        deployment=first.deployment,
        fingerprint=first.fingerprint.hash,
        runs=tuple(run.info.run_id for run in runs),
        items=tuple(item for quantity in runs[0].quantities if (item := _item(quantity, measured, margin)) is not None),
    )


@dataclass(frozen=True)
class _Recorded:
    """What is kept of a run: several are read, and one may hold a million calls."""

    info: RunInfo
    reasons: tuple[str, ...]
    measured: Measured
    quantities: tuple[Quantity, ...]


def _recorded(directory: Path) -> _Recorded:
    analysis = analyse(read_run(directory))
    measured = Measured(analysis.latency, analysis.ratios, analysis.fractions)
    return _Recorded(analysis.run.info, tuple(reason.code for reason in analysis.reasons), measured, _quantities(analysis))


def _check(runs: Sequence[_Recorded]) -> None:
    def fail(reason: str, way_out: str) -> EnvironmentFailure:
        return EnvironmentFailure("AIB616", reason=reason, way_out=way_out)

    infos = [run.info for run in runs]
    if len({info.deployment_id for info in infos}) < len(infos):
        raise fail(
            "two of them are of the same deployment",
            "give each run once, each of a deployment of its own, as `aibenchc run --repeats` does",
        )
    prints = {info.fingerprint.hash for info in infos}
    if len(prints) > 1:
        raise fail(
            f"the runs have different fingerprints: {', '.join(sorted(prints))}", "give runs of one machine, spec, data and set of models"
        )
    if any(model.override for info in infos for model in info.models):
        raise fail("an ablation replaced a model's answers in one of the runs", "give runs of the scenario as it is")
    faulty = [f"{info.run_id} ({info.fault})" for info in infos if info.fault]
    if faulty:
        raise fail(f"a fault was expected during {'; '.join(faulty)}", "give runs without --expect-fault")
    invalid = [f"{run.info.run_id} ({', '.join(run.reasons)})" for run in runs if run.reasons]
    if invalid:
        raise fail(f"INVALID runs cannot be a reference: {'; '.join(invalid)}", "`aibenchc validate RUN` shows what was wrong; run again")


def _quantities(analysis: Analysis) -> tuple[Quantity, ...]:
    """The whole path's mean and percentiles, the ratios at the highest percentile that has them, the fraction of time in AI components."""
    whole = next(row for row in analysis.latency if row.scope == "whole path")
    shown = [q.p for q in whole.percentiles if q.estimate is not None]
    percentiles = [PlanLatencyPercentile(percentile=p) for p in shown]
    top = max((row.p for row in analysis.ratios), default=None)
    ratios = [PlanLatencyRatio(percentile=row.p, task=row.task) for row in analysis.ratios if row.p == top and row.kind == "ai"]
    return (MeanLatency(), *percentiles, *ratios, PlanTimeFraction(of="ai"))


def _item(quantity: Quantity, measured: Sequence[Measured], margin: float) -> ReferenceItem | None:
    """None where one of the runs has not enough samples for the figure."""
    values = [estimate.value for one in measured if (estimate := one.quantity(quantity)) is not None]
    if len(values) < len(measured) or any(value <= 0 for value in values):
        return None
    value = _rounded(float(np.exp(np.log(values).mean())))
    within = margin * (OF_RATIOS if isinstance(quantity, PlanLatencyRatio) else 1)
    return ReferenceItem(quantity=quantity, value=value, within=min(within, 1.0), deployments=tuple(values))


def _rounded(value: float) -> float:
    """Rounded to four significant digits, so that what the block shows is what is judged."""
    return float(f"{value:.4g}")


def block(reference: Reference) -> str:
    """The reference as a block of the .aib language, to paste into the scenario.

    EnvironmentFailure AIB720: a name that the run directory brings is none in the language, and would become something else there.
    """
    lines = [
        f'  reference "{_text(reference.title)}" {{',
        f"    on {_name('deployment', reference.deployment)}",
        f'    fingerprint "{reference.fingerprint}"',
        *(f"    {_line(item)}" for item in reference.items),
        "  }",
    ]
    return "\n".join(lines) + "\n"


def _line(item: ReferenceItem) -> str:
    within = f"within {_number(100 * item.within)}%"
    match item.quantity:
        case MeanLatency():
            text = f"# latency mean {_number(item.value)} ms {within}: in the JSON file alone"
        case PlanLatencyPercentile(percentile=p):
            text = f"latency p{p:g} {_number(item.value)} ms {within}"
        case PlanLatencyRatio(percentile=p, task=task):
            text = f"ratio p{p:g} / {_name('task', task)}.p{p:g} = {_number(item.value)} {within}"
        case PlanTimeFraction(of=of):
            text = f"time {of} {_number(100 * item.value)}% {within}"
    if not item.deployments:
        return text
    spread = float(np.log(item.deployments).std(ddof=1))
    return f"{text:<58} # {len(item.deployments)} deployments, coefficient of variation {100 * spread:.1f} %"


def _number(value: float) -> str:
    """Plain decimal notation, without an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _text(title: str) -> str:
    """Quotes, backslashes and what cannot be seen do not stand in a title."""
    return "".join(c if c.isprintable() and c not in '"\\' else " " for c in title)


def _name(what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EnvironmentFailure("AIB720", what=what, name=name)
    return name
