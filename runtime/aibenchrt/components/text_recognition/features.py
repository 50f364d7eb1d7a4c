"""What a text recogniser sees: the columns of a picture of one line. numpy and Pillow, never torch."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT = 32  # pixels, as in Shi et al. 2017, section 3.2
NARROWEST, WIDEST = 16, 2048


def columns(png: bytes) -> NDArray[np.float32]:
    """(width, HEIGHT): the picture at that height, its shape kept, with mean 0 and deviation 1.

    Narrower than NARROWEST is widened, wider than WIDEST narrowed. Raises PIL.UnidentifiedImageError or OSError: not a picture.
    """
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        grey = image.convert("L")
    width = min(max(round(grey.width * HEIGHT / grey.height), NARROWEST), WIDEST)
    pixels = np.asarray(grey.resize((width, HEIGHT), Image.Resampling.BILINEAR), dtype=np.float32).T
    return np.ascontiguousarray((pixels - pixels.mean()) / (pixels.std() + np.float32(1)))
