"""What event_log is measured with: answers to queries, with the users who typed them."""

from __future__ import annotations

from aibenchrt.components.cache_lookup.workload import NEEDS, answers
from aibenchrt.datasets.needs import QueryWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 200  # calls; each waits for the disk


def few_answers(world: QueryWorld, open_service: OpenService) -> list[Values]:
    return answers(world, open_service)[:MOST]


WORKLOADS = (Workload(few_answers, NEEDS),)
