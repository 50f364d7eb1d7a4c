"""Packet loss: what a network does to the frames of a group on their way."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="packet_loss",
    package=__package__,
    family="video",
    kind=Kind.SERVICE,
    doc="puts the key frame in its place, and loses each of the other frames with a fixed chance, drawn by stream and number",
    ports=Ports((Port("frames", "Frames"), Port("image", "Image"), Port("moment", "Moment")), (Port("frames", "Frames"),)),
    settings=(
        Setting("percent", "count", 5, (), "the chance of each frame but the first to be lost, in percent"),
        Setting("seed", "count", 7, (), "of what is lost"),
    ),
)
