"""Monitoring: counts and times calls for operators."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="monitoring",
    package=__package__,
    family="monitoring",
    kind=Kind.SERVICE,
    doc="counts and times the calls whose values pass by, and samples its own process, for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    settings=(Setting("interval", "count", 1000, (), "milliseconds between two samples"),),
    auxiliary=True,
    state="metrics",
)
