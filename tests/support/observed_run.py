"""What a test sees of a run that is under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(condition: Callable[[], object], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def calls_made(runs: Path) -> int:
    """Lines that the only run's planner has recorded so far, trials included."""
    return sum(path.read_bytes().count(b"\n") for path in runs.glob("*/calls-*.jsonl"))


def requests_ended(runs: Path) -> int:
    """The number of requests of the only run's load that have been answered, or have failed, so far."""
    return sum(path.read_bytes().count(b"\n") for path in runs.glob("*/load/requests.jsonl"))
