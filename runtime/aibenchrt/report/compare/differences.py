"""Differences between groups of deployments. Pure functions on arrays; the unit of observation is a deployment, not a request.

Requests of one run depend on each other, and runs of one deployment share its luck, so that only separate deployments show how much a
figure varies by itself. Groups of equal size are compared by Student's t, whose pooled variance hardly minds unequal ones then (Scheffé
1959, The Analysis of Variance, 10.2), others by Welch's (1947). Several figures are looked at together: Holm's procedure keeps the chance
of any false difference below alpha (Holm 1979). Each interval is that of the figure's own step of the procedure, so that it leaves out
zero exactly where the figure is said to differ.

Measured, five deployments a side that vary by 1 % and by 3 % (python tests/benchmarks/bench_compare.py, 1,000 pairs each): any latency
figure of two equal systems is said to differ in 2.3 and 2.1 % of the pairs; where all latencies are 20 % longer, the mean is found to
differ in 92 and 86 %, p50 in 96 and 91 %, p90 in 88 and 81 %, p99 in 51 and 47 %; with ten a side p99 in 83 and 82 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]

POWER = 0.9  # of the smallest difference that is said to have been seen, had it been there


@dataclass(frozen=True)
class Difference:
    """other − base, on the scale of the values. dof: of Student's t; inf: the normal distribution."""

    value: float
    se: float
    dof: float

    @property
    def p(self) -> float:
        """Two-sided."""
        if self.se == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * special.stdtr(self.dof, -abs(self.value) / self.se))


@dataclass(frozen=True)
class Tested:
    """A difference within its family. p: adjusted by Holm; low, high: its interval; seen: it differs from zero; detectable: the smallest
    difference that would have been seen with probability POWER."""

    value: float
    p: float
    low: float
    high: float
    seen: bool
    detectable: float


def difference(base: Array, other: Array, extra_se: float = 0.0) -> Difference:
    """Of the means of two groups of at least two deployments each. extra_se: an error that all deployments of a group share, such as that
    of the requests drawn once for all of them."""
    parts = [float(group.var(ddof=1)) / len(group) for group in (base, other)]
    between = sum(parts)
    weights = sum(part**2 / (len(group) - 1) for part, group in zip(parts, (base, other), strict=True))
    pooled = float(len(base) + len(other) - 2) if len(base) == len(other) else 0.0
    dof = pooled or (between**2 / weights if weights > 0 else np.inf)
    return Difference(float(other.mean() - base.mean()), float(np.hypot(np.sqrt(between), extra_se)), float(dof))


def holm(differences: Sequence[Difference], alpha: float) -> tuple[Tested, ...]:
    """The differences in their order, tested together at the family-wise level alpha."""
    order = sorted(range(len(differences)), key=lambda i: differences[i].p)
    tested: dict[int, Tested] = {}
    so_far, rejecting, level = 0.0, True, alpha
    for rank, index in enumerate(order):
        difference = differences[index]
        left = len(order) - rank
        so_far = max(so_far, min(1.0, left * difference.p))
        if rejecting:
            level = alpha / left
            rejecting = so_far <= alpha
        tested[index] = _tested(difference, so_far, level, rejecting)
    return tuple(tested[index] for index in range(len(differences)))


def _tested(difference: Difference, p: float, level: float, seen: bool) -> Tested:
    quantile = float(special.stdtrit(difference.dof, 1 - level / 2))
    half = quantile * difference.se
    detectable = (quantile + float(special.stdtrit(difference.dof, POWER))) * difference.se
    return Tested(difference.value, p, difference.value - half, difference.value + half, seen, detectable)
