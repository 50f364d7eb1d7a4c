"""A server that is told to stop waits for what clients had sent before they heard."""

from __future__ import annotations

import threading
import time

from aibenchrt.serve.draining import LONGEST_S, QUIET_S, Arrivals


class _Calls(threading.Event):
    """A condition that tells for each wait whether a call arrived meanwhile."""

    def __init__(self, came: list[bool]) -> None:
        super().__init__()
        self.came, self.waits = came, []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.came.pop(0)


class _CallsWithoutEnd(threading.Event):
    """A condition that always tells that a call arrived."""

    def wait(self, timeout: float | None = None) -> bool:
        time.sleep((timeout or 0) / 10)
        return True


def test_what_still_arrives_is_waited_for() -> None:
    arrivals = Arrivals()
    calls = arrivals._came = _Calls([True, True, False, True])
    arrivals.wait_until_quiet()
    assert calls.waits == [QUIET_S] * 3
    assert calls.came == [True]


def test_a_quiet_server_waits_once() -> None:
    arrivals = Arrivals()
    arrivals.note()
    start = time.monotonic()
    arrivals.wait_until_quiet()  # a call that came before is no reason to wait longer
    assert time.monotonic() - start >= QUIET_S


def test_clients_that_never_stop_are_not_waited_for() -> None:
    arrivals = Arrivals()
    arrivals._came = _CallsWithoutEnd()
    start = time.monotonic()
    arrivals.wait_until_quiet()
    assert time.monotonic() - start >= LONGEST_S
