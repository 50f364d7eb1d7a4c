"""Bodies as triangles and as voxels: put into the cube from -1 to 1, filled, and what of the sky each place in it sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.looks import DIRECTIONS, REACH, SKY, Floats
from aibenchrt.datasets.rasteriser import INVISIBLE, Solid

Voxels = NDArray[np.bool_]  # (side, side, side) by z, y, x
EXTENT = 1.8  # of a body's longest side in the cube of side 2
FINE = 48  # voxels of a side, for the sky
SIDE = 24  # of what is to be reconstructed
PART = FINE // SIDE
LEAST = 2  # fine voxels that make a voxel full: a plate's layer has four, a rod two of eight


@dataclass(frozen=True, eq=False)
class Body:
    """triangles: (m, 3, 3) corners in the cube."""

    triangles: Floats

    @cached_property
    def fine(self) -> Voxels:
        return filled(touched(self.triangles, FINE))

    @cached_property
    def voxels(self) -> Voxels:
        """SIDE voxels a side."""
        parts = self.fine.reshape(SIDE, PART, SIDE, PART, SIDE, PART)
        full: Voxels = parts.sum(axis=(1, 3, 5)) >= LEAST
        return full


def body_of(solid: Solid) -> Body | None:
    """The visible triangles of a model, its longest side EXTENT, its box's middle in the middle; None if nothing is to be seen."""
    opacity = np.array([surface.opacity for surface in solid.surfaces])[solid.surface]
    triangles = solid.points[solid.corners[opacity > INVISIBLE]]
    if not len(triangles):
        return None
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    longest = float((high - low).max())
    return Body((triangles - (low + high) / 2) * (EXTENT / longest)) if longest > 0 else None


def lowest(triangles: Floats) -> float:
    """The height of the floor that they stand on."""
    return float(triangles[:, :, 1].min())


