"""Cache lookup: the stored answer to the same user's same query, if there is one."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="cache_lookup",
    package=__package__,
    family="cache",
    kind=Kind.SERVICE,
    doc="looks up the answer that was stored for this user and query; passes the query on",
    ports=Ports((Port("query", "Query"), Port("user", "User")), (Port("details", "Details"), Port("hit", "Flag"), Port("query", "Query"))),
    settings=(Setting("table", "word", "answers", (), "the cache's name; lookup and store share it"),),
    state="cache",
    state_by="table",
)
