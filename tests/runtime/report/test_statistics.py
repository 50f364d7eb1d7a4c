"""Intervals cover what they claim, or what the docstring admits; percentiles without enough samples are not given."""

from __future__ import annotations

import numpy as np
import pytest
from aibenchrt.report import statistics
from numpy.typing import NDArray
from scipy import stats


def mm1(n: int, load: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Sojourn times of a stationary M/M/1 queue, service rate 1: Lindley by cumulative sums. Exponential with mean 1/(1 − load)."""
    gaps, service = rng.exponential(1 / load, n), rng.exponential(1.0, n)
    first = rng.exponential(1 / (1 - load)) if rng.random() < load else 0.0
    walk = first + np.concatenate([[0.0], np.cumsum(service[:-1] - gaps[1:])])
    return walk - np.minimum.accumulate(np.minimum(walk, 0.0)) + service


def order_statistics(values: NDArray[np.float64], p: float) -> tuple[float, float]:
    """The interval for independent samples."""
    ordered = np.sort(values)
    low, high = stats.binom.ppf([0.025, 0.975], len(values), p / 100).astype(int)
    return float(ordered[low - 1]), float(ordered[min(high, len(values) - 1)])


@pytest.mark.parametrize(("p", "n", "at_least"), [(50, 2400, 0.92), (90, 2400, 0.90), (99, 2400, 0.85), (99, 20000, 0.90)])
def test_batch_quantiles_cover_a_queue_that_iid_intervals_do_not(p: float, n: int, at_least: float) -> None:
    rng = np.random.default_rng(5)
    true = -np.log(1 - p / 100) / (1 - 0.8)
    rounds, ours, iid = 200, 0, 0
    for _ in range(rounds):
        values = mm1(n, 0.8, rng)
        estimate = statistics.percentile(values, p)
        assert estimate is not None
        ours += estimate.low <= true <= estimate.high
        low, high = order_statistics(values, p)
        iid += low <= true <= high
    assert ours / rounds >= at_least
    assert ours / rounds >= iid / rounds + 0.4


@pytest.mark.parametrize(("load", "at_least"), [(0.5, 0.94), (0.8, 0.93)])
def test_batch_means_cover_the_mean_of_a_queue(load: float, at_least: float) -> None:
    rng = np.random.default_rng(5)
    true, rounds, hits = 1 / (1 - load), 400, 0
    for _ in range(rounds):
        estimate = statistics.mean(mm1(2400, load, rng))
        assert estimate is not None
        hits += estimate.low <= true <= estimate.high
    assert hits / rounds >= at_least


def test_batch_quantiles_of_independent_values_cover_95_percent() -> None:
    rng = np.random.default_rng(6)
    true, hits = float(-np.log(0.01)), 0
    for _ in range(400):
        estimate = statistics.percentile(rng.exponential(1.0, 2400), 99)
        assert estimate is not None
        hits += estimate.low <= true <= estimate.high
    assert 0.94 <= hits / 400 <= 0.99


@pytest.mark.parametrize(("p", "needed"), [(50, 40), (90, 200), (99, 2000), (99.9, 20000)])
def test_a_percentile_needs_twenty_samples_beyond_it(p: float, needed: int) -> None:
    assert statistics.samples_needed(p) == needed
    values = np.random.default_rng(1).exponential(1.0, needed)
    assert statistics.percentile(values[: needed - 1], p) is None
    assert statistics.percentile(values, p) is not None


def test_wilson_is_the_published_interval() -> None:
    estimate = statistics.wilson(15, 50)
    reference = stats.binomtest(15, 50).proportion_ci(method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((reference.low, reference.high))
    assert statistics.wilson(0, 10).low == 0.0
    assert statistics.wilson(10, 10).high == 1.0


def test_cluster_bootstrap_sees_that_copies_are_not_new_information() -> None:
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0.3, 1.0, 100), 20)
    clustered = statistics.cluster_bootstrap(values, np.repeat(np.arange(100), 20).tolist(), np.random.default_rng(3))
    naive = statistics.cluster_bootstrap(values, list(range(2000)), np.random.default_rng(3))
    assert clustered.value == pytest.approx(values.mean())
    assert clustered.high - clustered.low > 3 * (naive.high - naive.low)


def test_arrival_fit_accepts_poisson_and_rejects_bunches() -> None:
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.exponential(1 / 200, 4000))
    fit = statistics.arrival_fit(times, 200.0)
    assert fit.cv == pytest.approx(1.0, abs=0.05)
    assert fit.rate == pytest.approx(200, rel=0.05)
    assert min(fit.ks_p, fit.chi2_p) > 0.001
    bunched = statistics.arrival_fit(np.ceil(times * 100) / 100 + 1e-6 * np.arange(len(times)), 200.0)
    assert max(bunched.ks_p, bunched.chi2_p) < 1e-6
    assert statistics.arrival_fit(times * 1.2, 200.0).ks_p < 1e-6  # a lower rate than declared


def test_repeatability_counts_what_one_session_hides() -> None:
    rng = np.random.default_rng(8)
    calm = [statistics.percentile(rng.exponential(1.0, 5000), 90) for _ in range(4)]
    noisy = [statistics.percentile(rng.exponential(f, 5000), 90) for f in (0.7, 1.0, 1.2, 1.5)]
    steady = statistics.repeatability([e for e in calm if e])
    varying = statistics.repeatability([e for e in noisy if e])
    assert varying.between > 10 * max(steady.between, steady.within)
    assert varying.cv > 3 * steady.cv
    with pytest.raises(ValueError, match="two deployments"):
        statistics.repeatability([e for e in calm if e][:1])
