"""PNG encoding of small colour pictures, as png.py does it for grey ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.png import COLOUR, COLOUR_ALPHA, png_file


def colour_png(image: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 red, green, blue, or (height, width, 4) with alpha → a PNG file with filter Up."""
    height, width, channels = image.shape
    lines = np.ascontiguousarray(image).reshape(height, width * channels)
    above = np.concatenate([np.zeros((1, width * channels), dtype=np.uint8), lines[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, dtype=np.uint8), lines - above], axis=1)
    return png_file(width, height, COLOUR_ALPHA if channels == 4 else COLOUR, filtered.tobytes())


def stored_png(image: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 → a PNG file that is not compressed: noise hardly gets smaller, and both ends of an edge save time."""
    height, width, channels = image.shape
    lines = np.zeros((height, 1 + width * channels), dtype=np.uint8)
    lines[:, 1:] = image.reshape(height, width * channels)
    return png_file(width, height, COLOUR, lines.tobytes(), level=0)
