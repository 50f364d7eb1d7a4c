"""Pictures as requests bring them, in colour: PNG of any size and mode, decoded within a bound. Needs numpy and Pillow, never torch."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_PIXELS = 1 << 24  # of a picture that is decoded; four bytes each


def opened(png: bytes, mode: str = "RGB") -> Image.Image:
    """The picture in red, green and blue, and alpha if mode is "RGBA".

    PIL.UnidentifiedImageError or OSError: not a PNG, or a damaged one. ValueError: one of more than MOST_PIXELS, which is not decoded.
    """
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"a picture of {image.width} × {image.height} pixels is too large; at most {MOST_PIXELS:,} are read")
        return image.convert(mode)


def colour_pixels(png: bytes, side: int) -> NDArray[np.uint8]:
    """(side, side, 3) uint8 red, green, blue; pictures of other sizes are resampled, bilinear, whatever their shape. Errors as `opened`."""
    colour = opened(png)
    if colour.size != (side, side):
        colour = colour.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(colour, dtype=np.uint8)
