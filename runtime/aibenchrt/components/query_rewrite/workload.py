"""What query_rewrite is measured with: parsed queries; the figure is how many of them it changes."""

from __future__ import annotations

from aibenchrt.components.query_parsing.workload import parsed_queries
from aibenchrt.datasets.needs import QUERIES, QueryWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def changes(world: QueryWorld, open_service: OpenService) -> list[Figure]:
    queries, rewrite = parsed_queries(world, open_service), open_service("query_rewrite")
    changed = sum(rewrite(query)["query"] != query["query"] for query in queries)
    return [("queries that are changed", f"{changed} of {len(queries)}")]


WORKLOADS = (Workload(parsed_queries, (QUERIES,)),)
FIGURES = (Figures(changes, (QUERIES,)),)
