"""Query suggestion: queries that the user may want to send next."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import QUERIES

SPEC = ComponentSpec(
    name="query_suggestion",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="suggests what to ask next: training-period queries that begin like this one or share its words, the most frequent first",
    ports=Ports((Port("query", "Query"),), (Port("suggestions", "Suggestions"),)),
    settings=(Setting("top", "count", 5, (), "the most suggestions"),),
    memory_mib=72,
    cpu_ms=2.0,
    needs=(QUERIES,),
)
