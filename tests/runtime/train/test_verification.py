"""Which captures are compared with whose template, and what is counted of it."""

from __future__ import annotations

import numpy as np
import pytest
from aibenchrt.train.verification import (
    ACCEPT,
    EQUAL,
    POINTS,
    REJECT,
    Pairs,
    Verified,
    by_person,
    curve_of,
    pairs_of,
    share_accepted,
    similarities,
    templates,
)
from numpy.typing import NDArray

PERSONS = np.repeat(np.array([30, 10, 20, 40, 50]), 6)


def verified(apart: float, persons: int = 40, each: int = 20, seed: int = 1) -> Verified:
    """Drawn scores, those of a genuine pair higher by `apart` standard deviations."""
    pairs = pairs_of(np.repeat(np.arange(persons), each), 9, seed)
    scores = np.random.default_rng(seed).normal(size=len(pairs.capture)) + apart * pairs.genuine
    return Verified(pairs, scores, threshold=float(np.quantile(scores[~pairs.genuine], 0.99)))


def test_every_capture_is_compared_with_its_own_template_and_with_others_of_each_once() -> None:
    pairs = pairs_of(PERSONS, 3, seed=5)
    assert len(pairs.capture) == len(PERSONS) * 4
    assert pairs.genuine.sum() == len(PERSONS)
    known = np.unique(PERSONS)
    assert (known[pairs.true] == PERSONS[pairs.capture]).all()
    for row in range(len(PERSONS)):
        claimed = pairs.claimed[pairs.capture == row]
        assert len(set(claimed.tolist())) == 4, "nobody is claimed twice with one capture"
    # All persons are claimed, each about as often.
    counts = np.bincount(pairs.claimed[~pairs.genuine], minlength=5)
    assert counts.min() > 9
    again, other = pairs_of(PERSONS, 3, seed=5), pairs_of(PERSONS, 3, seed=6)
    assert (again.claimed == pairs.claimed).all()
    assert (other.claimed != pairs.claimed).any()
    assert len(pairs_of(PERSONS, 9, seed=5).capture) == len(PERSONS) * 5, "there are only four others"
    with pytest.raises(ValueError, match="two persons"):
        pairs_of(np.zeros(4, dtype=np.int64), 3, seed=1)


def test_a_template_is_the_direction_of_the_mean() -> None:
    vectors = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    made = templates(vectors, np.array([9, 9, 4, 4]))
    assert made == pytest.approx(np.array([[0.5**0.5, -(0.5**0.5)], [0.5**0.5, 0.5**0.5]]))
    nothing = templates(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1, 1]))
    assert not nothing.any(), "opposite vectors have no direction, and are like nobody"


def test_a_score_is_the_cosine_of_its_pair() -> None:
    pairs = Pairs(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    captured, known = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    assert similarities(pairs, captured, known).tolist() == pytest.approx([1.0, 0.6, 0.8])


def test_what_is_measured_is_what_was_drawn() -> None:
    """Normal distributions two deviations apart cross at Φ(-1) = .159; where .01 pass, Φ(2.326 - 2) = .628 are refused."""
    measured = verified(2.0).measured(seed=7)
    assert measured[EQUAL].value == pytest.approx(0.159, abs=0.02)
    assert measured[EQUAL].low < measured[EQUAL].value < measured[EQUAL].high < 0.2
    assert measured[ACCEPT].value == pytest.approx(0.01, abs=0.001)
    assert measured[REJECT].value == pytest.approx(0.628, abs=0.05)
    assert measured[EQUAL].n == 40 * 20 * 10
    assert measured[EQUAL].method == "bootstrap over 40 persons"


def test_a_gain_is_positive_where_the_errors_are_fewer_and_pairs_are_drawn_together() -> None:
    better, worse = verified(2.5), verified(2.0)
    gains = better.gains_over(worse, seed=7)
    assert gains[EQUAL].low > 0
    assert gains[EQUAL].value == pytest.approx(worse.measured(7)[EQUAL].value - better.measured(7)[EQUAL].value, abs=1e-5)
    assert worse.gains_over(better, seed=7)[EQUAL].high < 0
    own = better.gains_over(better, seed=7)[EQUAL]
    assert (own.value, own.low, own.high) == (0.0, 0.0, 0.0)


def test_persons_who_differ_widen_the_interval() -> None:
    """Half of the persons are told apart, and half are not at all: as many pairs, but it matters who is drawn."""
    even = verified(2.0)
    hard = (even.pairs.true % 2 == 0) * even.pairs.genuine
    mixed = Verified(even.pairs, even.scores + np.where(even.pairs.genuine, np.where(hard, -2.0, 4.0), 0.0), even.threshold)
    widths = [result.measured(7)[REJECT].high - result.measured(7)[REJECT].low for result in (even, mixed)]
    assert widths[1] > 2 * widths[0]


def test_an_impostor_counts_as_often_as_both_persons_were_drawn() -> None:
    pairs = Pairs(np.arange(3), np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    seen: list[tuple[float, ...]] = []

    def noted(counts: NDArray[np.float64]) -> float:
        seen.append(tuple(counts.tolist()))
        return 0.0

    by_person(noted, pairs, seed=1)
    assert set(seen) == {(1.0, 1.0, 1.0), (2.0, 0.0, 0.0), (0.0, 0.0, 2.0)}  # both once, or one twice: then nobody tried the other's


def test_decidability_is_the_distance_in_deviations() -> None:
    assert verified(2.0).decidability == pytest.approx(2.0, abs=0.1)
    pairs = Pairs(np.arange(4), np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1]), 2)
    assert Verified(pairs, np.array([5.0, 3.0, 1.0, 1.0]), 0.0).decidability == pytest.approx(3 / 0.5**0.5)


def test_a_curve_has_the_rates_at_thresholds_from_one_false_accept_to_all() -> None:
    result = verified(2.0)
    curve = curve_of("drawn", result)
    assert curve.name == "drawn"
    assert len(curve.false_accept) == len(curve.false_reject) <= POINTS
    impostors = 40 * 20 * 9
    assert curve.false_accept[0] == pytest.approx(1 / impostors, abs=1e-5)
    assert (curve.false_accept[-1], curve.false_reject[-1]) == (1.0, 0.0)
    assert (np.diff(curve.false_accept) > 0).all()
    assert (np.diff(curve.false_reject) <= 0).all()
    # Each point is what the trials give at the threshold that lets that share pass.
    for share, refused in list(zip(curve.false_accept, curve.false_reject, strict=True))[::9]:
        threshold = result.trials.threshold_for(share + 1e-6)
        assert result.trials.wrongly(accepted=False, threshold=threshold)(np.ones(8000)) == pytest.approx(refused, abs=1e-5)
    assert curve.chosen == (result.measured(7)[ACCEPT].value, result.measured(7)[REJECT].value)


def test_the_share_of_attacks_that_pass() -> None:
    persons = np.array([8, 8, 5, 5])
    measured = share_accepted(np.array([0.9, 0.1, 0.5, 0.2]), persons, 0.5, seed=3)
    assert (measured.value, measured.n) == (0.5, 4)
    assert share_accepted(np.array([0.9, 0.8, 0.1, 0.1]), persons, 0.5, seed=3).low == 0.0
