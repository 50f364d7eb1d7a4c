"""The ports that tests may take: below those that the kernel gives to outgoing connections, for every pytest-xdist worker its own."""

from __future__ import annotations

import os

LOWEST, END = 20000, 32000


def port_range() -> range:
    """All of them in a session of one process; in a worker its share, which no other worker takes from."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    each = (END - LOWEST) // count
    first = LOWEST + int(worker) % count * each  # a worker that replaces a crashed one has a number beyond the count
    return range(first, first + each)
