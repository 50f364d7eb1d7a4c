"""Estimates with 95 % intervals for what a run measures. Pure functions on arrays; chance comes in as a Generator.

Percentiles. Latencies of a queue are dependent: intervals from iid order statistics, nominally 95 %, cover 15–30 % for an M/M/1
queue at ρ = 0.8. Here: batch quantiles. The time-ordered requests are cut into BATCHES equal batches, the quantile of each batch on
the log scale is compared with that of the whole sample, and Student's t gives the interval (sectioning; Asmussen and Glynn 2007,
Stochastic Simulation, III.5; Seila 1982, A Batching Approach to Quantile Estimation; few batches: Schmeiser 1982, Batch Size Effects).
The 5 % of error are split unevenly: a run that happens to hold few of the rare long queues puts the percentile too low, and its batches
agree on that, so nearly all misses are truths above the interval (21 % above, none below, with 2.5 % for each side). TAILS gives 4.5 % to
the lower end and 0.5 % to the upper one; the interval is about a fifth longer. The mean is treated alike: at ρ 0.8 even tails cover it in
91 % at n 2,400 and 92 % at n 20,000.

Few episodes. A busy system's slow requests come in episodes, its long queues. Where these are effectively fewer than BATCHES
(`_episodes`), the batches are no independent draws of them. A percentile from p90 up is then put too low (p99 of a few thousand requests at
ρ 0.8), and its upper end is moved out by STRETCH. The mean, and a percentile below p90, may be wrong to either side, since an episode moves
several batches together: where the slowest tenth of all requests lies in so few episodes, both ends are moved out. At ρ 0.8 and n 2,400,
with 1 % of the requests twenty times as long, that is so in 83 % of 5,000 runs, and covers mean and median in 95 and 96 % of all in place
of 92 and 91. (Student's t with one degree of freedom less than there are episodes, the obvious alternative, covered both in 94 %.)

Sparse percentiles. Between the fast requests of a mixed service and the slow ones there are few, and a percentile that falls there moves
far with little: its batches differ by factors, and are skewed. Where its standard error says so (SPARSE), the lower end is moved out by
STRETCH too. With 1 % of the requests twenty times as long, n 2,400 and ρ 0.4 and 0.5, that covers p90 in 96 and 95 % of 1,500 runs in place
of 92 and 92; of exponential and lognormal service it is done in few runs, and changes their coverage by less than one point.

Fractions. A fraction of sums, such as the share of time in AI components, may be skewed to either side: SKEWED gives the smaller error to
the side to which the sections of the run are skewed.

tests/benchmarks/bench_coverage.py measures the coverage; its table is in runtime/README.md. Fewer or overlapping batches and a stationary
bootstrap did worse at equal length.

Failures. What got no answer comes in as infinite, so that it ranks as slower than every answer: left out, the slowest requests would
improve a percentile by failing. The percentile p is infinite if a share of 1 − p or more fails. So its interval is open at the upper end
(BeyondAnswers) if the 95 % interval of the share of failures reaches 1 − p, or if a batch has its quantile among them. The lower end is
then that of min(x, largest answer), which is never above x.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from aibenchrt.load.schedule import SAMPLES_BEYOND as SAMPLES_BEYOND
from aibenchrt.load.schedule import samples_needed as samples_needed
from aibenchrt.report.model import BeyondAnswers, Estimate

Array = NDArray[np.float64]

BATCHES = 5
CONFIDENCE = 0.95
TAILS = (0.045, 0.005)  # error below and above the interval of a percentile or mean, together 1 - CONFIDENCE
EVEN = ((1 - CONFIDENCE) / 2, (1 - CONFIDENCE) / 2)
SKEWED = (0.025, 0.01)  # likewise, of a fraction of sums that is skewed upwards, whose truth tends to lie above
RATIO = (0.015, 0.03)  # likewise, of the ratio of two percentiles
SECTIONS = 4 * BATCHES  # parts of a run in which its episodes of slow requests are told apart
STRETCH = 1.5  # of the errors, on the log scale, of a figure that fewer than BATCHES episodes decide; from p90 up only of the upper one
SPARSE = 0.25  # the standard error, on the log scale, beyond which a percentile from p90 up lies where there are few requests
SLOWEST = 0.1  # the share of requests whose episodes count for the mean and for percentiles below 1 - SLOWEST
FEW = "few episodes of slow requests"
SCATTERED = "few requests near it"


def percentile(values: Array, p: float) -> Estimate | None:
    """Percentile p (in percent) of positive, time-ordered values, infinite for failures, with its batch-quantile interval.

    None below `samples_needed(p)`, and where it, or its interval, reaches into the failures: see `beyond_answers`.
    """
    return _percentile(values, p) if len(values) >= samples_needed(p) and bounded(values, p) else None


def beyond_answers(values: Array, p: float) -> BeyondAnswers | None:
    """What can be said of percentile p where `percentile` gives none because of failures; else None."""
    if len(values) < samples_needed(p) or bounded(values, p):
        return None
    answered = values[np.isfinite(values)]
    value = quantile(values, p / 100)
    surely = not len(answered) or _failed_share(values)[0] >= 1 - p / 100
    low = None if surely else _percentile(np.minimum(values, answered.max()), p).low
    return BeyondAnswers(value=value if np.isfinite(value) else None, low=low, n=len(values), failed=len(values) - len(answered))


def bounded(values: Array, p: float) -> bool:
    """Whether percentile p has an interval with an upper end: failures, which are infinite, are too few to hold it, in every batch."""
    if np.isfinite(values).all():
        return True
    parts = np.array_split(values, BATCHES)
    return _failed_share(values)[1] < 1 - p / 100 and bool(np.isfinite([quantile(part, p / 100) for part in parts if len(part)]).all())


def quantile(values: Array, share: float) -> float:
    """As np.quantile (linear interpolation), for values of which some may be infinite: infinite if it lies next to one of them."""
    at = share * (len(values) - 1)
    below = int(at)
    ordered = np.partition(values, [below, min(below + 1, len(values) - 1)])
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(values) - 1)])
    return low if at == below or low == high else low + (at - below) * (high - low)


def _percentile(values: Array, p: float) -> Estimate:
    method = f"batch quantiles, {BATCHES} batches"
    estimate = sectioned(values, lambda part: quantile(part, p / 100.0), log=True, method=method, tails=TAILS)
    if p < 100 * (1 - SLOWEST):
        return _stretched_by_episodes(estimate, values)
    if estimate.se > SPARSE:
        estimate = _stretched(estimate, STRETCH, 1.0, f"lower end stretched: {SCATTERED}")
    if _episodes(values > estimate.value) < BATCHES:
        estimate = _stretched(estimate, 1.0, STRETCH, f"upper end stretched: {FEW}")
    return estimate


def _stretched_by_episodes(estimate: Estimate, values: Array) -> Estimate:
    """A mean or low percentile of the values, with both ends moved out if few episodes hold the slowest of them."""
    if _episodes(values >= quantile(values, 1 - SLOWEST)) >= BATCHES:
        return estimate
    return _stretched(estimate, STRETCH, STRETCH, f"stretched: {FEW}")


def _stretched(estimate: Estimate, below: float, above: float, why: str) -> Estimate:
    """The estimate with its ends that many times as far away, on the log scale."""
    low, high = (float(estimate.value * (end / estimate.value) ** by) for end, by in ((estimate.low, below), (estimate.high, above)))
    return estimate.model_copy(update={"low": low, "high": high, "method": f"{estimate.method}, {why}"})


def _episodes(slow: NDArray[np.bool_]) -> float:
    """In how many of SECTIONS successive sections the slow requests effectively lie: about SECTIONS if they are independent, 1 if one
    section holds all, infinite if none holds two.

    The inverse of the chance that two of them share a section (Simpson 1949, Measurement of Diversity). Unlike Kish's (sum of counts)² /
    sum of squares it is not low only because the slow requests are few.
    """
    counts = np.array([part.sum() for part in np.array_split(slow, SECTIONS)], dtype=np.float64)
    together = float((counts * (counts - 1)).sum())
    return float(counts.sum() * (counts.sum() - 1)) / together if together else np.inf


def fraction(times: Array, column: int) -> Estimate:
    """The sum of a column over that of all columns, such as the time in AI components over the time in all; rows in time order."""

    def statistic(part: Array) -> float:
        return float(part[:, column].sum() / part.sum())

    beside = times[:, column] - statistic(times) * times.sum(axis=1)  # what each row adds to the error
    sections = np.array([part.sum() for part in np.array_split(beside, SECTIONS)])
    tails = SKEWED if (sections**3).sum() > 0 else (SKEWED[1], SKEWED[0])
    estimate = sectioned(times, statistic, log=False, method=f"batch means, {BATCHES} batches", tails=tails)
    return estimate.model_copy(update={"low": max(0.0, estimate.low), "high": min(1.0, estimate.high)})


def ratio(times: Array, p: float) -> Estimate | None:
    """Percentile p of column 0, the whole path, over that of column 1, one component's calls, NaN where there was none; rows in time order.

    None where a batch has no call, or only failures up there.
    """

    def statistic(part: Array) -> float:
        called = part[~np.isnan(part[:, 1]), 1]
        return quantile(part[:, 0], p / 100) / quantile(called, p / 100) if len(called) else np.nan

    if not all(np.isfinite(value) and value > 0 for value in map(statistic, np.array_split(times, BATCHES))):
        return None
    estimate = sectioned(times, statistic, log=True, method=f"batch quantiles of both, {BATCHES} batches", tails=RATIO)
    if p < 100 * (1 - SLOWEST):
        return _stretched_by_episodes(estimate, times[:, 0])
    return estimate


def _failed_share(values: Array) -> tuple[float, float]:
    """95 % interval of the share of infinite values."""
    failed = (~np.isfinite(values)).astype(np.float64)
    alone, rows = wilson(int(failed.sum()), len(failed)), _batch_means(failed)
    return min(alone.low, rows.low), max(alone.high, rows.high)


def share(hits: Array) -> Estimate:
    """Share of time-ordered trials that hit (1; else 0), at least one.

    At each end the interval reaches as far as that of batch means, or as Wilson's for as many independent trials as these are worth:
    where hits come in rows of mean length L, a share has 2 L − 1 times the variance (two-state Markov chain, hits rare; Gabriel 1959, The
    Distribution of the Number of Successes in a Sequence of Dependent Trials). What never hit may hit in rows that nobody has seen.
    """
    count, begun = float(hits.sum()), float((np.diff(hits, prepend=0.0) > 0).sum())
    worth = len(hits) / max(1.0, 2 * count / max(1.0, begun) - 1)
    low, high, half = _wilson(count / len(hits), worth)
    rows = _batch_means(hits)
    return Estimate(
        value=count / len(hits),
        low=max(0.0, min(low, rows.low)),
        high=min(1.0, max(high, rows.high)),
        n=len(hits),
        se=max(half / float(special.ndtri(0.5 + CONFIDENCE / 2)), rows.se),
        method=f"Wilson score for hits in rows, or batch means, {BATCHES} batches, whichever reaches further",
    )


def _batch_means(hits: Array) -> Estimate:
    return sectioned(hits, lambda part: float(part.mean()) if len(part) else 0.0, log=False, method="batch means")


def positive_mean(values: Array) -> Estimate | None:
    """As mean(), of values that may be 0; None, too, where all of a batch are."""
    return mean(values) if len(values) >= SAMPLES_BEYOND and all(part.any() for part in np.array_split(values, BATCHES)) else None


def mean(values: Array) -> Estimate | None:
    """Mean of positive, time-ordered values with a batch-means interval; None below 20 values."""
    if len(values) < SAMPLES_BEYOND:
        return None
    method = f"batch means, {BATCHES} batches"
    return _stretched_by_episodes(sectioned(values, lambda part: float(part.mean()), log=True, method=method, tails=TAILS), values)


def sectioned(values: Array, statistic: Callable[[Array], float], *, log: bool, method: str, tails: tuple[float, float] = EVEN) -> Estimate:
    """Sectioning: the statistic of the whole, its standard error from that of BATCHES successive parts. `values`: rows in time order.

    log: work on the log scale (positive statistics, whose errors are relative). Estimate.se is on that same scale. tails: the error
    allowed below and above the interval.
    """
    scale, back = (np.log, np.exp) if log else (_same, _same)
    whole = float(scale(statistic(values)))
    parts = np.array([float(scale(statistic(part))) for part in np.array_split(values, BATCHES)])
    if not np.isfinite(whole) or not np.isfinite(parts).all():
        raise ValueError(f"{method}: the statistic is not finite in every batch")
    error = float(np.sqrt(np.sum((parts - whole) ** 2) / (BATCHES - 1) / BATCHES))
    below, above = (float(special.stdtrit(BATCHES - 1, 1 - tail)) * error for tail in tails)
    return Estimate(
        value=float(back(whole)), low=float(back(whole - below)), high=float(back(whole + above)), n=len(values), se=error, method=method
    )


def _same(value: float) -> float:
    return value


def wilson(hits: int, n: int) -> Estimate:
    """A share of n independent trials with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001). n ≥ 1."""
    low, high, half = _wilson(hits / n, n)
    return Estimate(value=hits / n, low=low, high=high, n=n, se=half / float(special.ndtri(0.5 + CONFIDENCE / 2)), method="Wilson score")


def _wilson(share: float, n: float) -> tuple[float, float, float]:
    """(lower end, upper end, half of the width before both are kept beside the share and in [0, 1])."""
    z = float(special.ndtri(0.5 + CONFIDENCE / 2))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), half


def cluster_bootstrap(values: Array, clusters: Sequence[object], rng: np.random.Generator, rounds: int = 2000) -> Estimate:
    """Mean of the values with a percentile bootstrap interval that draws whole clusters (Davison and Hinkley 1997, section 3.8), widened
    for few clusters as Student's t is (`_few_clusters`).

    clusters[i]: what value i has in common with others, such as the user. The values may be paired differences.
    """
    codes, count = _codes(clusters)
    sums = np.bincount(codes, weights=values)
    sizes = np.bincount(codes).astype(np.float64)
    drawn = np.empty(rounds)
    for start in range(0, rounds, 250):  # in blocks, to bound memory
        draws = rng.integers(count, size=(min(250, rounds - start), count))
        drawn[start : start + len(draws)] = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return _from_draws(float(values.mean()), drawn, codes)


def cluster_bootstrap_of(
    statistic: Callable[[Array], float], clusters: Sequence[object], rng: np.random.Generator, rounds: int = 2000
) -> Estimate:
    """As cluster_bootstrap(), for a statistic of all values together. statistic: how often each value counts → the statistic.

    Resamples in which it is NaN, such as a rate over nothing, are left out; over all values it must be a number.
    """
    codes, count = _codes(clusters)
    draws = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(rounds))
    drawn = np.array([statistic(counts[codes].astype(np.float64)) for counts in draws])
    return _from_draws(statistic(np.ones(len(codes))), drawn[np.isfinite(drawn)], codes)


def _codes(clusters: Sequence[object]) -> tuple[NDArray[np.int64], int]:
    """A number per value, from 0 in the order in which the clusters appear, and the number of clusters."""
    index: dict[object, int] = {}
    codes = np.array([index.setdefault(cluster, len(index)) for cluster in clusters], dtype=np.int64)
    return codes, len(index)


def _from_draws(value: float, drawn: Array, codes: NDArray[np.int64]) -> Estimate:
    wider = _few_clusters(np.bincount(codes).astype(np.float64))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if len(drawn) else (value, value)
    within = float(drawn.min(initial=value)), float(drawn.max(initial=value))  # what no resample reaches may be impossible, as 101 %
    return Estimate(
        value=value,
        low=max(within[0], value + wider * (float(low) - value)),
        high=min(within[1], value + wider * (float(high) - value)),
        n=len(codes),
        se=float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0,
        method=f"bootstrap over {int(codes.max(initial=-1)) + 1} clusters, {len(drawn)} rounds",
    )


def _few_clusters(sizes: Array) -> float:
    """By how much Student's t is wider than the normal distribution that a bootstrap tends to, for the effective number of clusters."""
    effective = float(sizes.sum() ** 2 / (sizes**2).sum())
    tail = (1 + CONFIDENCE) / 2
    return float(special.stdtrit(max(1.0, effective - 1), tail) / special.ndtri(tail))


