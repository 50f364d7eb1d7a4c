"""Rewrites a query with synonyms. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="query_rewrite",
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="rewrites a query with synonyms",
    ports=Ports((Port("query", "Query"),), (Port("query", "Query"),)),
    implemented=False,
)
