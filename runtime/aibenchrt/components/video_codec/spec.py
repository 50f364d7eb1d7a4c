"""Video codec: H.264, by FFmpeg's libraries and x264."""

from aibenchrt.component import ComponentSpec, Kind, Port, Ports, Setting

_ENCODE = Ports((Port("image", "Image"), Port("moment", "Moment")), (Port("packet", "Packet"),))
_DECODE = Ports((Port("packet", "Packet"), Port("moment", "Moment")), (Port("frames", "Frames"),))

SPEC = ComponentSpec(
    name="video_codec",
    package=__package__,
    family="video codec",
    kind=Kind.SERVICE,
    doc="encodes a stream frame by frame in H.264, without delay, or decodes groups of frames",
    ports=_ENCODE,
    varies_by="operation",
    variants=(("encode", _ENCODE), ("decode", _DECODE)),
    settings=(
        Setting("operation", "word", "encode", ("encode", "decode"), "what it does"),
        Setting("key", "count", 50, (), "encode: frames from one key frame of a stream to the next"),
        Setting(
            "crf", "count", 20, (), "encode: x264's constant rate factor, 0 to 51: the larger, the fewer bits and the worse the picture"
        ),
        Setting("streams", "count", 64, (), "encode: the most streams that it keeps; the one that was silent longest begins afresh"),
    ),
    by_stream="moment",
)
