"""A text recogniser's input: the pixel columns of a picture of one line. Needs numpy and Pillow, never torch."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT = 32  # pixels, as in Shi et al. 2017, section 3.2
NARROWEST, WIDEST = 16, 2048


def columns(png: bytes) -> NDArray[np.float32]:
    """(width, HEIGHT) float32: the picture scaled to that height at its aspect ratio, with mean 0 and standard deviation 1.

    Pictures narrower than NARROWEST are widened, those wider than WIDEST narrowed. PIL.UnidentifiedImageError or OSError: not a picture.
    """
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        grey = image.convert("L")
    width = min(max(round(grey.width * HEIGHT / grey.height), NARROWEST), WIDEST)
    pixels = np.asarray(grey.resize((width, HEIGHT), Image.Resampling.BILINEAR), dtype=np.float32).T
    return np.ascontiguousarray((pixels - pixels.mean()) / (pixels.std() + np.float32(1)))
