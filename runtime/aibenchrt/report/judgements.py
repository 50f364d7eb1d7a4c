"""Judgements: every slo, quality target and reference item of a run, against its band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import ModelInfo
from aibenchrt.figure_format import number, percent, percent_bounds
from aibenchrt.metrics import lower_is_better, metric
from aibenchrt.plan import PlanLatencyPercentile, PlanLatencyRatio, PlanQuality, PlanQuantity, PlanTimeFraction
from aibenchrt.report.model import (
    BEYOND,
    BeyondAnswers,
    Estimate,
    FractionRow,
    Judgement,
    LatencyRow,
    Percentile,
    RatioRow,
    ReferenceRow,
    Status,
)
from aibenchrt.report.quality import InRun, in_run
from aibenchrt.report.reference_file import Reference, ReferenceItem
from aibenchrt.report.statistics import CONFIDENCE, SAMPLES_BEYOND
from aibenchrt.report.verdict import Band, judge


class Measured:
    """The figures that reference items and slo name, looked up in the report's rows."""

    def __init__(self, latency: Sequence[LatencyRow], ratios: Sequence[RatioRow], fractions: Sequence[FractionRow]) -> None:
        whole = next(row for row in latency if row.scope == "whole path")
        self._whole = {q.p: q for q in whole.percentiles}
        self._ratios = {(row.task, row.p): row.estimate for row in ratios}
        self._fractions = {row.of: row.all_calls for row in fractions}

    def latency(self, p: float) -> Percentile | None:
        return self._whole.get(p)

    def beyond(self, quantity: PlanQuantity) -> BeyondAnswers | None:
        """What is known of a percentile that reaches into the failures; None of all else."""
        whole = self._whole.get(quantity.percentile) if isinstance(quantity, PlanLatencyPercentile) else None
        return whole.beyond if whole else None

    def quantity(self, quantity: PlanQuantity) -> Estimate | None:
        """The measured figure of what a reference names, None where the run has not enough samples for it, or too many failures."""
        match quantity:
            case PlanLatencyPercentile(percentile=p):
                whole = self._whole.get(p)
                return whole.estimate if whole else None
            case PlanLatencyRatio(percentile=p, task=task):
                return self._ratios.get((task, p))
            case PlanTimeFraction(of=of):
                return self._fractions.get(of)


DIGITS = 4  # so that a value beside its target shows on which side it lies


def what(quantity: PlanQuantity) -> tuple[str, str]:
    """(what it is, its unit)."""
    match quantity:
        case PlanLatencyPercentile(percentile=p):
            return f"latency p{p:g}", "ms"
        case PlanLatencyRatio(percentile=p, task=task):
            return f"whole path p{p:g} / {task} p{p:g}", "×"
        case PlanTimeFraction(of=of):
            return f"time in {'AI' if of == 'ai' else 'non-AI'} components", "%"


def figure(value: float, unit: str) -> str:
    """The value with its unit, as the report prints it."""
    return percent(value) if unit == "%" else f"{number(value, DIGITS)} {unit}"


def slo_judgements(run: Run, measured: Measured) -> tuple[Judgement, ...]:
    """Each slo: the whole interval below the bound passes; an interval that reaches into the failures never does."""
    judgements = []
    for bound in run.plan.slo:
        name, target = f"latency p{bound.percentile:g}", f"< {bound.below_ms:g} ms"
        percentile = measured.latency(bound.percentile)
        status: Status = "INCONCLUSIVE"
        if percentile is not None and percentile.estimate is not None:
            estimate = percentile.estimate
            status = judge(estimate.low, estimate.high, Band(0.0, bound.below_ms))
            observed, reason = shown(estimate, "ms"), _why(status)
        elif percentile is not None and percentile.beyond is not None:
            low = percentile.beyond.low
            status = "FAIL" if low is None or low > bound.below_ms else "INCONCLUSIVE"
            observed, reason = shown_beyond(percentile.beyond), _failures(percentile.beyond)
        else:
            observed, reason = "–", "too few samples for this percentile"
        judgements.append(_judgement("slo", run.plan.scenario, name, target, status, observed, reason))
    return tuple(judgements)


