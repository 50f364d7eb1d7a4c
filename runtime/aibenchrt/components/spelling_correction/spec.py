"""Spelling correction: replaces unknown terms by the likeliest word one or two edits away."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.datasets.needs import ITEMS, QUERIES

SPEC = ComponentSpec(
    name="spelling_correction",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="corrects the terms of a query against the words of training-period queries and titles",
    ports=Ports((Port("query", "Query"),), (Port("query", "Query"),)),
    metrics=("accuracy",),
    memory_mib=128,
    needs=(ITEMS, QUERIES),
)
