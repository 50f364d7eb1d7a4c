"""Query rewriting: drops terms without matches, and adds synonyms."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.datasets.needs import ITEMS, QUERIES

SPEC = ComponentSpec(
    name="query_rewrite",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="rewrites a query: words that no good has go, synonyms learnt from what people took come along",
    ports=Ports((Port("query", "Query"),), (Port("query", "Query"),)),
    memory_mib=72,
    needs=(ITEMS, QUERIES),
)
