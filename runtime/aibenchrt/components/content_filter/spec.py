"""Content filter: reports insults and personal data in a text."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.datasets.needs import PAIRS

SPEC = ComponentSpec(
    name="content_filter",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="reports insults and personal data in a text",
    ports=Ports((Port("text", "Text"),), (Port("report", "Report"),)),
    needs=(PAIRS,),
)
