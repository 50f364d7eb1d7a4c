"""Translation memory: looks up the human translation of the same or a very similar sentence."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import PAIRS

SPEC = ComponentSpec(
    name="translation_memory",
    package=__package__,
    family="cache",
    kind=Kind.SERVICE,
    doc="looks up the sentence nearest to a text that people have translated before, and its translation; passes the text on",
    ports=Ports((Port("text", "Text"),), (Port("translation", "Translation"), Port("hit", "Flag"), Port("text", "Text"))),
    settings=(Setting("least", "count", 95, (), "percent of likeness from which a sentence is a hit; 100: it is the same"),),
    memory_mib=88,
    needs=(PAIRS,),
)
