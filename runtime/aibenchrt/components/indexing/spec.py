"""Indexing: sharded full-text search over one tier of the items."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import ITEMS

_FOUND = (Port("items", "Items"), Port("hits", "Count"))
_IN_CATEGORIES = Ports((Port("query", "Query", optional=True), Port("category", "Category")), _FOUND)
_EVERYWHERE = Ports((Port("query", "Query"),), _FOUND)

SPEC = ComponentSpec(
    name="indexing",
    package=__package__,
    family="search",
    kind=Kind.SERVICE,
    doc="finds goods or pages of one tier by text, in the categories found or everywhere (BM25 over a sharded tantivy index)",
    ports=_IN_CATEGORIES,
    varies_by="where",
    variants=(("category", _IN_CATEGORIES), ("everywhere", _EVERYWHERE)),
    metrics=("recall@100",),
    settings=(
        Setting("tier", "word", "all", ("all", "excellent", "good", "bad", "others"), "which goods are searched"),
        Setting("shards", "count", 1, (), "how many shards the tier's index has"),
        Setting("limit", "count", 100, (), "the most goods that one search returns"),
        Setting("where", "word", None, ("category", "everywhere"), "everywhere: no category is asked for; else the category found decides"),
    ),
    needs=(ITEMS,),
)
