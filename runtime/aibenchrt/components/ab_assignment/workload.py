"""What ab_assignment is measured with: users' ids."""

from __future__ import annotations

from aibenchrt.datasets.needs import USERS, UserWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 500


def users(world: UserWorld, _open: OpenService) -> list[Values]:
    return [{"user": {"user_id": user.user_id}} for user in world.users[:MOST]]


WORKLOADS = (Workload(users, (USERS,)),)
