"""Counts and times requests for operators. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="monitoring",
    family="monitoring",
    kind=Kind.SERVICE,
    doc="counts and times requests for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    auxiliary=True,
    implemented=False,
)
