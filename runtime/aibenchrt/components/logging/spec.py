"""Writes a log line for operators. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="logging",
    family="log",
    kind=Kind.SERVICE,
    doc="writes a log line for operators",
    ports=Ports((Port("value", "Any", many=True),), ()),
    auxiliary=True,
    implemented=False,
)
