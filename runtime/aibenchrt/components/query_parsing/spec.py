"""Query parsing: normalises what a user typed and splits it into terms."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="query_parsing",
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="normalises a query's text (Unicode, case, punctuation, field filters) and splits it into terms",
    ports=Ports((Port("text", "Text"),), (Port("query", "Query"),)),
)
