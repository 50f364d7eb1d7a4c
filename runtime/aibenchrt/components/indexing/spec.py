"""Indexing: full-text search over one tier of the goods, sharded."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="indexing",
    family="search",
    kind=Kind.SERVICE,
    doc="finds goods of one tier by text and category (BM25 over a sharded tantivy index)",
    ports=Ports(
        (Port("query", "Query", optional=True), Port("category", "Category")),
        (Port("items", "Items"), Port("hits", "Count")),
    ),
    metrics=("recall@100",),
    settings=(
        Setting("tier", "word", "all", ("all", "excellent", "good", "bad", "others"), "which goods are searched"),
        Setting("shards", "count", 1, (), "how many shards the tier's index has"),
        Setting("limit", "count", 100, (), "the most goods that one search returns"),
    ),
)
