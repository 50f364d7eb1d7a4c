"""What cache_lookup is measured with: users' queries whose answers were stored before."""

from __future__ import annotations

from aibenchrt.components.indexing.workload import results
from aibenchrt.components.query_parsing.workload import MOST, parsed_queries
from aibenchrt.datasets.needs import INTERACTIONS, ITEMS, QUERIES, USERS, QueryWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

NEEDS = (ITEMS, QUERIES, USERS, INTERACTIONS)  # by the index and the database that compute the answers


def questions(world: QueryWorld, open_service: OpenService) -> list[Values]:
    """Parsed queries, each with the user who typed it."""
    queries = world.queries_of("test")[:MOST]
    parsed = parsed_queries(world, open_service)
    return [{**inputs, "user": {"user_id": query.user_id}} for inputs, query in zip(parsed, queries, strict=True)]


def answers(world: QueryWorld, open_service: OpenService) -> list[Values]:
    """The queries with the details of the items found, as inputs for other components."""
    details = open_service("database_operation", table="items")
    pairs = zip(questions(world, open_service), results(world, open_service), strict=True)
    return [{**question, **details(items)} for question, items in pairs]


def stored(world: QueryWorld, open_service: OpenService) -> list[Values]:
    store = open_service("cache_store")
    for answer in answers(world, open_service):
        store(answer)
    return questions(world, open_service)


WORKLOADS = (Workload(stored, NEEDS, what="stored before"),)
