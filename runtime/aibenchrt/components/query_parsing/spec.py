"""Query parsing: turns what a user typed into the terms of a search or the sentence to be translated."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

_SEARCH = Ports((Port("text", "Text"),), (Port("query", "Query"),))

SPEC = ComponentSpec(
    name="query_parsing",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="reads what a user typed: a search as normalised terms, a request for translation as the sentence that is wanted",
    ports=_SEARCH,
    varies_by="grammar",
    variants=(
        ("search", _SEARCH),
        ("translation", Ports((Port("text", "Text"),), (Port("text", "Text"),))),
    ),
    settings=(Setting("grammar", "word", "search", ("search", "translation"), "what users ask for"),),
)
