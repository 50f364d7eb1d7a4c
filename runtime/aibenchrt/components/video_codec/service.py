"""Video codec: one encoder for each stream, or groups of frames decoded.

A key frame comes first in a stream, after every gap in its numbers, and every `key` frames. So whoever decodes a stream's packets in the
order of their numbers needs no frame that never came:

    numbers that arrive   0  1  2  .  4  5   3        (3 is late)
    encoded as            K  P  P     K  P   alone

A frame that comes after a later one of its stream, or twice, is encoded alone, beside the stream, and disturbs nothing; after one that
came twice the stream goes on with a key frame, since the receiver may have either.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from aibenchrt.datasets.colour_png import stored_png
from aibenchrt.h264 import DamagedStreamError, Encoder, Picture, decoded_group
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

WORST = 51  # x264's largest constant rate factor


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - reads and keeps nothing
    """ValueError: a setting out of its range."""
    if settings["operation"] == "decode":
        return decode
    key, crf, streams = (int(settings[name]) for name in ("key", "crf", "streams"))
    if not (key and streams and crf <= WORST):
        raise ValueError(f"key and streams must be at least 1, crf at most {WORST}")
    return Encode(key, crf, streams)


def decode(inputs: Values) -> Values:
    """DamagedStreamError: the packet is not a group that begins with a key frame, or not one of H.264."""
    packet = inputs["packet"]
    if not packet["key"]:
        raise DamagedStreamError("only groups that begin with a key frame are decoded")
    pictures = decoded_group(packet["content"])
    return {"frames": {"png": [stored_png(picture) for picture in pictures], "lost": [False] * len(pictures)}}


class Encode:
    """Implements `Work`. Thread-safe; frames of one stream wait for each other."""

    def __init__(self, key: int, crf: int, most: int) -> None:
        self._key, self._crf, self._most = key, crf, most
        self._lock = threading.Lock()
        self._streams: OrderedDict[int, Stream] = OrderedDict()

    def __call__(self, inputs: Values) -> Values:
        """OSError or ValueError: the image is no picture, or cannot be encoded, or the stream or number is below zero."""
        stream, number = int(inputs["moment"]["stream"]), int(inputs["moment"]["number"])
        if stream < 0 or number < 0:
            raise ValueError(f"stream {stream}, frame {number}: neither may be below zero")
        picture = np.asarray(opened(inputs["image"]["png"]), dtype=np.uint8)
        content, key = self._stream(stream).encoded(picture, number)
        return {"packet": {"content": content, "key": key, "number": number}}

    def _stream(self, stream: int) -> Stream:
        with self._lock:
            found = self._streams.setdefault(stream, Stream(self._key, self._crf))
            self._streams.move_to_end(stream)
            if len(self._streams) > self._most:
                self._streams.popitem(last=False)
            return found


class Stream:
    """A stream that is being encoded. Thread-safe. key: frames from one key frame to the next."""

    def __init__(self, key: int, crf: int) -> None:
        self._key, self._crf, self._lock = key, crf, threading.Lock()
        self._encoder: Encoder | None = None
        self._last = self._last_key = -1
        self._doubtful = False

    def encoded(self, picture: Picture, number: int) -> tuple[bytes, bool]:
        """The frame's packet, and whether it is a key frame."""
        height, width = picture.shape[:2]
        with self._lock:
            if self._encoder is not None and number <= self._last:
                self._doubtful |= number == self._last
                return Encoder(width, height, self._crf).encode(picture, key=True), True
            if self._encoder is None or self._encoder.size != (width, height):
                self._encoder, self._doubtful = Encoder(width, height, self._crf), True
            key = self._doubtful or number != self._last + 1 or number - self._last_key >= self._key
            content = self._encoder.encode(picture, key)
            self._last, self._last_key, self._doubtful = number, number if key else self._last_key, False
            return content, key
