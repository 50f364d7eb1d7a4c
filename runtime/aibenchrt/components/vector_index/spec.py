"""Vector index: the pictures of the catalogue that are nearest to a vector, joined with what a search by words found."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import CATALOGUE

SPEC = ComponentSpec(
    name="vector_index",
    package=__package__,
    family="search",
    kind=Kind.SERVICE,
    doc="finds the pictures of the catalogue whose vectors are nearest (HNSW by usearch), joined with what was found by words",
    ports=Ports((Port("vector", "Vector"), Port("words", "Items", optional=True)), (Port("items", "Items"),)),
    metrics=("recall@10",),
    settings=(
        Setting("limit", "count", 50, (), "the most items that one search returns"),
        Setting("expansion", "count", 64, (), "how many candidates the search of the graph keeps (ef); more: nearer to exact, and slower"),
        Setting("weight", "count", 150, (), "what the best score by words adds to a cosine similarity, in thousandths"),
    ),
    made_with=("vector",),
    needs=(CATALOGUE,),
)
