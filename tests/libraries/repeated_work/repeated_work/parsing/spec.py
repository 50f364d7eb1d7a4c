"""Reads what a user typed, several times."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="repeated_parsing",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="reads a search as normalised terms, as query_parsing does, as often as it is told",
    ports=Ports((Port("text", "Text"),), (Port("query", "Query"),)),
    settings=(Setting("times", "count", 2, (), "how often the work is done"),),
)
