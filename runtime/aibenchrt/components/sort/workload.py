"""What sort is measured with: two lists of articles for each user, the most recent and those that match the user's interests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aibenchrt.components.database_operation.workload import profiles
from aibenchrt.datasets.needs import INTERACTIONS, USERS, UserWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

NEEDS = (USERS, INTERACTIONS)  # the rows of the database
FEW = 100  # number of inputs whose lists do not fit into memory


def two_lists(world: UserWorld, open_service: OpenService) -> list[Values]:
    orders = [open_service("database_operation", table="articles", order=order) for order in ("recent", "interests")]
    inputs: list[Any] = [{"items": [order(profile)["items"] for order in orders]} for profile in profiles(world, open_service)]
    return inputs


def pooled(world: UserWorld, open_service: OpenService) -> Sequence[Values]:
    """One merged list for each user, as inputs for other components."""
    pool = open_service("sort", by="recency", limit=400)
    return [pool(lists) for lists in two_lists(world, open_service)]


WORKLOADS = (
    Workload(two_lists, NEEDS, {"by": "recency", "limit": 400}, "two lists of 300, by recency"),
    Workload(
        lambda world, open_service: two_lists(world, open_service)[:FEW],
        NEEDS,
        {"by": "recency", "limit": 400, "memory_kib": 8},
        "the same, in 8 KiB of memory",
    ),
)
