"""Where in a frame a gift is drawn: one rule for what composes it, and for whatever reads it there or leaves it out. Standard library."""

from __future__ import annotations

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; the last two are the first beyond


def gift_box(width: int, height: int) -> Box:
    """The square in the lower right corner whose side is half the frame's height: of 96 × 64 pixels (64, 32, 96, 64), on whole macroblocks
    of H.264. ValueError: the frame is less than two pixels high, or narrower than the square."""
    side = height // 2
    if not 0 < side <= width:
        raise ValueError(f"a frame of {width} × {height} pixels has no room for a gift")
    return (width - side, height - side, width, height)
