"""Records spans for operators. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="tracing",
    family="monitoring",
    kind=Kind.SERVICE,
    doc="records spans for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    auxiliary=True,
    implemented=False,
)
