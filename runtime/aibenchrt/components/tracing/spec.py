"""Tracing: writes spans for operators."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="tracing",
    package=__package__,
    family="monitoring",
    kind=Kind.SERVICE,
    doc="writes the span of each call whose value passes by, for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    settings=(Setting("sample", "count", 1000, (), "how many of a thousand requests are traced"),),
    auxiliary=True,
    state="spans",
)
