"""Image memory: the item whose catalogue picture somebody sent."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import CATALOGUE, ITEMS

SPEC = ComponentSpec(
    name="image_memory",
    package=__package__,
    family="cache",
    kind=Kind.SERVICE,
    doc="recognises a picture of the catalogue itself, also scaled or compressed, by a perceptual hash: the answer is then known",
    ports=Ports((Port("image", "Image"),), (Port("details", "Details"), Port("hit", "Flag"))),
    settings=(Setting("bits", "count", 4, (), "the most bits of 64 in which the hash of a known picture may differ"),),
    needs=(CATALOGUE, ITEMS),
)
