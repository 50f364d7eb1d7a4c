"""What ad_selection is measured with: users' profiles."""

from __future__ import annotations

from aibenchrt.components.database_operation.workload import profiles
from aibenchrt.datasets.needs import INTERACTIONS, USERS
from aibenchrt.workload import Workload

WORKLOADS = (Workload(profiles, (USERS, INTERACTIONS)),)
