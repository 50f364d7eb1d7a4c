"""What ledger is measured with: payments that it has booked; the figure is of new ones, each of which waits for the disk."""

from __future__ import annotations

import statistics
from time import perf_counter_ns

from aibenchrt.components.encryption.workload import payments
from aibenchrt.datasets.needs import ACCOUNTS, AccountWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def decided(world: AccountWorld, open_service: OpenService) -> list[Values]:
    return [{**inputs, "decision": {"accepted": True, "score": 0.5}} for inputs in payments(world, open_service)]


def again(world: AccountWorld, open_service: OpenService) -> list[Values]:
    """Booked payments, each with the nonce of another message."""
    ledger, asked = open_service("ledger"), decided(world, open_service)
    for inputs in asked:
        ledger(inputs)
    return [{**inputs, "payment": {**inputs["payment"], "nonce": inputs["payment"]["nonce"][::-1]}} for inputs in asked]


def durably(world: AccountWorld, open_service: OpenService) -> list[Figure]:
    """The time of calls that book, which a repetition would not."""
    ledger, times = open_service("ledger"), []
    for inputs in decided(world, open_service):
        payment = inputs["payment"]
        new = {**payment, "payment_id": f"new-{payment['payment_id']}", "nonce": payment["nonce"][8:] + payment["nonce"][:8]}
        start = perf_counter_ns()
        ledger({**inputs, "payment": new})
        times.append((perf_counter_ns() - start) / 1000)
    return [("booked, on disk: µs a call, median", f"{statistics.median(times):.0f}")]


WORKLOADS = (Workload(again, (ACCOUNTS,), what="booked before"),)
FIGURES = (Figures(durably, (ACCOUNTS,)),)
