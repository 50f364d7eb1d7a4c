"""What spelling_correction is measured with: parsed queries, as people typed them."""

from __future__ import annotations

from aibenchrt.components.query_parsing.workload import parsed_queries
from aibenchrt.components.spelling_correction.service import accuracy
from aibenchrt.datasets.needs import QUERIES, QueryWorld
from aibenchrt.workload import Figure, Figures, OpenService, Workload


def corrected(world: QueryWorld, open_service: OpenService) -> list[Figure]:
    queries = world.queries_of("test")
    share, untouched = accuracy(open_service("spelling_correction"), queries)
    return [("accuracy", f"{share:.3f} ({untouched:.3f} as typed), {len(queries)} queries")]


WORKLOADS = (Workload(parsed_queries, (QUERIES,)),)
FIGURES = (Figures(corrected, (QUERIES,)),)
