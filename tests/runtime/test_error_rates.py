"""Rates of error over trials against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from aibenchrt.answers import Decision
from aibenchrt.error_rates import Trials, wrongly
from aibenchrt.metrics import score_all, score_each
from hypothesis import given
from hypothesis import strategies as st

GENUINE = [True, True, True, True, False, False, False, False, False]
SCORES = [0.9, 0.8, 0.7, 0.3, 0.75, 0.4, 0.2, 0.1, 0.05]


def test_a_falling_threshold_accepts_more_of_both() -> None:
    drawn = Trials(GENUINE, SCORES).tradeoff()
    assert drawn is not None
    assert drawn.threshold.tolist() == [np.inf, 0.9, 0.8, 0.75, 0.7, 0.4, 0.3, 0.2, 0.1, 0.05]
    assert drawn.false_accept.tolist() == pytest.approx([0, 0, 0, 0.2, 0.2, 0.4, 0.4, 0.6, 0.8, 1])
    assert drawn.false_reject.tolist() == pytest.approx([1, 0.75, 0.5, 0.5, 0.25, 0.25, 0, 0, 0, 0])


def test_the_equal_error_rate_is_where_the_two_cross() -> None:
    """Between the thresholds .7 and .4 false accepts rise from .2 to .4 while a quarter is refused: they cross at .25."""
    assert Trials(GENUINE, SCORES).equal_error_rate(np.ones(9)) == pytest.approx(0.25)
    assert score_all("equal_error_rate", GENUINE, [Decision(False, score) for score in SCORES])(np.ones(9)) == pytest.approx(0.25)


def test_what_is_told_apart_has_no_error_what_is_not_has_half() -> None:
    genuine = [True] * 3 + [False] * 4
    assert Trials(genuine, [3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2]).equal_error_rate(np.ones(7)) == 0.0
    assert Trials(genuine, [0.5] * 7).equal_error_rate(np.ones(7)) == pytest.approx(0.5)
    assert Trials(genuine, [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]).equal_error_rate(np.ones(7)) == 1.0


def test_only_one_kind_has_no_rate() -> None:
    for kind in (True, False):
        assert np.isnan(Trials([kind] * 3, [0.1, 0.2, 0.3]).equal_error_rate(np.ones(3)))
    assert np.isnan(Trials([], []).equal_error_rate(np.ones(0)))
    weighed_out = np.array([1.0, 1, 1, 1, 0, 0, 0, 0, 0])
    assert np.isnan(Trials(GENUINE, SCORES).equal_error_rate(weighed_out))
    with pytest.raises(ValueError, match="trials to accept and trials to refuse"):
        Trials([True], [0.5]).threshold_for(0.1)


def test_a_score_that_is_no_number_is_below_all_others() -> None:
    trials = Trials([True, True, False], [np.nan, 0.5, -1e9])
    drawn = trials.tradeoff()
    assert drawn is not None
    assert drawn.threshold.tolist() == [np.inf, 0.5, -1e9, -np.inf]
    assert trials.wrongly(accepted=False, threshold=0.0)(np.ones(3)) == 0.5


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.integers(0, 3)), min_size=1, max_size=12))
def test_a_trial_that_counts_thrice_is_a_trial_thrice(trials: list[tuple[bool, float, int]]) -> None:
    genuine, scores, times = (list(column) for column in zip(*trials, strict=True))
    weighed = Trials(genuine, scores).equal_error_rate(np.array(times, dtype=np.float64))
    repeated = Trials(np.repeat(genuine, times), np.repeat(scores, times)).equal_error_rate(np.ones(sum(times)))
    assert weighed == pytest.approx(repeated, nan_ok=True)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.8), (0.2, 0.7), (0.39, 0.7), (0.4, 0.3), (1.0, 0.05)])
def test_a_threshold_lets_at_most_that_share_pass(share: float, expected: float) -> None:
    trials = Trials(GENUINE, SCORES)
    threshold = trials.threshold_for(share)
    assert threshold == expected
    assert trials.wrongly(accepted=True, threshold=threshold)(np.ones(9)) <= share


def test_where_even_one_is_too_many_nothing_passes() -> None:
    trials = Trials([False, True], [0.9, 0.1])
    threshold = trials.threshold_for(0.5)
    assert threshold == np.inf
    assert trials.wrongly(accepted=False, threshold=threshold)(np.ones(2)) == 1.0


def test_rates_of_decisions() -> None:
    genuine, accepted = [False, False, False, True, True], [True, False, False, True, False]
    assert wrongly(genuine, accepted, accepted=True)(np.ones(5)) == pytest.approx(1 / 3)
    assert wrongly(genuine, accepted, accepted=False)(np.ones(5)) == pytest.approx(1 / 2)
    assert np.isnan(wrongly([True], [True], accepted=True)(np.ones(1)))
    decisions = [Decision(one, 0.5) for one in accepted]
    assert score_each("decision_accuracy", genuine, decisions).tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]
