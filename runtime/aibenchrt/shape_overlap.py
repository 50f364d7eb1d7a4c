"""How well a body, or its outline in a picture, agrees with the true one: intersection over union. Needs numpy; Pillow reads pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.answers import Voxels
from aibenchrt.picture_quality import held_out, shown

BACKGROUND_WITHIN = 32  # levels of a channel by which a pixel of the background may differ from it


def voxel_iou(truth: Voxels, answer: Voxels) -> float:
    """Of full voxels; 0 if the answer has another side, or not as many voxels as it says. ValueError: the truth has not."""
    true, given = _voxels(truth), _voxels(answer)
    if true is None:
        raise ValueError("a true body does not have the voxels that it says")
    return 0.0 if given is None or given.shape != true.shape else overlap(true, given)


def silhouette_iou(truth: bytes, answer: bytes) -> float:
    """Of what two pictures show before a plain background, whose colour is that of the true picture's upper left pixel.

    0 if the answer is not a picture, or one of another size. ValueError: the truth is not a picture.
    """
    true = held_out(truth)
    given = shown(answer, true)
    if given is None:
        return 0.0
    true_levels, given_levels = true.astype(np.int16), given.astype(np.int16)
    background = true_levels[0, 0]
    return overlap(*((np.abs(picture - background) > BACKGROUND_WITHIN).any(axis=2) for picture in (true_levels, given_levels)))


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union; of two empty ones 1."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def _voxels(body: Voxels) -> NDArray[np.bool_] | None:
    count = body.side**3
    if body.side < 1 or len(body.content) != (count + 7) // 8:
        return None
    return np.unpackbits(np.frombuffer(body.content, dtype=np.uint8), count=count).astype(np.bool_)
