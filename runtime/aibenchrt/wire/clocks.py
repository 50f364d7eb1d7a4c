"""Clocks of two hosts, compared by exchanges with a planner (ScenarioService/Clock).

The asker stamps its own monotonic clock before and after; the planner answers with its own clocks. Of many exchanges the one with the
smallest round trip counts: the answer was made somewhere within it, so that half of it bounds the error (Cristian 1989).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

from aibenchrt.collect.run_info import ClockOffset

METHOD = "Clock"
EXCHANGES = 32
_READING = struct.Struct("<qq")  # CLOCK_MONOTONIC and CLOCK_REALTIME in ns


async def answer(_request: bytes, _context: Any) -> bytes:
    """The planner's side: a unary method on raw bytes."""
    return _READING.pack(time.monotonic_ns(), time.time_ns())


def compare(ask: Callable[[bytes], bytes], exchanges: int = EXCHANGES) -> ClockOffset:
    """The other host's clocks compared with ours by `exchanges` calls of `ask`; raises what the transport raises."""
    best: tuple[int, int, int, int] | None = None
    for _ in range(exchanges):
        asked = time.monotonic_ns()
        reply = ask(b"")
        trip = time.monotonic_ns() - asked
        if best is None or trip < best[0]:
            best = (trip, asked, *_READING.unpack(reply))
    assert best is not None
    trip, asked, monotonic, realtime = best
    middle = asked + trip // 2
    return ClockOffset(
        at_ns=middle,
        offset_ns=monotonic - middle,
        realtime_ns=realtime - middle,
        uncertainty_ns=(trip + 1) // 2,
        exchanges=exchanges,
    )
