"""What fraud_check is measured with: users' ids."""

from __future__ import annotations

from aibenchrt.components.ab_assignment.workload import users
from aibenchrt.datasets.needs import USERS
from aibenchrt.workload import Workload

WORKLOADS = (Workload(users, (USERS,)),)
