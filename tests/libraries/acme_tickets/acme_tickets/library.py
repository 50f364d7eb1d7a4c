"""What this package adds to what a scenario may name."""

from aibenchrt.component import DatasetSpec, Field, Port, PortType, RequestSource, Scalar
from aibenchrt.datasets.needs import SNAPSHOTS
from aibenchrt.libraries import Library
from aibenchrt.metrics import Metric, Scope

from acme_tickets.metrics import among_first
from acme_tickets.needs import TICKETS
from acme_tickets.reroute.spec import SPEC as REROUTE
from acme_tickets.tidy.spec import SPEC as TIDY
from acme_tickets.triage.spec import SPEC as TRIAGE

TICKET = PortType(
    "Ticket",
    (Field("text", Scalar.STRING), Field("word", Scalar.STRING, repeated=True)),
    "a ticket as it is read: its text without greetings and signs, and its words",
)

DESK = DatasetSpec(
    name="acme_desk",
    package="acme_tickets.desk",
    doc="tickets of a help desk, composed from seeded sentences, with the queue that each belongs to",
    licence="Apache-2.0",
    data_class=("text",),
    sources=(RequestSource("tickets", (Port("text", "Text"),), "tickets as users write them, with their queue"),),
    metrics=("accuracy", "top@2"),
    truth_types=("label",),
    truth="the queue that the ticket was composed for",
    gives=(TICKETS, SNAPSHOTS),
)

TOP = Metric("top", "label", "label", Scope.PAIR, "share of answers with the true label among the first", among_first, depth=True)

LIBRARY = Library(components=(TIDY, TRIAGE, REROUTE), datasets=(DESK,), port_types=(TICKET,), metrics=(TOP,))
