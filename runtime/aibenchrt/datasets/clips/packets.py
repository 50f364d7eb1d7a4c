"""Groups of frames as they are stored with a video service: H.264, by x264 through PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

RATE = 10  # frames a second; only x264's rate control would heed it, and the quality is constant
_OPTIONS = {"crf": "18", "preset": "medium", "tune": "zerolatency"}  # each frame's bytes follow from it and those before it alone


def packet_of(frames: Sequence[NDArray[np.uint8]]) -> bytes:
    """Frames of (height, width, 3), both even → one Annex B stream that is decoded alone: a key frame, then predicted ones."""
    import av  # loads FFmpeg, which is needed only to make this data

    codec = av.CodecContext.create("libx264", "w")
    codec.height, codec.width, _ = frames[0].shape
    codec.pix_fmt, codec.time_base, codec.framerate = "yuv420p", Fraction(1, RATE), Fraction(RATE, 1)
    codec.thread_count = 1  # so that the bytes are the same on every machine with the same library
    codec.options = dict(_OPTIONS) | {"g": str(len(frames))}
    packets = []
    for number, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts = number
        packets += codec.encode(frame)
    packets += codec.encode(None)
    return b"".join(bytes(packet) for packet in packets)
