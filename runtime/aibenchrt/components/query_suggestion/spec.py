"""Suggests what to ask next. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="query_suggestion",
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="suggests what to ask next",
    ports=Ports((Port("query", "Query"),), (Port("suggestions", "Suggestions"),)),
    implemented=False,
)
