"""Fraud check: scores how suspicious a user's traffic is."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import INTERACTIONS

SPEC = ComponentSpec(
    name="fraud_check",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="scores how suspicious a user's traffic is, by its rate and by what is known of the user",
    ports=Ports((Port("user", "User"),), (Port("report", "Report"),)),
    settings=(Setting("window", "count", 60, (), "the seconds in which a user's requests are counted"),),
    memory_mib=72,
    needs=(INTERACTIONS,),
)
