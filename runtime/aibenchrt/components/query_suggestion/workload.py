"""What query_suggestion is measured with: parsed queries; the figure is how many suggestions they get."""

from __future__ import annotations

from aibenchrt.components.query_parsing.workload import parsed_queries
from aibenchrt.datasets.needs import QUERIES, QueryWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def suggestions(world: QueryWorld, open_service: OpenService) -> list[Figure]:
    queries, suggest = parsed_queries(world, open_service), open_service("query_suggestion")
    count = sum(len(suggest(query)["suggestions"]["text"]) for query in queries)
    return [("suggestions a query, mean", f"{count / len(queries):.2f}")]


WORKLOADS = (Workload(parsed_queries, (QUERIES,)),)
FIGURES = (Figures(suggestions, (QUERIES,)),)
