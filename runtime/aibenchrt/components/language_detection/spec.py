"""Tells in which language a text is. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="language_detection",
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="tells in which language a text is",
    ports=Ports((Port("text", "Text"),), (Port("report", "Report"),)),
    implemented=False,
)
