"""A closed loop's expected rate: one function, against users who wait and think."""

from __future__ import annotations

import pytest
from aibenchrt.closed_loop import ASSUMED_RESPONSE_S, expected_rate
from aibenchrt.plan import PlanUsers
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 10**6), st.floats(0, 3600), st.integers(1, 1000))
def test_users_who_wait_and_think_send_so_many(users: int, think_s: float, rounds: int) -> None:
    """Counted: each user sends one request per cycle, which consists of the response time and the think time."""
    seconds = rounds * (ASSUMED_RESPONSE_S + think_s)
    assert expected_rate(users, think_s) * seconds == pytest.approx(users * rounds)


@given(st.integers(1, 10**6), st.floats(0, 3600))
def test_the_plan_expects_that_rate_of_its_users(users: int, think_s: float) -> None:
    load = PlanUsers(users=users, think_s=think_s, duration_s=60, warmup_s=0, seed=7)
    assert load.mean_rate == expected_rate(users, think_s)
