"""A local reference from separate deployments: figures, the tolerance that their variance asks for, as JSON and as a block of a spec."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanLatencyPercentile, PlanLatencyRatio, PlanQuantity, PlanTimeFraction
from aibenchrt.report.analysis import Analysis, analyse
from aibenchrt.report.judgements import Measured
from aibenchrt.report.model import Estimate
from aibenchrt.report.reference_file import Reference, ReferenceItem, Spread
from aibenchrt.report.statistics import Repeatability, prediction_half_width, repeatability

SMALLEST_TOLERANCE = 0.01
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")  # of the language; a combined task has the names of what it was made of


def record_reference(directories: Sequence[Path], title: str | None = None) -> Reference:
    """The reference of at least two VALID runs of separate deployments with one fingerprint.

    Raises EnvironmentFailure AIB609: unreadable run; AIB616: fewer than two deployments, different fingerprints, an INVALID run,
    deployments that disagree so much that no figure could tell one system from another.
    """
    analyses = [analyse(read_run(directory)) for directory in directories]
    _check([a.run for a in analyses], analyses)
    measured = [Measured(a.latency, a.ratios, a.fractions) for a in analyses]
    first = analyses[0].run
    items = tuple(item for quantity in _quantities(analyses[0]) if (item := _item(quantity, measured)) is not None)
    if not any(item.discriminates for item in items):
        narrowest = 100 * min((item.within for item in items), default=math.inf)
        raise EnvironmentFailure("AIB683", narrowest=f"{narrowest:.0f}")
    return Reference(
        title=title or f"local, {len({a.run.info.deployment_id for a in analyses})} deployments",
        deployment=first.info.deployment,
        fingerprint=first.info.fingerprint.hash,
        runs=tuple(a.run.info.run_id for a in analyses),
        items=items,
    )


def _check(runs: Sequence[Run], analyses: Sequence[Analysis]) -> None:
    def fail(reason: str, way_out: str) -> EnvironmentFailure:
        return EnvironmentFailure("AIB616", reason=reason, way_out=way_out)

    if len({run.info.deployment_id for run in runs}) < len(runs) or len(runs) < 2:
        raise fail(
            "a reference needs runs of at least two separate deployments", "run `aibenchc run` once more and give both run directories"
        )
    prints = {run.info.fingerprint.hash for run in runs}
    if len(prints) > 1:
        raise fail(
            f"the runs have different fingerprints: {', '.join(sorted(prints))}", "give runs of one machine, spec, data and set of models"
        )
    if any(model.override for run in runs for model in run.info.models):
        raise fail("an ablation replaced a model's answers in one of the runs", "give runs of the scenario as it is")
    faulty = [f"{run.info.run_id} ({run.info.fault})" for run in runs if run.info.fault]
    if faulty:
        raise fail(f"a fault was expected during {'; '.join(faulty)}", "give runs without --expect-fault")
    invalid = [f"{a.run.info.run_id} ({', '.join(r.code for r in a.reasons)})" for a in analyses if a.reasons]
    if invalid:
        raise fail(f"INVALID runs cannot be a reference: {'; '.join(invalid)}", "`aibenchc validate RUN` shows what was wrong; run again")


def _quantities(analysis: Analysis) -> tuple[PlanQuantity, ...]:
    """Whole-path percentiles, the ratios at the highest percentile that has them, and the fraction of time in AI components."""
    whole = next(row for row in analysis.latency if row.scope == "whole path")
    shown = [q.p for q in whole.percentiles if q.estimate is not None]
    percentiles = [PlanLatencyPercentile(percentile=p) for p in shown]
    top = max((row.p for row in analysis.ratios), default=None)
    ratios = [PlanLatencyRatio(percentile=row.p, task=row.task) for row in analysis.ratios if row.p == top and row.kind == "ai"]
    return (*percentiles, *ratios, PlanTimeFraction(of="ai"))


def _item(quantity: PlanQuantity, measured: Sequence[Measured]) -> ReferenceItem | None:
    """None where one of the runs has not enough samples for the figure."""
    measured_items = [m.quantity(quantity) for m in measured]
    estimates = [_relative(e, quantity) for e in measured_items if e is not None]
    if len(estimates) < len(measured_items) or any(e.value <= 0 for e in estimates):
        return None
    repeat = repeatability(estimates)
    spread = Spread(single=repeat.single, dof=repeat.dof, runs=repeat.runs, cv=repeat.cv)
    return ReferenceItem(quantity=quantity, value=_rounded(repeat.value), within=tolerance(repeat), spread=spread)


def _relative(estimate: Estimate, quantity: PlanQuantity) -> Estimate:
    """A fraction's standard error is on its own scale; relative to its value it is that of its logarithm (delta method)."""
    return estimate.model_copy(update={"se": estimate.se / estimate.value}) if isinstance(quantity, PlanTimeFraction) else estimate


def tolerance(repeat: Repeatability) -> float:
    """Twice the half width of the 95 % prediction interval for one further run, in whole percent rounded up.

    Once for the deviation of a further run of the same system, once for the width of its interval, which has to lie inside as well.
    """
    wide = math.expm1(2 * prediction_half_width(repeat))
    return max(SMALLEST_TOLERANCE, math.ceil(100 * wide - 1e-9) / 100)


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
    within = f"within {100 * item.within:.0f}%"
    match item.quantity:
        case PlanLatencyPercentile(percentile=p):
            text = f"latency p{p:g} {_number(item.value)} ms {within}"
        case PlanLatencyRatio(percentile=p, task=task):
            text = f"ratio p{p:g} / {_name('task', task)}.p{p:g} = {_number(item.value)} {within}"
        case PlanTimeFraction(of=of):
            text = f"time {of} {_number(100 * item.value)}% {within}"
    if item.spread is None:
        return text
    comment = f"{item.spread.runs} deployments, coefficient of variation {100 * item.spread.cv:.1f} %"
    if not item.discriminates:
        return f"# {text}: left out, for {comment}: this band passes anything"
    return f"{text:<58} # {comment}"


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


def reference(directories: Sequence[Path], title: str | None = None) -> str:
    """The text of `block` for these runs."""
    return block(record_reference(directories, title))
