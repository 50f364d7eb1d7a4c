"""Scores how suspicious a user's traffic is. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="fraud_check",
    family="security",
    kind=Kind.SERVICE,
    doc="scores how suspicious a user's traffic is",
    ports=Ports((Port("user", "User"),), (Port("report", "Report"),)),
    implemented=False,
)
