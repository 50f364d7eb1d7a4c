"""What indexing is measured with: parsed queries with their true category."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.components.indexing.service import recall
from aibenchrt.components.query_parsing.workload import MOST, parsed_queries
from aibenchrt.datasets.needs import QUERIES, QueryWorld
from aibenchrt.values import Values
from aibenchrt.workload import Figure, Figures, OpenService, Workload

RECALL_AT = 100


def in_categories(world: QueryWorld, open_service: OpenService) -> list[Values]:
    queries = world.queries_of("test")[:MOST]
    return [
        {**parsed, "category": {"label": [query.label], "probability": [1.0]}}
        for parsed, query in zip(parsed_queries(world, open_service), queries, strict=True)
    ]


def results(world: QueryWorld, open_service: OpenService) -> Sequence[Values]:
    """The items found for each query, as inputs for other components."""
    search = open_service("indexing", tier="excellent", shards=2)
    return [{"items": search(inputs)["items"]} for inputs in in_categories(world, open_service)]


def recalled(world: QueryWorld, open_service: OpenService) -> list[Figure]:
    queries = world.queries_of("test")
    search = open_service("indexing", shards=2, limit=RECALL_AT)
    with_query, without = recall(search, queries, query=True), recall(search, queries, query=False)
    return [(f"recall@{RECALL_AT}, true category", f"{with_query:.3f} ({without:.3f} by popularity alone), {len(queries)} queries")]


WORKLOADS = (Workload(in_categories, (QUERIES,), {"tier": "excellent", "shards": 2}, "excellent, 2 shards"),)
FIGURES = (Figures(recalled, (QUERIES,)),)
