"""A head as sums of sparse displacements of one mesh, as every source of heads gives it: who it is (ancestry, shape), and which face that
person makes (expression).

The points of the mesh without any displacement are also the coordinates in which a face is painted (faces/skin.py): x from the middle to
the person's left, y up, z to the viewer, in mm, with the middle between the eyes at (0, 0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.rasteriser import Floats, Ints

SKIN, LEFT_EYE, RIGHT_EYE, MOUTH = 0, 1, 2, 3  # the last is what is seen inside of an open mouth


@dataclass(frozen=True, eq=False)
class Displacement:
    """What one control does at weight 1. rows: (k,) of the mesh's points; by: (k, 3) mm."""

    rows: Ints
    by: Floats


@dataclass(frozen=True, eq=False)
class Axis:
    """A control to either side: a positive weight adds `more`, a negative one as much of `less`; either may be empty."""

    name: str
    more: tuple[Displacement, ...]
    less: tuple[Displacement, ...]


@dataclass(frozen=True, eq=False)
class HeadModel:
    """points: (n, 3) mm. corners: (m, 3), triangles anticlockwise from outside. part: (m,), SKIN, an eye or MOUTH. eyes: of the left and of
    the right one, rows of points whose mean is its middle; chin: row of its tip. ancestries, shapes: of a person; expressions: of a moment.
    """

    points: Floats
    corners: Ints
    part: NDArray[np.int8]
    eyes: tuple[Ints, Ints]
    chin: int
    ancestries: tuple[Axis, ...]
    shapes: tuple[Axis, ...]
    expressions: tuple[Axis, ...]
