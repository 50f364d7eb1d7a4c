"""Encoded frames as pictures: what a viewer who got these answers saw. Each stream is decoded in the order of its numbers.

Imports the decoder (PyAV) when there is something to decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from aibenchrt.answers import Encoded
from aibenchrt.collect.records import RequestRecord, ScheduleRecord


def decoded_streams(
    requests: Iterable[RequestRecord],
    schedule: Iterable[ScheduleRecord],
    clips: Mapping[str, int],
    read: Callable[[RequestRecord], Encoded | None],
) -> dict[int, bytes]:
    """Request id → its picture, PNG, b"" where nothing can be decoded. requests: of all phases, since a warm-up's frames come before the
    measured ones. clips: request class → its frames in a clip. read: the frame that a request was answered with, or None."""
    rows = {row.request_id: row for row in schedule}
    streams: dict[int, list[tuple[int, int, int, Encoded]]] = {}
    for request in requests:
        frame = read(request)
        if frame is not None:
            stream, number = _place(request, rows.get(request.request_id), clips.get(request.request_class, 0), frame)
            streams.setdefault(stream, []).append((number, request.done_ns, request.request_id, frame))
    pictures: dict[int, bytes] = {}
    for stream_frames in streams.values():
        stream_frames.sort(key=lambda entry: entry[:3])
        shown = pictures_of([frame for *_, frame in stream_frames])
        pictures |= {request_id: png for (*_, request_id, _), png in zip(stream_frames, shown, strict=True)}
    return pictures


def _place(request: RequestRecord, row: ScheduleRecord | None, clip: int, frame: Encoded) -> tuple[int, int]:
    """Stream and number of a frame: as scheduled; in a load without streams each clip is one, and the frame's own number counts."""
    if row is not None and row.stream >= 0:
        return row.stream, row.number
    return (request.payload // clip if clip else 0), frame.number


def pictures_of(frames: Sequence[Encoded]) -> list[bytes]:
    """The frames of one stream, in this order, as PNG; b"" where nothing can be decoded, as before the first key frame, or of what is no
    video. Where a frame is missing, a decoder goes on with what it has, until the next key frame."""
    from aibenchrt.datasets.colour_png import stored_png
    from aibenchrt.h264 import DamagedStreamError, Decoder

    decoder, pictures = Decoder(), list[bytes]()
    for frame in frames:
        try:
            pictures.append(stored_png(decoder.decode(frame.content)) if frame.content else b"")
        except DamagedStreamError:
            pictures.append(b"")
    return pictures
