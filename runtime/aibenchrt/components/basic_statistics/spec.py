"""Counts and averages what flows through it. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="basic_statistics",
    family="statistics",
    kind=Kind.SERVICE,
    doc="counts and averages what flows through it",
    ports=Ports((Port("query", "Query"),), (Port("report", "Report"),)),
    implemented=False,
)
