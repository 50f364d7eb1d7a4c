"""H.264 (ITU-T Rec. H.264), frame by frame and without delay: x264 and FFmpeg's decoder through PyAV. Streams are Annex B byte streams.

What one encoder puts out is decoded by one decoder in that order. A key frame is an IDR picture with its parameter sets: whoever starts
there needs nothing that came before.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 3), red, green, blue
RATE = 25  # frames/s that the encoder is told; it decides nothing here
MOST_FRAMES = 256  # of a group
MOST_BYTES = 1 << 22  # of a packet
MOST_PIXELS = 1 << 22  # of a frame


class DamagedStreamError(ValueError):
    """What is to be decoded is not a stream of H.264, or holds no frame where one is due, or too many or too large ones."""


class Encoder:
    """One stream. crf: x264's constant rate factor. ValueError: a side is odd, or there are too many pixels."""

    def __init__(self, width: int, height: int, crf: int) -> None:
        if width % 2 or height % 2 or not 0 < width * height <= MOST_PIXELS:
            raise ValueError(f"frames of {width} × {height} pixels cannot be encoded: both must be even")
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base, context.framerate, context.thread_count = Fraction(1, RATE), Fraction(RATE, 1), 1
        context.options = {
            "preset": "veryfast", "tune": "zerolatency", "crf": str(crf), "forced-idr": "1",
            "x264-params": "keyint=infinite:scenecut=0:repeat-headers=1",
        }  # fmt: skip
        self.size, self._context, self._encoded = (width, height), context, 0

    def encode(self, picture: Picture, key: bool) -> bytes:
        """The frame after the one before it, or alone (key). The first one is a key frame in any case."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, self._encoded = self._encoded, self._encoded + 1
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class Decoder:
    """One stream, from a key frame on."""

    def __init__(self) -> None:
        self._context = _decoding()
        self._context.flags |= av.codec.context.Flags.low_delay

    def decode(self, content: bytes) -> Picture:
        """The one frame that this packet holds. DamagedStreamError: it holds none that can be shown, or several."""
        _check(content)
        try:
            frames = self._context.decode(av.Packet(content))
        except av.FFmpegError as error:
            raise DamagedStreamError(f"this is not a frame of H.264: {error}") from error
        if len(frames) != 1:
            raise DamagedStreamError(f"a packet of one frame yields {len(frames)}")
        return _pixels(frames[0])


def decoded_group(content: bytes) -> list[Picture]:
    """The frames of a stream that begins with a key frame, as they are shown. DamagedStreamError: it has none, or too many."""
    _check(content)
    context = _decoding()
    pictures: list[Picture] = []
    try:
        for frame in _frames(context, content):
            if len(pictures) == MOST_FRAMES:
                raise DamagedStreamError(f"a group has at most {MOST_FRAMES} frames")
            pictures.append(_pixels(frame))
    except av.FFmpegError as error:
        raise DamagedStreamError(f"this is not a group of H.264: {error}") from error
    if not pictures:
        raise DamagedStreamError("a group without a frame")
    return pictures


def encoded_group(pictures: list[Picture], crf: int) -> bytes:
    """These frames as one stream that begins with a key frame: what `decoded_group` reads."""
    height, width = pictures[0].shape[:2]
    encoder = Encoder(width, height, crf)
    return b"".join(encoder.encode(picture, key=place == 0) for place, picture in enumerate(pictures))


def _decoding() -> av.CodecContext:
    """A decoder that takes no memory for frames that are too large."""
    context = av.CodecContext.create("h264", "r")
    context.thread_count, context.options = 1, {"max_pixels": str(MOST_PIXELS)}
    return context


def _frames(context: av.CodecContext, content: bytes) -> Iterator[av.VideoFrame]:
    for packet in (*context.parse(content), *context.parse(None)):
        yield from context.decode(packet)
    yield from context.decode(None)


def _check(content: bytes) -> None:
    if not 0 < len(content) <= MOST_BYTES:
        raise DamagedStreamError(f"a packet of {len(content):,} bytes; at most {MOST_BYTES:,} are read")


def _pixels(frame: av.VideoFrame) -> Picture:
    if frame.width * frame.height > MOST_PIXELS:
        raise DamagedStreamError(f"frames of {frame.width} × {frame.height} pixels are too large")
    return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
