"""Event log: records which items were shown to which user, for model updates; no update is run yet."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="event_log",
    package=__package__,
    family="log",
    kind=Kind.SERVICE,
    doc="appends impressions durably, one file a day of the run: recorded for updates, of which none is run yet",
    ports=Ports((Port("details", "Details"), Port("user", "User", optional=True)), ()),
    effect=True,
    state="events",
)
