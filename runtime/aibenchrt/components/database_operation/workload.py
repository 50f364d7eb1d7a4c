"""What database_operation is measured with: users, items found, and the profiles of users who are shown articles."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.components.ab_assignment.workload import users
from aibenchrt.components.indexing.workload import results
from aibenchrt.datasets.needs import ITEMS, QUERIES, UserWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload


def profiles(world: UserWorld, open_service: OpenService) -> Sequence[Values]:
    """Users' profiles, as inputs for other components."""
    database = open_service("database_operation")
    return [database(user) for user in users(world, open_service)]


WORKLOADS = (
    Workload(users, what="users"),
    Workload(results, (ITEMS, QUERIES), {"table": "items"}, "items"),
    Workload(profiles, (), {"table": "articles", "order": "recent"}, "articles, recent"),
    Workload(profiles, (), {"table": "articles", "order": "interests"}, "articles, interests"),
)
