"""Event log: appends what was shown to whom; the next model update trains on it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="event_log",
    family="log",
    kind=Kind.SERVICE,
    doc="appends impressions durably, one file a day of the run; what updates train on",
    ports=Ports((Port("details", "Details"), Port("user", "User", optional=True)), ()),
    effect=True,
    state="events",
)
