"""Compose: puts a picture into the corner of another."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="compose",
    package=__package__,
    family="image composition",
    kind=Kind.SERVICE,
    doc="puts a second picture, if there is one, into the lower right corner of the first, half as high as it",
    ports=Ports((Port("image", "Image"), Port("overlay", "Image", optional=True)), (Port("image", "Image"),)),
)
