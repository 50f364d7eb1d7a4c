"""Serves an image-to-image model: from a picture of any size to one of the same size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.image_to_image.simple import Pixels, changed, read_rule
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

STEP = 4  # the networks take heights and widths that are multiples of it
MOST = 1 << 18  # pixels of a picture that is worked on; a network holds some hundred numbers for each


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted. The work raises ValueError for a picture of more
    than MOST pixels."""
    session = open_session(folder)

    def change(picture: Pixels, _png: bytes) -> Pixels:
        ((out,),) = session.run(["changed"], {"pixels": as_input(picture)})
        height, width, _ = picture.shape
        shown: Pixels = out.transpose(1, 2, 0)[:height, :width]
        return shown

    return _changing(change)


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """A filter, and an affine map of colours (simple.py)."""
    rule = read_rule(read_metadata(folder)["serving"]["rule"])
    return _changing(lambda picture, _png: changed(picture, rule))


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Each pixel's colour drawn at random."""
    return _changing(lambda picture, png: random_generator("image", png).random(picture.shape, dtype=np.float32))


def _changing(change: Callable[[Pixels, bytes], Pixels]) -> Work:
    def work(inputs: Values) -> Values:
        png = inputs["image"]["png"]
        return {"image": {"png": colour_png(levels(change(pixels_of(png), png)))}}

    return work


def pixels_of(png: bytes) -> Pixels:
    """(height, width, 3) in [0, 1]. Errors as of serve/pictures.opened, and ValueError: it has more than MOST pixels."""
    picture = opened(png)
    if picture.width * picture.height > MOST:
        raise ValueError(f"a picture of {picture.width} × {picture.height} pixels is too large; at most {MOST:,} are worked on")
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def as_input(picture: Pixels) -> NDArray[Any]:
    """(height, width, 3) → (1, 3, h, w), the sides multiples of STEP: beyond the right and lower edge are the nearest pixels."""
    height, width, _ = picture.shape
    padded = np.pad(picture, ((0, -height % STEP), (0, -width % STEP), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None])


def levels(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Values in [0, 1], others clipped, as 8-bit levels."""
    rounded: NDArray[np.uint8] = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return rounded
