"""Judgements: every slo and quality target of a run, against its band; and the figures that references name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import ModelInfo
from aibenchrt.figure_format import number, percent, percent_bounds
from aibenchrt.metrics import SHARE, lower_is_better, metric, value_shown
from aibenchrt.plan import (
    FrameMetric,
    PlanBound,
    PlanJitterBound,
    PlanLatencyPercentile,
    PlanLatencyRatio,
    PlanQuality,
    PlanShareBound,
    PlanTimeFraction,
)
from aibenchrt.report.model import (
    BEYOND,
    BeyondAnswers,
    Estimate,
    FractionRow,
    FrameRow,
    Judgement,
    LatencyRow,
    Percentile,
    RatioRow,
    Status,
)
from aibenchrt.report.quality import InRun, in_run
from aibenchrt.report.reference_file import MeanLatency, Quantity
from aibenchrt.report.statistics import SAMPLES_BEYOND
from aibenchrt.report.verdict import Band, judge


class Measured:
    """The figures that reference items and slo name, looked up in the report's rows."""

    def __init__(
        self, latency: Sequence[LatencyRow], ratios: Sequence[RatioRow], fractions: Sequence[FractionRow], frames: Sequence[FrameRow] = ()
    ) -> None:
        self._frames = next((row for row in frames if row.scope == "all"), None)
        whole = next(row for row in latency if row.scope == "whole path")
        self._mean = whole.mean
        self._whole = {q.p: q for q in whole.percentiles}
        self._ratios = {(row.task, row.p): row.estimate for row in ratios}
        self._fractions = {row.of: row.all_calls for row in fractions}

    def latency(self, p: float) -> Percentile | None:
        return self._whole.get(p)

    def frames(self, metric: FrameMetric) -> Estimate | None:
        """Of all frames; shares in [0, 1], jitter in ms. None: too few, or what it is of is not in this load."""
        row = self._frames
        return None if row is None else {"missed": row.missed, "dropped": row.dropped, "jitter": row.jitter}[metric]

    def beyond(self, quantity: Quantity) -> BeyondAnswers | None:
        """What is known of a percentile that reaches into the failures; None of all else."""
        whole = self._whole.get(quantity.percentile) if isinstance(quantity, PlanLatencyPercentile) else None
        return whole.beyond if whole else None

    def quantity(self, quantity: Quantity) -> Estimate | None:
        """The measured figure of what a reference names, None where the run has not enough samples for it, or too many failures."""
        match quantity:
            case MeanLatency():
                return self._mean
            case PlanLatencyPercentile(percentile=p):
                whole = self._whole.get(p)
                return whole.estimate if whole else None
            case PlanLatencyRatio(percentile=p, task=task):
                return self._ratios.get((task, p))
            case PlanTimeFraction(of=of):
                return self._fractions.get(of)


DIGITS = 4  # so that a value beside its target shows on which side it lies


def what(quantity: Quantity) -> tuple[str, str]:
    """(what it is, its unit)."""
    match quantity:
        case MeanLatency():
            return "latency mean", "ms"
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
    """Each slo: the whole interval below the bound passes; of a latency, an interval that reaches into the failures never does."""
    judgements = []
    for bound in run.plan.slo:
        match bound:
            case PlanBound():
                name, target, judged = f"latency p{bound.percentile:g}", f"< {bound.below_ms:g} ms", _latency(bound, measured)
            case PlanShareBound():
                name, target = f"frames {bound.metric}", f"< {100 * bound.below:g} %"
                judged = _below(measured.frames(bound.metric), bound.below, "%")
            case PlanJitterBound():
                name, target = "jitter", f"< {bound.below_ms:g} ms"
                judged = _below(measured.frames(bound.metric), bound.below_ms, "ms")
        judgements.append(judgement("slo", run.plan.scenario, name, target, *judged))
    return tuple(judgements)


