"""PNG encoding of small colour pictures, as png.py does it for grey ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.png import COLOUR, png_file


def colour_png(image: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 red, green, blue → a PNG file with filter Up."""
    height, width, _ = image.shape
    lines = np.ascontiguousarray(image).reshape(height, width * 3)
    above = np.concatenate([np.zeros((1, width * 3), dtype=np.uint8), lines[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, dtype=np.uint8), lines - above], axis=1)
    return png_file(width, height, COLOUR, filtered.tobytes())
