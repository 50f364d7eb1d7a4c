"""Judgements of references: every figure of one run, or of several deployments of one system, against what was recorded or published.

A recorded figure comes with the deployments that it was recorded from, and reference_rule.py decides. An author's figure has a value and a
margin alone: then the interval of what was measured has to lie inside the margin (PASS) or beyond it (FAIL); of one run it is the run's
own, of several that of their mean by Student's t over deployments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from aibenchrt.collect.run_info import RunInfo
from aibenchrt.figure_format import number
from aibenchrt.plan import PlanLatencyPercentile
from aibenchrt.report.judgements import Measured, failures, figure, judgement, shown, shown_beyond, what
from aibenchrt.report.model import Estimate, Judgement, ReferenceRow, Status
from aibenchrt.report.reference_file import MeanLatency, Reference, ReferenceItem
from aibenchrt.report.reference_rule import Decision, Sides, decide, inside
from aibenchrt.report.statistics import CONFIDENCE


@dataclass(frozen=True)
class Deployment:
    """What is judged of one run."""

    info: RunInfo
    measured: Measured


def reference_rows(deployment: Deployment, references: Sequence[Reference]) -> tuple[ReferenceRow, ...]:
    """Every figure of every reference beside the measured one, gated or not."""
    return tuple(
        ReferenceRow(
            title=reference.title,
            what=what(item.quantity)[0],
            unit=what(item.quantity)[1],
            reference=item.value,
            within=item.within,
            measured=deployment.measured.quantity(item.quantity),
            gated=incomparable(deployment.info, reference, item) is None,
        )
        for reference in references
        for item in reference.items
    )


def reference_judgements(deployments: Sequence[Deployment], references: Sequence[Reference]) -> tuple[Judgement, ...]:
    """One for each reference item. deployments: of one system, each judged alone if there is one, else together."""
    return tuple(row for reference in references for row in _judged(deployments, reference))


def incomparable(info: RunInfo, reference: Reference, item: ReferenceItem) -> str | None:
    """Why this figure of the reference cannot be judged on this run; None if it can."""
    if any(m.override for m in info.models):
        return "an ablation replaced a model's answers"
    if reference.fingerprint is None:
        return "published without a fingerprint: shown, never gated"
    if reference.fingerprint != info.fingerprint.hash:
        return f"fingerprint {info.fingerprint.hash} is not the reference's {reference.fingerprint}"
    if info.run_id in reference.runs:
        return "this run is one of those that the reference was made from"
    if not (item.value > 0 and item.within > 0):
        return "the reference has no margin for this figure"
    return None


def _judged(deployments: Sequence[Deployment], reference: Reference) -> list[Judgement]:
    sides = {place: _sides(deployments, item) for place, item in enumerate(reference.items) if _decidable(deployments, reference, item)}
    decisions = dict(zip(sides, decide(list(sides.values())), strict=True))
    return [_judgement(deployments, reference, item, decisions.get(place)) for place, item in enumerate(reference.items)]


def _decidable(deployments: Sequence[Deployment], reference: Reference, item: ReferenceItem) -> bool:
    """By reference_rule: recorded, comparable, and known of every deployment."""
    comparable = all(incomparable(one.info, reference, item) is None for one in deployments)
    return bool(item.deployments) and comparable and len(_estimates(deployments, item)) == len(deployments)


def _estimates(deployments: Sequence[Deployment], item: ReferenceItem) -> list[Estimate]:
    """Of those deployments that have the figure."""
    known = (one.measured.quantity(item.quantity) for one in deployments)
    return [estimate for estimate in known if estimate is not None and estimate.value > 0]


def _sides(deployments: Sequence[Deployment], item: ReferenceItem) -> Sides:
    judged = np.log([estimate.value for estimate in _estimates(deployments, item)])
    return Sides(np.log(item.deployments), judged, item.within, _is_latency(item))


def _is_latency(item: ReferenceItem) -> bool:
    return isinstance(item.quantity, MeanLatency | PlanLatencyPercentile)


def _judgement(deployments: Sequence[Deployment], reference: Reference, item: ReferenceItem, decision: Decision | None) -> Judgement:
    name, unit = what(item.quantity)
    target = f"{figure(item.value, unit)} within {100 * item.within:g} %"
    estimates = _estimates(deployments, item)

    def verdict(status: Status, reason: str, observed: str = "") -> Judgement:
        return judgement("reference", reference.title, name, target, status, observed or _observed(estimates, unit), reason)

    reasons = [reason for one in deployments if (reason := incomparable(one.info, reference, item)) is not None]
    if reasons:
        return verdict("NOT COMPARABLE", reasons[0])
    beyond = next((known for one in deployments if (known := one.measured.beyond(item.quantity)) is not None), None)
    if beyond is not None:
        return verdict(_beyond_status(deployments, item), failures(beyond), shown_beyond(beyond))
    if len(estimates) < len(deployments):
        return verdict("INCONCLUSIVE", "too few samples for this figure, or a percentile that reaches into the failures")
    if decision is None:
        return verdict(*_against_author(estimates, item))
    told = _deviation(decision.change, decision.low, decision.high)
    found = "" if decision.status == "PASS" or not _is_latency(item) else f"; found would be +{number(100 * decision.found)} %"
    return verdict(decision.status, f"{told}; {decision.reason}{found}")


def _observed(estimates: Sequence[Estimate], unit: str) -> str:
    if len(estimates) == 1:
        return shown(estimates[0], unit)
    if not estimates:
        return "–"
    return f"{figure(math.exp(np.log([e.value for e in estimates]).mean()), unit)}, {len(estimates)} deployments"


def _deviation(change: float, low: float, high: float) -> str:
    return f"deviation {100 * change:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"


def _beyond_status(deployments: Sequence[Deployment], item: ReferenceItem) -> Status:
    """FAIL where even the lower end of every deployment is too slow. Never PASS: there is no upper end."""
    lowest = []
    for one in deployments:
        beyond, estimate = one.measured.beyond(item.quantity), one.measured.quantity(item.quantity)
        lowest.append(beyond.low if beyond is not None else 0.0 if estimate is None else estimate.low)
    return "FAIL" if all(low is None or low > item.value * (1 + item.within) for low in lowest) else "INCONCLUSIVE"


def _against_author(estimates: Sequence[Estimate], item: ReferenceItem) -> tuple[Status, str]:
    """(status, why): the interval of one run, or that of the mean of several, against the author's value."""
    logs = np.log([estimate.value for estimate in estimates])
    centre = float(logs.mean())
    low, high = math.log(max(estimates[0].low, math.ulp(0.0))), math.log(max(estimates[0].high, math.ulp(0.0)))
    if len(logs) > 1:
        half = float(special.stdtrit(len(logs) - 1, 0.5 + CONFIDENCE / 2)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
        low, high = centre - half, centre + half
    centre, low, high = (value - math.log(item.value) for value in (centre, low, high))
    margin = math.log1p(item.within)
    told = _deviation(*(math.expm1(value) for value in (centre, low, high)))
    if inside(low, high, item.within):
        return "PASS", f"{told}; the whole interval lies inside the margin"
    if low > margin or (high < -margin and not _is_latency(item)):
        return "FAIL", f"{told}; the whole interval lies beyond the margin"
    if high < -margin:
        return "INCONCLUSIVE", f"{told}; faster by more than the margin: not the system of the reference"
    return "INCONCLUSIVE", f"{told}; the interval lies partly inside: run longer, or judge several deployments"
