"""Image filter: reports pictures that a picture search should not work on."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports

SPEC = ComponentSpec(
    name="image_filter",
    package=__package__,
    family="security",
    kind=Kind.SERVICE,
    doc="reports pictures that show much skin, are out of focus, or too dark or too bright to show anything",
    ports=Ports((Port("image", "Image"),), (Port("report", "Report"),)),
)
