"""Laundering check: whether a payment fits its payer's others."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import ACCOUNTS

SPEC = ComponentSpec(
    name="laundering_check",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="flags payments that divide a large sum, or are unusual for their payer, against what the payer paid in a window",
    ports=Ports((Port("payment", "Payment"),), (Port("report", "Report"),)),
    settings=(
        Setting("window", "count", 86_400, (), "the seconds in which a payer's payments are looked at together"),
        Setting("limit", "count", 1_000_000, (), "the cents from which a payment would have to be reported"),
    ),
    auxiliary=True,
    needs=(ACCOUNTS,),
)
