"""A closed loop's expected rate: one function, against users who wait and think."""

from __future__ import annotations

import inspect

import pytest
from aibenchc.placement import site
from aibenchrt.closed_loop import ASSUMED_RESPONSE_S, expected_rate
from aibenchrt.experiments.component import benchmark
from aibenchrt.load import supplement
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 10**6), st.floats(0, 3600), st.integers(1, 1000))
def test_users_who_wait_and_think_send_so_many(users: int, think_s: float, rounds: int) -> None:
    """Counted: each user asks once a cycle, which is its answer and its thinking."""
    seconds = rounds * (ASSUMED_RESPONSE_S + think_s)
    assert expected_rate(users, think_s) * seconds == pytest.approx(users * rounds)


def test_who_knows_the_rate_of_a_closed_loop_asks_that_function() -> None:
    for module in (site, benchmark, supplement):
        assert "expected_rate(" in inspect.getsource(module), module.__name__
