"""Gifts in frames: where one is drawn, and a frozen classifier that reads what it is. Standard library when imported.

One rule says where: for what composes a frame, for what reads the gift there, and for what leaves it out of a comparison. The reader is
ridge regression on histograms of oriented gradients (Dalal and Triggs 2005) at two scales and on coarse colours; whoever makes the gifts
does not know it. It travels with the truth, as bytes, so that a recorded run is judged without anything else.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; the last two are the first beyond
SIDE = 32  # pixels of a gift that is read
ORIENTATIONS = 9  # over half a turn: which side is darker does not count
CELLS = (4, 8)  # pixels of a cell's side
CLIPPED = 0.2  # the largest part of a block that one bin may have (Dalal and Triggs 2005, L2-Hys)
COARSE = 4  # pixels of a colour's square


def gift_box(width: int, height: int) -> Box:
    """The square in the lower right corner whose side is half the frame's height: of 96 × 64 pixels (64, 32, 96, 64), on whole macroblocks
    of H.264. ValueError: the frame is less than two pixels high, or narrower than the square."""
    side = height // 2
    if not 0 < side <= width:
        raise ValueError(f"a frame of {width} × {height} pixels has no room for a gift")
    return (width - side, height - side, width, height)


def features(pictures: Pixels) -> NDArray[np.float64]:
    """(n, SIDE, SIDE, 3) → (n, features)."""
    import numpy as np

    grey = pictures.astype(np.float64).mean(axis=3) / 255.0
    down, across = np.gradient(grey, axis=1), np.gradient(grey, axis=2)
    place = np.mod(np.arctan2(down, across), np.pi) / np.pi * ORIENTATIONS
    lower = np.floor(place)
    bins = np.arange(ORIENTATIONS)
    near = np.hypot(across, down)[..., None] * (
        ((lower % ORIENTATIONS)[..., None] == bins) * (1.0 - (place - lower))[..., None]
        + (((lower + 1) % ORIENTATIONS)[..., None] == bins) * (place - lower)[..., None]
    )
    colours = (1.0 - pictures.astype(np.float64) / 255.0).reshape(len(pictures), SIDE // COARSE, COARSE, SIDE // COARSE, COARSE, 3)
    parts = [_blocks(near, cell) for cell in CELLS]
    return np.concatenate([*parts, colours.mean(axis=(2, 4)).reshape(len(pictures), -1)], axis=1)


def _blocks(near: NDArray[np.float64], cell: int) -> NDArray[np.float64]:
    """(n, SIDE, SIDE, ORIENTATIONS) → (n, blocks of 2 × 2 cells, each of unit length)."""
    import numpy as np

    count = SIDE // cell
    cells = near.reshape(len(near), count, cell, count, cell, ORIENTATIONS).sum(axis=(2, 4))
    blocks = np.concatenate([cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]], axis=-1)
    for most in (CLIPPED, 1.0):
        blocks = np.minimum(blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-2), most)
    flat: NDArray[np.float64] = blocks.reshape(len(near), -1)
    return flat


class GiftReader:
    """weights: (1 + features, labels) float16; the first row is the bias."""

    def __init__(self, weights: NDArray[np.float16]) -> None:
        self._weights = weights

    def labels(self, pictures: Pixels) -> NDArray[np.int64]:
        """(n, SIDE, SIDE, 3) → (n,)."""
        found: NDArray[np.int64] = (features(pictures) @ self._weights[1:].astype("float64") + self._weights[0]).argmax(axis=1)
        return found

    def in_frame(self, frame: Pixels) -> int:
        """What the gift in a frame, (height, width, 3), is. ValueError: the frame has no room for one."""
        import numpy as np
        from PIL import Image

        left, top, right, bottom = gift_box(frame.shape[1], frame.shape[0])
        gift = np.ascontiguousarray(frame[top:bottom, left:right])
        if gift.shape[0] != SIDE:
            gift = np.asarray(Image.fromarray(gift).resize((SIDE, SIDE), Image.Resampling.BILINEAR), dtype=np.uint8)
        return int(self.labels(gift[None])[0])

    def to_bytes(self) -> bytes:
        import numpy as np

        out = io.BytesIO()
        np.save(out, self._weights, allow_pickle=False)
        return out.getvalue()


@lru_cache(maxsize=4)
def reader_of(content: bytes) -> GiftReader:
    """The inverse of `to_bytes`. ValueError: it is none."""
    import numpy as np

    try:
        weights = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError("this is no reader of gifts") from error
    expected = 1 + features(np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8)).shape[1]
    if weights.dtype != np.float16 or weights.ndim != 2 or weights.shape[0] != expected or not np.isfinite(weights).all():
        raise ValueError("this is no reader of gifts")
    return GiftReader(weights)
