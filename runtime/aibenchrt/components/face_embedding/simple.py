"""What fisherfaces are made of: the pixels of a face, coarsely, with equal mean and contrast. Needs only numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COARSE = 32  # pixels of the coarse picture's side


def simple_features(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(side, side, 3) → (COARSE · COARSE · 3,). side: a multiple of COARSE."""
    each = picture.shape[0] // COARSE
    coarse = picture.reshape(COARSE, each, COARSE, each, 3).mean((1, 3)) / 255
    features: NDArray[np.float32] = ((coarse - coarse.mean()) / max(float(coarse.std()), 1e-3)).ravel().astype(np.float32)
    return features