def quality_judgements(run: Run, rng: np.random.Generator) -> tuple[Judgement, ...]:
    """Each quality target twice: on the held-out quality of the model that served, by the protocol of its training, and on what the model
    answered in this run, where the run shows that (quality.in_run)."""
    judgements = []
    for target in run.plan.quality:
        judgements.append(_held_out(run, target))
        seen = in_run(run, target.task, target.metric, rng)
        if seen is not None:
            judgements.append(_in_run(run, target, seen))
    return tuple(judgements)


def _held_out(run: Run, target: PlanQuality) -> Judgement:
    def verdict(status: Status, observed: str, reason: str) -> Judgement:
        return _judgement("quality", target.task, f"{target.metric}, held-out", _bound(target), status, observed, reason)

    models = _models(run, target)
    known = next((known for m in models for known in m.metrics if known.name == target.metric), None)
    if known is None:
        return verdict("INCONCLUSIVE", "–", f"no model of this task recorded {target.metric}")
    observed = percent_bounds(known.value, known.low, known.high)
    if any(m.override for m in models):
        return verdict("NOT COMPARABLE", observed, "an ablation replaced this task's answers")
    if any(d.variant == "synthetic" for d in run.info.data):
        return verdict("NOT COMPARABLE", observed, _SYNTHETIC)
    if known.low is None or known.high is None:
        return verdict("INCONCLUSIVE", observed, "the model's metadata has no interval")
    status = judge(known.low, known.high, _band(target))
    return verdict(status, observed, _why(status))


def _in_run(run: Run, target: PlanQuality, seen: InRun) -> Judgement:
    """Answers below the target FAIL only if they are this model's alone; with other models' errors in them, they decide nothing."""

    def verdict(status: Status, reason: str) -> Judgement:
        name = f"{target.metric}, in this run"
        observed = percent_bounds(seen.estimate.value, seen.estimate.low, seen.estimate.high)
        return _judgement("quality", target.task, name, _bound(target), status, observed, f"{reason}; {seen.estimate.n:,} answers")

    if any(m.override for m in run.info.models):
        return verdict("NOT COMPARABLE", "an ablation replaced answers")
    if any(d.variant == "synthetic" for d in run.info.data):
        return verdict("NOT COMPARABLE", _SYNTHETIC)
    if seen.estimate.n < SAMPLES_BEYOND:
        return verdict("INCONCLUSIVE", "too few answers with known truth")
    status = judge(seen.estimate.low, seen.estimate.high, _band(target))
    if status == "FAIL" and seen.others:
        return verdict("INCONCLUSIVE", f"the whole interval lies outside, with the errors of {', '.join(seen.others)} in it")
    return verdict(status, _why(status))


def _models(run: Run, target: PlanQuality) -> list[ModelInfo]:
    return [m for m in run.info.models if target.task in (m.task, m.stage)]


def _bound(target: PlanQuality) -> str:
    return f"{'≤' if lower_is_better(target.metric) else '≥'} {100 * target.bound:g} %"


def _band(target: PlanQuality) -> Band:
    row = metric(target.metric)
    return Band(0.0, target.bound) if lower_is_better(target.metric) else Band(target.bound, row.most if row else 1.0)


_SYNTHETIC = "the data were synthetic; the target is for the real data"


def reference_rows(run: Run, measured: Measured, references: Sequence[Reference]) -> tuple[ReferenceRow, ...]:
    """Every figure of every reference beside the measured one, gated or not."""
    return tuple(
        ReferenceRow(
            title=reference.title,
            what=what(item.quantity)[0],
            unit=what(item.quantity)[1],
            reference=item.value,
            within=item.within,
            measured=measured.quantity(item.quantity),
            gated=incomparable(run, reference, item) is None,
        )
        for reference in references
        for item in reference.items
    )


def reference_judgements(run: Run, measured: Measured, references: Sequence[Reference]) -> tuple[Judgement, ...]:
    """Each reference item; deviations are relative: measured / reference − 1."""
    return tuple(_reference(run, measured, reference, item) for reference in references for item in reference.items)


def incomparable(run: Run, reference: Reference, item: ReferenceItem) -> str | None:
    """Why this figure of the reference cannot be judged on this run; None if the fingerprints match and its band can exclude something."""
    if any(m.override for m in run.info.models):
        return "an ablation replaced a model's answers"
    if reference.fingerprint is None:
        return "published without a fingerprint: shown, never gated"
    if reference.fingerprint != run.info.fingerprint.hash:
        return f"fingerprint {run.info.fingerprint.hash} is not the reference's {reference.fingerprint}"
    if run.info.run_id in reference.runs:
        return "this run is one of those that the reference was made from"
    if item.spread is not None and not item.discriminates:
        return f"the reference's {item.spread.runs} deployments disagree: this band passes anything; record it anew on a quiet machine"
    return None


