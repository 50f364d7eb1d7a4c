"""What cache_store is measured with: answers to queries, with the users who typed them."""

from __future__ import annotations

from aibenchrt.components.cache_lookup.workload import NEEDS, answers
from aibenchrt.workload import Workload

WORKLOADS = (Workload(answers, NEEDS),)
