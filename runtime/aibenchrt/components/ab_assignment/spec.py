"""Assigns a user to an arm of an experiment. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="ab_assignment",
    family="experiment",
    kind=Kind.SERVICE,
    doc="assigns a user to an arm of an experiment",
    ports=Ports((Port("user", "User"),), (Port("treated", "Flag"),)),
    auxiliary=True,
    implemented=False,
)
