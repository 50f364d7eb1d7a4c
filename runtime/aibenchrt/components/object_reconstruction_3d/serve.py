"""Serves a reconstruction: from a picture of a body to its voxels."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.looks import packed, unpacked
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work

PIXELS = 64  # of a side of the picture that the network sees
SIDE = 24  # voxels of a side
THUMB = 8  # pixels of a side, of the pictures that are compared by the baseline

Pixels = NDArray[np.uint8]  # (PIXELS, PIXELS, 3)
Voxels = NDArray[np.bool_]  # (SIDE, SIDE, SIDE) by z, y, x


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session, threshold = open_session(folder), float(read_metadata(folder)["serving"]["threshold"])

    def reconstruct(picture: Pixels, _png: bytes) -> Voxels:
        ((fullness,),) = session.run(["fullness"], {"pixels": as_input(picture[None])})
        full: Voxels = fullness >= threshold
        return full

    return _reconstructing(reconstruct)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The body of the training picture that is nearest in its coarse pixels."""
    known = Known.read(read_metadata(folder)["serving"]["known"])
    return _reconstructing(lambda picture, _png: known.body(known.nearest(picture)))


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """A training body drawn at random, whatever is shown."""
    known = Known.read(read_metadata(folder)["serving"]["known"])
    return _reconstructing(lambda _picture, png: known.body(int(random_generator("image", png).integers(len(known.thumbs)))))


class Known:
    """Training pictures as thumbnails, and the bodies that they show."""

    def __init__(self, thumbs: NDArray[np.uint8], of: Sequence[int], solids: Sequence[bytes]) -> None:
        """thumbs: (n, THUMB * THUMB * 3). of: (n,) which of the solids each shows; these as in port type Solid."""
        self.thumbs, self.of, self.solids = thumbs, tuple(of), tuple(solids)
        self._levels = thumbs.astype(np.float32)

    def nearest(self, picture: Pixels) -> int:
        """Which thumbnail has the least squared difference."""
        apart = ((self._levels - thumb_of(picture).astype(np.float32)) ** 2).sum(axis=1)
        return int(np.argmin(apart))

    def body(self, number: int) -> Voxels:
        return unpacked(self.solids[self.of[number]], SIDE)

    def stored(self) -> dict[str, Any]:
        """As JSON types."""
        text = base64.b64encode(self.thumbs.tobytes()).decode()
        return {"thumbs": text, "of": list(self.of), "solids": [base64.b64encode(solid).decode() for solid in self.solids]}

    @staticmethod
    def read(stored: dict[str, Any]) -> Known:
        thumbs = np.frombuffer(base64.b64decode(stored["thumbs"]), dtype=np.uint8).reshape(len(stored["of"]), -1)
        return Known(thumbs, stored["of"], [base64.b64decode(solid) for solid in stored["solids"]])


def thumb_of(picture: Pixels) -> NDArray[np.uint8]:
    """(THUMB * THUMB * 3,) means of squares of the picture."""
    part = PIXELS // THUMB
    means = picture.reshape(THUMB, part, THUMB, part, 3).mean(axis=(1, 3))
    thumb: NDArray[np.uint8] = np.rint(means).astype(np.uint8).reshape(-1)
    return thumb


def as_input(pictures: NDArray[np.uint8]) -> NDArray[Any]:
    """(n, PIXELS, PIXELS, 3) → (n, 3, PIXELS, PIXELS) float32 in [0, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def _reconstructing(reconstruct: Callable[[Pixels, bytes], Voxels]) -> Work:
    def work(inputs: Values) -> Values:
        """Errors as of serve/pictures.opened."""
        png = inputs["image"]["png"]
        return {"solid": {"content": packed(reconstruct(colour_pixels(png, PIXELS), png)), "side": SIDE}}

    return work
