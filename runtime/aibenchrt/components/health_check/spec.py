"""Answers whether a part is well. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="health_check",
    family="monitoring",
    kind=Kind.SERVICE,
    doc="answers whether a part is well",
    ports=Ports((Port("value", "Any", many=True),), ()),
    auxiliary=True,
    implemented=False,
)
