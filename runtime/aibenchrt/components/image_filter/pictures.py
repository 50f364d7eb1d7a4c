"""Opens a picture that somebody sent."""

from __future__ import annotations

import io

from PIL import Image

MOST_PIXELS = 4096 * 4096


def opened(png: bytes) -> Image.Image:
    """The picture in red, green and blue. OSError: it is no PNG, or a damaged one. ValueError: it has more than MOST_PIXELS."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"a picture of {image.width} × {image.height} pixels is too large")
        return image.convert("RGB")
