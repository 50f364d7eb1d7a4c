"""JPEG as the baseline: a code is the entropy-coded scan alone, as the tables and the frame header are the same for every picture of a size
and quality, and a service sends them once (as RFC 2435 does). Needs numpy and Pillow."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MARK = 0xFF  # the first byte of such a code, then the quality
QUALITIES = tuple(range(5, 96, 5))
_SCAN = b"\xff\xda"


def whole(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """A JPEG file, with the standard's own Huffman tables, colours at half the resolution."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling=2, optimize=False)
    return out.getvalue()


def code(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """pixels: (height, width, 3)."""
    content = whole(pixels, quality)
    return bytes([MARK, quality]) + content[len(_head(pixels.shape[1], pixels.shape[0], quality)) :]


def picture(content: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3). ValueError or OSError: it is not what `code` makes."""
    if len(content) < 2 or content[0] != MARK or content[1] not in QUALITIES:
        raise ValueError("it is no code of a JPEG scan")
    with Image.open(io.BytesIO(_head(width, height, content[1]) + content[2:]), formats=("JPEG",)) as opened:
        if opened.size != (width, height):
            raise ValueError("it is a picture of another size")
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


@lru_cache(maxsize=64)
def _head(width: int, height: int, quality: int) -> bytes:
    """All that comes before the scan's own bits: the same for every picture of this size and quality."""
    content = whole(np.zeros((height, width, 3), dtype=np.uint8), quality)
    start = content.index(_SCAN)
    return content[: start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")]