def _reference(run: Run, measured: Measured, reference: Reference, item: ReferenceItem) -> Judgement:
    name, unit = what(item.quantity)
    target = f"{figure(item.value, unit)} within {100 * item.within:g} %"
    estimate = measured.quantity(item.quantity)

    def verdict(status: Status, reason: str) -> Judgement:
        return _judgement("reference", reference.title, name, target, status, shown(estimate, unit) if estimate else "–", reason)

    reason = incomparable(run, reference, item)
    if reason is not None:
        return verdict("NOT COMPARABLE", reason)
    if beyond := measured.beyond(item.quantity):
        return _judgement("reference", reference.title, name, target, _beyond_status(beyond, item), shown_beyond(beyond), _failures(beyond))
    if estimate is None:
        return verdict("INCONCLUSIVE", "too few samples for this figure, or a percentile that reaches into the failures")
    low, high = deviation(estimate, item)
    status = judge(low, high, Band(-item.within, item.within))
    return verdict(
        status, f"deviation {100 * (estimate.value / item.value - 1):+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]; {_why(status)}"
    )


def _beyond_status(beyond: BeyondAnswers, item: ReferenceItem) -> Status:
    """FAIL where even the lower end is too slow. Never PASS: there is no upper end."""
    if beyond.low is None:
        return "FAIL"
    value = beyond.low if beyond.value is None else beyond.value
    least = Estimate(value=value, low=beyond.low, high=value, n=beyond.n, se=0.0, method="")
    return "FAIL" if deviation(least, item)[0] > item.within else "INCONCLUSIVE"


def deviation(estimate: Estimate, item: ReferenceItem) -> tuple[float, float]:
    """95 % interval of measured / reference − 1.

    If the reference knows the variance between deployments (`single`, on the log scale), the interval includes it, for this run and for the
    mean of the reference's runs: one run shows only its own noise.
    """
    spread = item.spread
    if spread is None:
        return estimate.low / item.value - 1, estimate.high / item.value - 1
    below, above = (abs(float(np.log(end / estimate.value))) for end in (estimate.low, estimate.high))
    half_all = float(stats.t.ppf(0.5 + CONFIDENCE / 2, spread.dof)) * float(np.sqrt(spread.single * (1 + 1 / spread.runs)))
    centre = float(np.log(estimate.value / item.value))
    return float(np.expm1(centre - max(below, half_all))), float(np.expm1(centre + max(above, half_all)))


def shown(estimate: Estimate, unit: str) -> str:
    """Value with its interval."""
    if unit == "%":
        return percent_bounds(estimate.value, estimate.low, estimate.high)
    return f"{figure(estimate.value, unit)} [{number(estimate.low, DIGITS)}, {number(estimate.high, DIGITS)}]"


def shown_beyond(beyond: BeyondAnswers) -> str:
    """'64.1 ms [58.2, beyond all answers]', 'beyond all answers, at least 58.2 ms', or 'beyond all answers'."""
    if beyond.low is None:
        return BEYOND
    low = number(beyond.low, DIGITS)
    return f"{BEYOND}, at least {low} ms" if beyond.value is None else f"{figure(beyond.value, 'ms')} [{low}, {BEYOND}]"


def _failures(beyond: BeyondAnswers) -> str:
    return f"{beyond.failed:,} of {beyond.n:,} requests failed and rank as slower than all answers: the interval reaches beyond these"


_WHY: dict[Status, str] = {
    "PASS": "the whole interval lies inside",
    "FAIL": "the whole interval lies outside",
    "INCONCLUSIVE": "the interval lies partly inside: run longer",
    "NOT COMPARABLE": "",
}


def _why(status: Status) -> str:
    return _WHY[status]


def _judgement(group: str, title: str, name: str, target: str, status: Status, observed: str, reason: str) -> Judgement:
    return Judgement.model_validate(
        {"group": group, "title": title, "what": name, "target": target, "status": status, "observed": observed, "reason": reason}
    )
