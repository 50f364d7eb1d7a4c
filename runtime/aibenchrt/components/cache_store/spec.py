"""Cache store: keeps an answer for the next time the same user sends the same query."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="cache_store",
    package=__package__,
    family="cache",
    kind=Kind.SERVICE,
    doc="stores the answer to this user's query, evicting the oldest beyond its capacity; an answer without a query is not stored",
    ports=Ports((Port("query", "Query", optional=True), Port("user", "User"), Port("details", "Details")), ()),
    settings=(
        Setting("table", "word", "answers", (), "the cache's name; lookup and store share it"),
        Setting("capacity", "count", 10000, (), "the most answers kept"),
    ),
    effect=True,
    state="cache",
    state_by="table",
)
