"""How near to the camera each pixel of a face is, from its picture of depth. Needs only numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REACH = 600.0  # levels of 0.1 mm before and behind the middle of the face that are told apart
NOTHING = -1.0
COARSE = 32  # pixels of the coarse relief's side
AROUND = tuple((down, across) for down in range(3) for across in range(3) if (down, across) != (1, 1))
MOST_OF_THEM = 5


def relief(levels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """(side, side) levels, 0 where nothing is → (side, side) in [-1, 1], the nearer the higher: 0 as far away as the median of the middle,
    1 REACH nearer, and -1 at least REACH behind it, or nothing there."""
    levels = filled(levels)
    there = levels > 0
    quarter = levels.shape[0] // 4
    middle = levels[quarter:-quarter, quarter:-quarter]
    known = middle[middle > 0] if (middle > 0).any() else levels[there]
    if not len(known):
        return np.full(levels.shape, NOTHING, dtype=np.float32)
    nearer = (float(np.median(known)) - levels.astype(np.float32)) / np.float32(REACH)
    made: NDArray[np.float32] = np.where(there, np.clip(nearer, -1.0, 1.0), np.float32(NOTHING)).astype(np.float32)
    return made


def filled(levels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Single points that the sensor lost, each with the median of the points around it, if most of these are there."""
    side = levels.shape[0]
    padded = np.pad(levels, 1)
    around = np.stack([padded[down : down + side, across : across + side] for down, across in AROUND])
    lost = (levels == 0) & ((around > 0).sum(axis=0) >= MOST_OF_THEM)
    known = np.sort(around[:, lost], axis=0)
    made = levels.copy()
    first = (known == 0).sum(axis=0)
    made[lost] = known[(first + len(AROUND) - 1) // 2, np.arange(known.shape[1])]
    return made


def simple_features(nearness: NDArray[np.float32]) -> NDArray[np.float32]:
    """(side, side) of `relief` → (COARSE · COARSE,), moved so that the nearest part of the face, the nose, is in the middle. side: a
    multiple of COARSE."""
    each = nearness.shape[0] // COARSE
    coarse = nearness.reshape(COARSE, each, COARSE, each).mean((1, 3))
    rows, columns = np.nonzero(coarse >= np.quantile(coarse, NOSE))
    centred = np.full_like(coarse, NOTHING)
    middle = (COARSE - 1) / 2
    down, across = round(middle - float(rows.mean())), round(middle - float(columns.mean()))
    centred[max(0, down) : COARSE + min(0, down), max(0, across) : COARSE + min(0, across)] = coarse[
        max(0, -down) : COARSE - max(0, down), max(0, -across) : COARSE - max(0, across)
    ]
    features: NDArray[np.float32] = centred.ravel()
    return features


NOSE = 0.99  # share of the pixels that are no nearer than the tip of the nose