@dataclass(frozen=True)
class ArrivalFit:
    """How well gaps fit a Poisson process of the nominal rate. cv: coefficient of variation of the gaps, 1 for Poisson."""

    gaps: int
    rate: float
    cv: float
    ks_p: float
    chi2_p: float


def arrival_fit(times_s: Array, nominal_rate: float) -> ArrivalFit:
    """times_s: sorted, in seconds, at least 50. Kolmogorov–Smirnov and chi² (10 equally likely bins) against Exp(nominal_rate)."""
    gaps = np.diff(times_s)
    ks = stats.kstest(gaps, "expon", args=(0.0, 1.0 / nominal_rate))
    inner = -np.log1p(-np.arange(1, 10) / 10.0) / nominal_rate
    counts = np.bincount(np.searchsorted(inner, gaps), minlength=10)
    span = float(times_s[-1] - times_s[0])
    return ArrivalFit(
        gaps=len(gaps),
        rate=len(gaps) / span if span else float("inf"),
        cv=float(gaps.std(ddof=1) / gaps.mean()) if span else 0.0,
        ks_p=float(ks.pvalue),
        chi2_p=float(stats.chisquare(counts).pvalue),
    )


@dataclass(frozen=True)
class Repeatability:
    """Variance of one figure over deployments, on the log scale of its estimates.

    within: mean squared standard error inside a run; between: what remains of the variance over runs, never below 0; cv: coefficient of
    variation over the runs.
    """

    runs: int
    value: float
    within: float
    between: float
    cv: float


def repeatability(estimates: Sequence[Estimate]) -> Repeatability:
    """One estimate per separate deployment, at least two, all on the log scale."""
    if len(estimates) < 2:
        raise ValueError("repeatability needs at least two deployments")
    logs = np.log([e.value for e in estimates])
    seen = float(logs.var(ddof=1))
    within = float(np.mean([e.se**2 for e in estimates]))
    return Repeatability(
        runs=len(logs),
        value=float(np.exp(logs.mean())),
        within=within,
        between=max(0.0, seen - within),
        cv=float(np.sqrt(np.expm1(seen))),
    )
