"""Video capture: a camera, played by a file."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting
from aibenchrt.datasets.needs import CLIPS

SPEC = ComponentSpec(
    name="video_capture",
    package=__package__,
    family="video capture",
    kind=Kind.SERVICE,
    doc="takes a frame from its files, dims it and adds a sensor's noise, and counts the frames that it was not asked for",
    ports=Ports((Port("shot", "Shot"), Port("moment", "Moment")), (Port("image", "Image"), Port("dropped", "Count"))),
    settings=(
        Setting("seed", "count", 7, (), "of the camera's noise, which depends on it, the stream and the frame's number"),
        Setting(
            "streams", "count", 64, (), "the most streams whose last frame is remembered; the one that was silent longest is forgotten"
        ),
    ),
    by_stream="moment",
    needs=(CLIPS,),
)
