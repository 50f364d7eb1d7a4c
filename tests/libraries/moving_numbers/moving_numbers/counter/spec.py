"""The spec of frame_counter."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

SPEC = ComponentSpec(
    name="frame_counter",
    package=__package__ or "",
    family="video_capture",
    kind=Kind.SERVICE,
    doc="counts the frames that it has seen of a stream",
    ports=Ports((Port("moment", "Moment"),), (Port("frames", "Count"),)),
    settings=(
        Setting("slow_every", "count", 0, doc="each frame whose number is a multiple of it takes slow_ms; 0: none"),
        Setting("slow_ms", "count", 0, doc="how long a slow frame takes"),
    ),
    by_stream="moment",
)
