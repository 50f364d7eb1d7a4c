"""Pictures of depth as requests bring them: PNG, 16-bit grey, 0.1 mm a level, 0 where nothing is. Needs numpy and Pillow, never torch."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.serve.pictures import MOST_PIXELS

GREY_16 = ("I;16", "I;16B", "I")  # what Pillow calls them, by version


def depth_levels(png: bytes, side: int) -> NDArray[np.uint16]:
    """(side, side); of pictures of other sizes the nearest pixels, since nothing is between a thing and what is not there.

    PIL.UnidentifiedImageError or OSError: not a PNG, or a damaged one. ValueError: not 16-bit grey, or of more than MOST_PIXELS, which is
    not decoded.
    """
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"a picture of {image.width} × {image.height} pixels is too large; at most {MOST_PIXELS:,} are read")
        if image.mode not in GREY_16:
            raise ValueError("a picture of depth is 16-bit grey")
        levels = np.asarray(image, dtype=np.int64).astype(np.uint16)
    down, across = (((np.arange(side) + 0.5) * size / side).astype(np.int64) for size in levels.shape)
    taken: NDArray[np.uint16] = levels[down[:, None], across[None, :]]
    return taken
