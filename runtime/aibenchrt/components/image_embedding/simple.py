"""The best simple vector of a picture that we found: its colours in the middle, counted, and its pixels, coarsely. Needs only numpy.

Settings were chosen on training views. Where things are cut out their own colours are in the middle, and the background's around them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 8  # of each channel, in a histogram of LEVELS³ colours
COARSE = 16  # pixels of the coarse picture's side
NEAR, FAR = 0.19, 0.38  # standard deviations, in parts of the side, of the weights of pixels by distance from the middle


def colours(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """(side, side, 3) → (LEVELS³,) of unit length: roots of the shares of colours, pixels near the middle counting most."""
    places = np.minimum(picture.reshape(-1, 3).astype(np.int64) * LEVELS // 256, LEVELS - 1)
    numbers = (places[:, 0] * LEVELS + places[:, 1]) * LEVELS + places[:, 2]
    return unit(np.sqrt(np.bincount(numbers, _weights(picture.shape[0], NEAR).ravel(), LEVELS**3)))


def coarse_pixels(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """(side, side, 3) → (COARSE · COARSE · 3,) of unit length, less their mean. side: a multiple of COARSE."""
    each = picture.shape[0] // COARSE
    coarse = picture.reshape(COARSE, each, COARSE, each, 3).mean((1, 3)) / 255
    return unit(((coarse - coarse.mean()) * _weights(COARSE, FAR)[:, :, None]).ravel())


def simple_vector(picture: NDArray[np.uint8]) -> NDArray[Any]:
    """Both, one behind the other, of unit length."""
    return unit(np.concatenate([colours(picture), coarse_pixels(picture)]))


def unit(vector: NDArray[Any]) -> NDArray[Any]:
    """The vector in unit length; one without any length, such as the pixels of a grey picture, stays."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


@cache
def _weights(side: int, deviation: float) -> NDArray[np.float64]:
    place = (np.arange(side) + 0.5) / side - 0.5
    across = np.exp(-((place / deviation) ** 2) / 2)
    weights: NDArray[np.float64] = np.outer(across, across)
    return weights
