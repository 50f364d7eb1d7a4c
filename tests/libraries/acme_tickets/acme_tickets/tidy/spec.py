"""Tidies a ticket up before anybody reads it."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="ticket_tidy",
    package=__package__,
    family="text_preparation",
    kind=Kind.SERVICE,
    doc="takes greetings and signs out of a ticket",
    ports=Ports((Port("text", "Text"),), (Port("ticket", "Ticket"),)),
    settings=(Setting("words", "count", 40, (), "the most words that go on"),),
)
