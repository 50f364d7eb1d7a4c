"""How a server stops without losing a call: it tells its clients to go elsewhere, then waits until nothing more arrives.

A client that watches the health service picks another replica as soon as it hears, but what it had sent before is still on its way, and
gRPC ends a call that reaches a server on its way down as CANCELLED, which must not be repeated for a task with effects.
"""

from __future__ import annotations

import threading
import time

QUIET_S = 0.1  # time without a call after which everything that clients sent before they noticed has arrived
LONGEST_S = 2.0  # longest wait for clients that do not watch the health service


class Arrivals:
    """The calls that reach a server. Safe from any thread."""

    def __init__(self) -> None:
        self._came = threading.Event()

    def note(self) -> None:
        """Notes that a call has arrived."""
        self._came.set()

    def wait_until_quiet(self) -> None:
        """Returns when no call has arrived for QUIET_S, at the latest after LONGEST_S."""
        ends = time.monotonic() + LONGEST_S
        self._came.clear()
        while self._came.wait(QUIET_S) and time.monotonic() < ends:
            self._came.clear()
