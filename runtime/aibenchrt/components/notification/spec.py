"""Notification: tells the payer what became of a payment."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="notification",
    package=__package__,
    family="message",
    kind=Kind.SERVICE,
    doc="writes the text message that tells the payer what became of a payment, and puts it durably into an outbox",
    ports=Ports((Port("receipt", "Receipt"),), (Port("report", "Report"),)),
    auxiliary=True,
    state="outbox",
)
