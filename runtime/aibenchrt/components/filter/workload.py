"""What filter is measured with: users' profiles, each with a list of articles and their statistics."""

from __future__ import annotations

from aibenchrt.components.database_operation.workload import profiles
from aibenchrt.components.sort.workload import NEEDS, pooled
from aibenchrt.datasets.needs import UserWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload


def counted(world: UserWorld, open_service: OpenService) -> list[Values]:
    counts = open_service("basic_statistics", over="items", window=60)
    pairs = zip(profiles(world, open_service), pooled(world, open_service), strict=True)
    return [{**profile, "items": counts(items)["items"]} for profile, items in pairs]


WORKLOADS = (Workload(counted, NEEDS, {"max_age": 60, "minimum": 100}),)
