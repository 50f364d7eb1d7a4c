"""Sort: puts the items of one or several lists in one order."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import INTERACTIONS

SPEC = ComponentSpec(
    name="sort",
    package=__package__,
    family="ordering",
    kind=Kind.SERVICE,
    doc="merges lists of goods and orders them by a score or by recency, best first; beyond its memory limit it sorts on disk",
    ports=Ports((Port("items", "Items", many=True),), (Port("items", "Items"),)),
    settings=(
        Setting(
            "by",
            "word",
            "recommend_score",
            ("popularity", "search_score", "recommend_score", "rank_score", "recency"),
            "what decides the order, descending; recency: when the good was last met in the training period",
        ),
        Setting("limit", "count", 1000, (), "the most goods that go on"),
        Setting("memory_kib", "count", 4096, (), "what the rows of one call may take in memory; more are sorted in runs on disk"),
    ),
    memory_mib=72,
    needs_if=(("by", "recency", (INTERACTIONS,)),),
)
