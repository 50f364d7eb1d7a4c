"""Image filter: reports pictures that show much skin, are out of focus, or too dark or too bright.

Skin: Kovač, Peer, Solina 2003, Human Skin Colour Clustering for Face Detection, the rule for daylight. Focus: the variance of the Laplacian
(Pech-Pacheco et al. 2000, Diatom Autofocusing in Brightfield Microscopy). No model: rules on pixels, which take furniture of pale wood for
skin; README.md says how often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

MUCH_SKIN = 0.4  # share of the pixels
BLURRED = 15.0  # variance of the Laplacian, in grey levels squared
DARK, BRIGHT = 16.0, 240.0  # mean grey level


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, reads and keeps nothing
    def work(inputs: Values) -> Values:
        """OSError or ValueError: it is no picture, or too large a one."""
        return {"report": {"text": "; ".join(reasons(np.asarray(opened(inputs["image"]["png"]), dtype=np.int16))) or "clean"}}

    return work


def reasons(pixels: NDArray[np.int16]) -> Iterator[str]:
    """pixels: (height, width, 3)."""
    skin = float(is_skin(pixels).mean())
    if skin >= MUCH_SKIN:
        yield f"skin-coloured: {100 * skin:.0f} % of the pixels"
    grey = pixels.mean(axis=2)
    if not DARK <= float(grey.mean()) <= BRIGHT:
        yield "too dark" if grey.mean() < DARK else "too bright"
    if min(grey.shape) >= 3 and sharpness(grey) < BLURRED:
        yield "out of focus"


def is_skin(pixels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(height, width, 3) → (height, width)."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    spread = pixels.max(axis=-1) - pixels.min(axis=-1)
    skin: NDArray[np.bool_] = (
        (red > 95) & (green > 40) & (blue > 20) & (spread > 15) & (np.abs(red - green) > 15) & (red > green) & (red > blue)
    )
    return skin


def sharpness(grey: NDArray[np.float64]) -> float:
    """Variance of the Laplacian of a (height, width) picture, both at least 3."""
    inner = grey[1:-1, 1:-1]
    return float((grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner).var())
