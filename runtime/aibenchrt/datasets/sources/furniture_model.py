"""A model of furniture, as every source of them gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.rasteriser import Solid


@dataclass(frozen=True, eq=False)
class FurnitureModel:
    """key: unique in its source. name: the catalogue's. material: '' if unknown. licence, author: of the model. solid: in cm, seen from its
    front. picture: the catalogue's own, (height, width, 4) uint8."""

    key: str
    name: str
    noun: str
    material: str
    licence: str
    author: str
    solid: Solid
    picture: NDArray[np.uint8]
