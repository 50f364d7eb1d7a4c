"""What basic_statistics is measured with: a list of candidate articles for each user."""

from __future__ import annotations

from aibenchrt.components.sort.workload import NEEDS, pooled
from aibenchrt.workload import Workload

WORKLOADS = (Workload(pooled, NEEDS, {"over": "items", "window": 60}, "400 items, 60 days"),)
