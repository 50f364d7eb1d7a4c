"""Video capture: the held-out clips of the world as a camera sees them (datasets/live_show/camera.py).

    shot ──▶ frame of a file ──▶ camera model, seeded by stream and number ──▶ image
    moment ─▶ numbers that this stream has skipped since its last frame ──▶ dropped

A frame that comes after a later one of its stream has skipped nothing; nor has the first that is seen of a stream.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.colour_png import stored_png
from aibenchrt.datasets.live_show.camera import Camera
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ClipWorld

_FILE = "clip-{:04d}.npy"  # (frames, height, width, 3) uint8


def prepare(world: ClipWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - the settings change no file
    for number, clip in enumerate(world.clips("test")):
        np.save(folder / _FILE.format(number), np.stack([np.asarray(opened(png)) for png in clip.frames]))


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing on disk
    clips = [np.load(path, mmap_mode="r") for path in sorted(folder.glob(_FILE.format(0).replace("0000", "*")))]
    return Capture(clips, int(settings["seed"]), int(settings["streams"]))


class Capture:
    """Implements `Work`. Thread-safe. clips: each (frames, height, width, 3) uint8. most: streams whose last frame is remembered."""

    def __init__(self, clips: Sequence[NDArray[np.uint8]], seed: int, most: int) -> None:
        self._clips, self._camera, self._gaps = clips, Camera(seed, "show"), Gaps(most)

    def __call__(self, inputs: Values) -> Values:
        """LookupError: there is no such clip or frame. ValueError: a stream or number below zero."""
        shot, moment = inputs["shot"], inputs["moment"]
        stream, number = int(moment["stream"]), int(moment["number"])
        if stream < 0 or number < 0:
            raise ValueError(f"stream {stream}, frame {number}: neither may be below zero")
        seen = self._camera.seen(self._frame(int(shot["clip"]), int(shot["frame"])), stream, number)
        return {"image": {"png": stored_png(seen)}, "dropped": {"value": self._gaps.before(stream, number)}}

    def _frame(self, clip: int, frame: int) -> NDArray[np.uint8]:
        if not 0 <= clip < len(self._clips) or not 0 <= frame < len(self._clips[clip]):
            raise LookupError(f"there is no frame {frame} of clip {clip}")
        found: NDArray[np.uint8] = self._clips[clip][frame]
        return found


class Gaps:
    """How many numbers each stream has skipped. Thread-safe. most: streams that are remembered."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._last: OrderedDict[int, int] = OrderedDict()

    def before(self, stream: int, number: int) -> int:
        """The numbers between the stream's last frame and this one; 0 if this is its first, or not its latest."""
        with self._lock:
            last = self._last.get(stream, number)
            self._last[stream] = max(last, number)
            self._last.move_to_end(stream)
            if len(self._last) > self._most:
                self._last.popitem(last=False)
        return max(0, number - last - 1)
