"""What query_parsing is measured with: queries as users typed them."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.components.query_parsing.service import work
from aibenchrt.datasets.needs import QUERIES, QueryWorld
from aibenchrt.values import Values
from aibenchrt.workload import OpenService, Workload

MOST = 1000  # queries


def texts(world: QueryWorld, _open: OpenService) -> list[Values]:
    return [{"text": {"text": query.text}} for query in world.queries_of("test")[:MOST]]


def parsed_queries(world: QueryWorld, open_service: OpenService) -> Sequence[Values]:
    """Parsed queries, as inputs for other components."""
    return [work(text) for text in texts(world, open_service)]


WORKLOADS = (Workload(texts, (QUERIES,)),)