def touched(triangles: Floats, side: int) -> Voxels:
    """The voxels that a triangle passes through, found by points on it that are at most half a voxel apart."""
    voxels = np.zeros(side**3, dtype=np.bool_)
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    longest = np.sqrt(np.max([(edge**2).sum(axis=1) for edge in (one, two, one - two)], axis=0))
    steps = np.ceil(longest * side).astype(np.int64)  # a voxel is 2 / side
    for step in np.unique(steps):
        rows = np.flatnonzero(steps == step)
        first, second = _corner_weights(int(step))
        for part in np.array_split(rows, len(rows) * len(first) // (1 << 18) + 1):
            origin = triangles[part, 0, None]
            points = origin + first[None, :, None] * one[part, None] + second[None, :, None] * two[part, None]
            cells = np.clip(((points + 1.0) * (side / 2)).astype(np.int64), 0, side - 1)
            voxels[((cells[..., 2] * side + cells[..., 1]) * side + cells[..., 0]).ravel()] = True
    return voxels.reshape(side, side, side)


def _corner_weights(steps: int) -> tuple[Floats, Floats]:
    """Weights of a triangle's second and third corner at points evenly over it; of the first it is what they lack."""
    axis = np.arange(steps + 1) / max(steps, 1)
    first, second = np.meshgrid(axis, axis, indexing="ij")
    inside = first + second <= 1.0 + 1e-9
    return first[inside], second[inside]


def filled(shell: Voxels) -> Voxels:
    """What is full, or enclosed: from where nothing is to be seen of the outside along any axis, either way."""
    enclosed = np.ones_like(shell)
    for axis in range(3):
        enclosed &= np.logical_or.accumulate(shell, axis=axis)
        enclosed &= np.flip(np.logical_or.accumulate(np.flip(shell, axis), axis=axis), axis)
    whole: Voxels = shell | enclosed
    return whole


def hidden_sky(voxels: Voxels) -> NDArray[np.bool_]:
    """(DIRECTIONS, side, side, side) whether something full is within REACH of a voxel in each direction of the sky."""
    side = voxels.shape[0]
    most = round(REACH * side / 2)
    wide = np.pad(voxels, most)
    hidden = np.zeros((DIRECTIONS, side, side, side), dtype=np.bool_)
    for number, (x, y, z) in enumerate(SKY.tolist()):
        for step in range(1, most + 1):
            # Rounded once more: halves must not depend on the last bit.
            dz, dy, dx = (most + int(np.rint(round(step * part, 6))) for part in (z, y, x))
            hidden[number] |= wide[dz : dz + side, dy : dy + side, dx : dx + side]
    return hidden


def hidden_at(hidden: NDArray[np.bool_], points: Floats) -> Floats:
    """(k, DIRECTIONS) how much is hidden at points (k, 3) in the cube, between 0 and 1: from the eight voxels around each."""
    side = hidden.shape[1]
    place = np.clip((points + 1.0) * (side / 2) - 0.5, 0.0, side - 1.001)
    low = place.astype(np.int64)
    part = place - low
    total = np.zeros((len(points), len(hidden)))
    flat = hidden.reshape(len(hidden), -1)
    for corner in range(8):
        dx, dy, dz = corner & 1, corner >> 1 & 1, corner >> 2
        weight = np.where(dx, part[:, 0], 1 - part[:, 0]) * np.where(dy, part[:, 1], 1 - part[:, 1])
        weight *= np.where(dz, part[:, 2], 1 - part[:, 2])
        cell = ((low[:, 2] + dz) * side + low[:, 1] + dy) * side + low[:, 0] + dx
        total += weight[:, None] * flat[:, cell].T
    return total


def surface_of(voxels: Voxels) -> Floats:
    """(m, 3, 3) triangles: the sides of full voxels that no other full one covers, in the cube."""
    side = voxels.shape[0]
    found = []
    for axis in range(3):  # of the array: z, y, x
        for ahead in (False, True):
            beyond = np.zeros_like(voxels)
            one, other = [slice(None)] * 3, [slice(None)] * 3
            one[axis], other[axis] = (slice(None, -1), slice(1, None)) if ahead else (slice(1, None), slice(None, -1))
            beyond[tuple(one)] = voxels[tuple(other)]
            base = np.argwhere(voxels & ~beyond)[:, ::-1].astype(np.float64)
            along = 2 - axis
            base[:, along] += ahead
            first, second = np.eye(3)[[k for k in range(3) if k != along]]
            corners = np.stack([base, base + first, base + first + second, base + second], axis=1)
            found += [corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]
    triangles: Floats = np.concatenate(found) * (2.0 / side) - 1.0
    return triangles


def smooth_normals(voxels: Voxels, points: Floats) -> Floats:
    """(k, 3) of length 1, outwards: down the slope of the fullness around points on the surface of voxels; 0 where there is none.

    Fullness: the mean of the 27 voxels around each, between which it is linear.
    """
    side = voxels.shape[0]
    wide = np.pad(voxels, 3).astype(np.float64)
    for axis in range(3):
        wide = (np.roll(wide, 1, axis) + wide + np.roll(wide, -1, axis)) / 3.0
    slopes = [(np.roll(wide, 1, axis) - np.roll(wide, -1, axis)).ravel() for axis in (2, 1, 0)]
    across = side + 6
    place = np.clip((points + 1.0) * (side / 2) - 0.5, -1.0, side) + 3.0
    low = place.astype(np.int64)
    part = place - low
    total = np.zeros((len(points), 3))
    for corner in range(8):
        steps = np.array([corner & 1, corner >> 1 & 1, corner >> 2])
        weight = np.prod(np.where(steps, part, 1.0 - part), axis=1)
        cell = ((low[:, 2] + steps[2]) * across + low[:, 1] + steps[1]) * across + low[:, 0] + steps[0]
        total += weight[:, None] * np.stack([slope[cell] for slope in slopes], axis=1)
    length = np.sqrt(total[:, 0] ** 2 + total[:, 1] ** 2 + total[:, 2] ** 2)
    return np.where(length[:, None] > 1e-6, total / np.maximum(length, 1e-6)[:, None], 0.0)
