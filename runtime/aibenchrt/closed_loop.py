"""How many requests per second a closed loop is expected to send, where this must be known before it runs."""

from __future__ import annotations

# Not known before the run. The four scenarios of specs/ answer in 6 to 24 ms (medians, profile small, an open loop); users of a closed loop
# wait for each other besides.
ASSUMED_RESPONSE_S = 0.05


def expected_rate(users: int, think_s: float) -> float:
    """Requests/s of a number of users who wait for the answer, think for `think_s` seconds, and ask again.

    The interactive response time law (Lazowska et al., Quantitative System Performance, 1984, chapter 3): users / (response + think).
    """
    return users / (ASSUMED_RESPONSE_S + think_s)
