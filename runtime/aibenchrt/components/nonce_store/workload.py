"""What nonce_store is measured with: nonces that came before; the figure is of fresh ones, each of which waits for the disk."""

from __future__ import annotations

import statistics
from time import perf_counter_ns

from aibenchrt.components.encryption.workload import payments
from aibenchrt.datasets.needs import ACCOUNTS, AccountWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def durably(world: AccountWorld, open_service: OpenService) -> list[Figure]:
    """The time of calls that write, which a repetition would not."""
    store, times = open_service("nonce_store"), []
    for inputs in payments(world, open_service):
        fresh = {"payment": {**inputs["payment"], "nonce": inputs["payment"]["nonce"][::-1]}}
        start = perf_counter_ns()
        store(fresh)
        times.append((perf_counter_ns() - start) / 1000)
    return [("fresh, on disk: µs a call, median", f"{statistics.median(times):.0f}")]


WORKLOADS = (Workload(payments, (ACCOUNTS,), what="came before"),)
FIGURES = (Figures(durably, (ACCOUNTS,)),)