def _latency(bound: PlanBound, measured: Measured) -> tuple[Status, str, str]:
    """(status, what was observed, why)."""
    percentile = measured.latency(bound.percentile)
    if percentile is not None and percentile.estimate is not None:
        return _below(percentile.estimate, bound.below_ms, "ms")
    if percentile is not None and percentile.beyond is not None:
        low = percentile.beyond.low
        status: Status = "FAIL" if low is None or low > bound.below_ms else "INCONCLUSIVE"
        return status, shown_beyond(percentile.beyond), failures(percentile.beyond)
    return "INCONCLUSIVE", "–", "too few samples for this percentile"


def _below(estimate: Estimate | None, bound: float, unit: str) -> tuple[Status, str, str]:
    if estimate is None:
        return "INCONCLUSIVE", "–", "too few frames"
    status = judge(estimate.low, estimate.high, Band(0.0, bound))
    return status, shown(estimate, unit), why(status)


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
        return judgement("quality", target.task, f"{target.metric}, held-out", _bound(target), status, observed, reason)

    models = _models(run, target)
    known = next((known for m in models for known in m.metrics if known.name == target.metric), None)
    if known is None:
        return verdict("INCONCLUSIVE", "–", f"no model of this task recorded {target.metric}")
    observed = value_shown(target.metric, known.value, known.low, known.high)
    if any(m.override for m in models):
        return verdict("NOT COMPARABLE", observed, "an ablation replaced this task's answers")
    if any(d.variant == "synthetic" for d in run.info.data):
        return verdict("NOT COMPARABLE", observed, _SYNTHETIC)
    if known.low is None or known.high is None:
        return verdict("INCONCLUSIVE", observed, "the model's metadata has no interval")
    status = judge(known.low, known.high, _band(target))
    return verdict(status, observed, why(status))


def _in_run(run: Run, target: PlanQuality, seen: InRun) -> Judgement:
    """Answers below the target FAIL only if they are this model's alone; with other models' errors in them, they decide nothing."""

    def verdict(status: Status, reason: str) -> Judgement:
        name = f"{target.metric}, in this run"
        observed = value_shown(target.metric, seen.estimate.value, seen.estimate.low, seen.estimate.high)
        return judgement("quality", target.task, name, _bound(target), status, observed, f"{reason}; {seen.estimate.n:,} answers")

    if any(m.override for m in run.info.models):
        return verdict("NOT COMPARABLE", "an ablation replaced answers")
    if any(d.variant == "synthetic" for d in run.info.data):
        return verdict("NOT COMPARABLE", _SYNTHETIC)
    if seen.estimate.n < SAMPLES_BEYOND:
        return verdict("INCONCLUSIVE", "too few answers with known truth")
    status = judge(seen.estimate.low, seen.estimate.high, _band(target))
    if status == "FAIL" and seen.others:
        return verdict("INCONCLUSIVE", f"the whole interval lies outside, with the errors of {', '.join(seen.others)} in it")
    return verdict(status, why(status))


def _models(run: Run, target: PlanQuality) -> list[ModelInfo]:
    return [m for m in run.info.models if target.task in (m.task, m.stage)]


def _bound(target: PlanQuality) -> str:
    row = metric(target.metric)
    scale, unit = (row.scale, row.unit) if row else (100.0, SHARE)
    return f"{'≤' if lower_is_better(target.metric) else '≥'} {scale * target.bound:g} {unit}"


def _band(target: PlanQuality) -> Band:
    row = metric(target.metric)
    return Band(0.0, target.bound) if lower_is_better(target.metric) else Band(target.bound, row.most if row else 1.0)


_SYNTHETIC = "the data were synthetic; the target is for the real data"


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


def failures(beyond: BeyondAnswers) -> str:
    return f"{beyond.failed:,} of {beyond.n:,} requests failed and rank as slower than all answers: the interval reaches beyond these"


_WHY: dict[Status, str] = {
    "PASS": "the whole interval lies inside",
    "FAIL": "the whole interval lies outside",
    "INCONCLUSIVE": "the interval lies partly inside: run longer",
    "NOT COMPARABLE": "",
}


def why(status: Status) -> str:
    return _WHY[status]


def judgement(group: str, title: str, name: str, target: str, status: Status, observed: str, reason: str) -> Judgement:
    return Judgement.model_validate(
        {"group": group, "title": title, "what": name, "target": target, "status": status, "observed": observed, "reason": reason}
    )
