"""Photos as a detector sees them. Needs numpy and Pillow, never torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.serve.pictures import opened

Pixels = NDArray[np.uint8]


def photo_of(png: bytes) -> Pixels:
    """(height, width, 3) red, green, blue. Errors as `opened`."""
    return np.asarray(opened(png), dtype=np.uint8)


def squared(photo: Pixels, side: int) -> tuple[Pixels, float]:
    """The photo in the upper left of a (side, side, 3) picture, in its own shape, and its scale; below or beside it is its mean colour."""
    height, width = photo.shape[:2]
    if (height, width) == (side, side):
        return photo, 1.0
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    mean = tuple(round(float(level)) for level in photo.mean((0, 1)))
    square = Image.new("RGB", (side, side), mean)
    square.paste(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR), (0, 0))
    return np.asarray(square, dtype=np.uint8), scale


def planes(photo: Pixels) -> NDArray[np.float32]:
    """(height, width, 3) uint8 → (3, height, width) float32 in [0, 1]."""
    return np.ascontiguousarray(photo.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
