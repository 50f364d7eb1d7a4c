"""When a system is as fast as a recorded reference. Pure functions on arrays; the unit of observation is a deployment.

How much slower counts is the author's to say, as a margin; how much deployments vary is measured, by the reference's and the judged ones.
Neither is made of the other. On the log scale, x the figures of the reference's deployments, y of the judged ones, d = mean(y) − mean(x):

PASS: the 90 % interval of d lies inside ±log(1 + margin): two one-sided tests at 5 % (Schuirmann 1987, A Comparison of the Two One-Sided
Tests Procedure). All figures must PASS, so that no correction for their number is needed (Berger 1982, Multiparameter Hypothesis Testing).
FAIL: d is above 0 by more than chance explains (Student's or Welch's t, Holm over the figures), and beyond the margin. Where slower is not
the same as worse (ratios, fractions of time), on either side.
INCONCLUSIVE: all else. A system that is faster by more than the margin is not the one that was recorded, but does not FAIL either.

One judged deployment shows nothing of how much deployments vary; then it is the reference's variance, with R − 1 degrees of freedom.

Measured, margin 10 %, five deployments a side that vary by 1 and by 3 %, 2,500 requests of an M/M/1 queue at utilisation 0.5 each (python
tests/benchmarks/bench_reference.py 500): of two equal systems any figure FAILs in 1.4 and 1.2 % of the pairs; where all latencies are 20 %
longer, the mean FAILs in 95 and 90 %, p50 in 98 and 94 %, p90 in 92 and 87 %, p99 in 63 and 58 %. If FAIL asked for an interval wholly
beyond the margin, the mean would in 37 and 29 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from aibenchrt.report.compare.differences import POWER, Array, Difference, Tested, difference, holm
from aibenchrt.report.model import Status

LEAST_DEPLOYMENTS = 5  # of a recorded reference
# The chance that anything of an unchanged system FAILs is at most their sum; most of it goes to what changes least beside its noise.
LEVEL_SLOWER, LEVEL_OTHER = 0.04, 0.01
EQUIVALENCE = 0.05  # the chance that a figure beyond the margin PASSes


@dataclass(frozen=True)
class Sides:
    """One figure. recorded, judged: its logarithms, one a deployment; margin: relative, above 0. latency: more is worse, less is not."""

    recorded: Array
    judged: Array
    margin: float
    latency: bool


@dataclass(frozen=True)
class Decision:
    """change, low, high: judged / recorded − 1 and its 90 % interval. found: the smallest slowdown that would FAIL with probability
    POWER."""

    status: Status
    change: float
    low: float
    high: float
    found: float
    reason: str


def decide(figures: Sequence[Sides]) -> tuple[Decision, ...]:
    """In the order of the figures, which are judged together."""
    decided: dict[int, Decision] = {}
    for latency, level in ((True, LEVEL_SLOWER), (False, LEVEL_OTHER)):
        places = [place for place, sides in enumerate(figures) if sides.latency == latency]
        differences = [deviation(figures[place].recorded, figures[place].judged) for place in places]
        # Holm's tests are two-sided: where only slower FAILs, half of their level would never be used.
        tested = holm(differences, 2 * level if latency else level)
        for place, gap, test in zip(places, differences, tested, strict=True):
            decided[place] = _decision(figures[place], gap, test)
    return tuple(decided[place] for place in range(len(figures)))


def deviation(recorded: Array, judged: Array) -> Difference:
    """judged − recorded. recorded: at least two; judged: at least one."""
    if len(judged) > 1:
        return difference(recorded, judged)
    error = float(recorded.std(ddof=1)) * math.sqrt(1 + 1 / len(recorded))
    return Difference(float(judged[0] - recorded.mean()), error, float(len(recorded) - 1))


def inside(low: float, high: float, margin: float) -> bool:
    """Of an interval on the log scale."""
    return -math.log1p(margin) <= low and high <= math.log1p(margin)


def _decision(sides: Sides, gap: Difference, test: Tested) -> Decision:
    half = float(special.stdtrit(gap.dof, 1 - EQUIVALENCE)) * gap.se
    low, high, margin = gap.value - half, gap.value + half, math.log1p(sides.margin)
    status: Status = "INCONCLUSIVE"
    if inside(low, high, sides.margin):
        status, reason = "PASS", "the whole interval lies inside the margin"
    elif test.seen and gap.value > margin:
        p = test.p / 2 if sides.latency else test.p  # of the side that FAILs
        status, reason = "FAIL", f"more than chance explains (p {p:.2g}), and than the margin"
    elif test.seen and gap.value < -margin and not sides.latency:
        status, reason = "FAIL", f"less than chance explains (p {test.p:.2g}), and than the margin"
    elif sides.latency and high < -margin:
        reason = "faster by more than the margin: not the system that was recorded; record it anew"
    else:
        reason = "the deployments do not decide it: judge more of them"
    found = max(test.detectable, margin + float(special.stdtrit(gap.dof, POWER)) * gap.se)
    change, low, high, found = (float(np.expm1(value)) for value in (gap.value, low, high, found))
    return Decision(status, change, low, high, found, reason)
