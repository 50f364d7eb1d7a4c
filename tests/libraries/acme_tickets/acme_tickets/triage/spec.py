"""Finds the queue that a ticket belongs to."""

from aibenchrt.component import ComponentSpec, Kind, Material, Model, Port, Ports, Profile

from acme_tickets.needs import TICKETS

SPEC = ComponentSpec(
    name="ticket_triage",
    package=__package__,
    family="classification",
    kind=Kind.AI,
    doc="finds the queue that a ticket belongs to",
    ports=Ports((Port("ticket", "Ticket"),), (Port("queue", "Category"),)),
    models=(
        Model("hashed", Profile.SMALL, (("accuracy", 0.8),), 0.01, "Joulin et al. 2017, Bag of Tricks for Efficient Text Classification"),
    ),
    baseline="majority",
    metrics=("accuracy",),
    trains=True,
    trains_on=Material.PERIOD,
    needs=(TICKETS,),
)
