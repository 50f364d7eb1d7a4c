"""Basic statistics: counts and means of the queries that pass through it, or of recent events of items."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import INTERACTIONS

_QUERIES = Ports((Port("query", "Query"),), (Port("report", "Report"),))
_ITEMS = Ports((Port("items", "Items"),), (Port("items", "Items"), Port("report", "Report")))

SPEC = ComponentSpec(
    name="basic_statistics",
    package=__package__,
    family="statistics",
    kind=Kind.SERVICE,
    doc="counts and averages the queries that flow through it, or the events of goods in a window of time, and says how popular each is",
    ports=_QUERIES,
    varies_by="over",
    variants=(("queries", _QUERIES), ("items", _ITEMS)),
    settings=(
        Setting("over", "word", "queries", ("queries", "items"), "what is counted"),
        Setting("window", "count", 30, (), "over items: the days, up to the end of the training period, whose events count"),
    ),
    memory_mib=72,
    needs_if=(("over", "items", (INTERACTIONS,)),),
)
