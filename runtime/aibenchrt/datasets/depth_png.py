"""PNG encoding of small depth pictures: grey of 16 bits, as png.py does it for 8."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.png import GREY, png_file


def depth_png(levels: NDArray[np.uint16]) -> bytes:
    """(height, width) uint16 levels → a PNG file with filter Up."""
    height, width = levels.shape
    lines = levels.astype(">u2").view(np.uint8).reshape(height, 2 * width)
    above = np.concatenate([np.zeros((1, 2 * width), dtype=np.uint8), lines[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, dtype=np.uint8), lines - above], axis=1)
    return png_file(width, height, GREY, filtered.tobytes(), bits=16)
