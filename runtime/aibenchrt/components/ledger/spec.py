"""Ledger: books payments, double entry, in embedded SQLite or, if configured, in PostgreSQL."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import ACCOUNTS

SPEC = ComponentSpec(
    name="ledger",
    package=__package__,
    family="payment",
    kind=Kind.SERVICE,
    doc="books a payment that was decided for, once (double entry, serialisable transactions), and gives the receipt",
    ports=Ports((Port("payment", "Payment"), Port("decision", "Decision")), (Port("receipt", "Receipt"),)),
    settings=(Setting("engine", "word", "sqlite", ("sqlite", "postgresql"), "embedded SQLite, or a PostgreSQL server"),),
    effect=True,
    state="ledger",
    audited=True,
    needs=(ACCOUNTS,),
)
