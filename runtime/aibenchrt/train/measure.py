"""Quality measurements with confidence intervals, on held-out data. Needs numpy and scipy, never torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

RESAMPLES = 1000
Statistic = Callable[[NDArray[np.float64]], float]


@dataclass(frozen=True)
class Measurement:
    """A value with its 95 % confidence interval over n trials; method: how the interval was computed."""

    value: float
    low: float
    high: float
    n: int
    method: str


def share(hits: NDArray[Any]) -> Measurement:
    """The fraction of hits among independent trials, with Wilson's score interval. hits: (n,) bool."""
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95, method="wilson")
    return Measurement(_round(hits.mean()), _round(interval.low), _round(interval.high), len(hits), "Wilson")


def mean_by_user(values: NDArray[Any], users: Sequence[int], seed: int) -> Measurement:
    """The mean of `values`, with a percentile bootstrap over users, since trials of the same user are not independent. n counts trials."""
    _, group = np.unique(np.asarray(users), return_inverse=True)
    total = np.bincount(group, weights=values)
    count = np.bincount(group)
    drawn = np.random.default_rng(seed).integers(len(total), size=(RESAMPLES, len(total)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Measurement(_round(np.mean(values)), _round(low), _round(high), len(values), f"bootstrap over {len(total)} users")


def over_run_by_user(statistic: Statistic, users: Sequence[int], seed: int) -> Measurement:
    """A metric over all of a run, such as map50, or the difference of two on the same answers; with a percentile bootstrap over users.

    statistic: how often each answer counts, (n,), → the value; NaN where nothing that counts can be scored.
    """
    _, group = np.unique(np.asarray(users), return_inverse=True)
    most = int(group.max()) + 1
    drawn = np.random.default_rng(seed).integers(most, size=(RESAMPLES, most))
    values = [statistic(np.bincount(row, minlength=most)[group].astype(np.float64)) for row in drawn]
    low, high = np.nanquantile(values, (0.025, 0.975))
    value = statistic(np.ones(len(group)))
    return Measurement(_round(value), _round(low), _round(high), len(group), f"bootstrap over {most} users")


def paired(hits: NDArray[Any], others: NDArray[Any]) -> Measurement:
    """The difference of two fractions on the same independent trials, with a normal interval of the mean difference. hits, others: (n,)
    bool."""
    gain = hits.astype(np.float64) - others.astype(np.float64)
    half = 1.959964 * gain.std() / np.sqrt(len(gain))
    return Measurement(_round(gain.mean()), _round(gain.mean() - half), _round(gain.mean() + half), len(gain), "paired, normal")


def _round(value: Any) -> float:
    return round(float(value), 6)
