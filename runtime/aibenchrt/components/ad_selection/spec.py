"""Chooses sponsored goods for a user. Specification only: a spec may name it, distilling must remove it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="ad_selection",
    family="advertising",
    kind=Kind.SERVICE,
    doc="chooses sponsored goods for a user",
    ports=Ports((Port("profile", "Profile"),), (Port("items", "Items"),)),
    implemented=False,
)
