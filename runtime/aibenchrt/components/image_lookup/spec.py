"""Image lookup: the picture that is kept at an address."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports
from aibenchrt.datasets.needs import HOSTED

SPEC = ComponentSpec(
    name="image_lookup",
    package=__package__,
    family="database",
    kind=Kind.SERVICE,
    doc="reads the picture that is kept at the address that a user gave",
    ports=Ports((Port("text", "Text"),), (Port("image", "Image"),)),
    needs=(HOSTED,),
)
