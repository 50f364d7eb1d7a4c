"""Language detection: detects the language of a text."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.datasets.needs import PAIRS

SPEC = ComponentSpec(
    name="language_detection",
    package=__package__,
    family="query_understanding",
    kind=Kind.SERVICE,
    doc="tells in which of a world's languages a text is, by its runs of three characters",
    ports=Ports((Port("text", "Text"),), (Port("report", "Report"),)),
    needs=(PAIRS,),
)
