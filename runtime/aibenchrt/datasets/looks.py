"""How a body in a game looks: the camera that sees it, the texture on it, the light, and how open its surface is to the sky.

The world `arcade` draws its truth by these rules, and the component `rendering` what a player sees: what they have in common is here, what
finds the points that are seen is theirs. A body lies in the cube from -1 to 1; x is to the right of who looks at its front, y up, z to him.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RASTER, OCCLUDED = LOOKS = ("raster", "occluded")
BACKGROUND = (88, 142, 214)  # of every frame: a clear sky
FOCAL = 2.6  # of the camera, in half sides of the picture
NEAREST = 1.8  # of a camera from the middle; the cube's corners are at 1.73
LIGHT = (0.4, 0.8, 0.45)  # towards the light
AMBIENT = 0.45  # the part of the light that comes from everywhere
REACH = 0.5  # what is nearer than this, in a direction, hides the sky there
SHADE = 0.2  # of the light reaches what sees no sky at all
LIFT = 0.06  # from a surface, of the point from which the sky is looked for
DIRECTIONS = 48
REPEAT = 1.0  # a texture covers this length, then comes again, mirrored


@dataclass(frozen=True)
class Camera:
    """azimuth: degrees to the right of the body's front; elevation: above it; distance: from the middle, at least NEAREST.

    ValueError: it is too near, or a number is not finite.
    """

    azimuth: float
    elevation: float
    distance: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.azimuth, self.elevation, self.distance))) or self.distance < NEAREST:
            raise ValueError(f"a camera has finite angles and a distance of at least {NEAREST}")

    def axes(self) -> Floats:
        """(3, 3): to the right, up and back to the camera, each of length 1. Rounded, so that every processor has the same."""
        turned, raised = math.radians(self.azimuth), math.radians(self.elevation)
        east, north = round(math.sin(turned), 9), round(math.cos(turned), 9)
        high, level = round(math.sin(raised), 9), round(math.cos(raised), 9)
        return np.array([(north, 0.0, -east), (-east * high, level, -north * high), (east * level, high, north * level)])


def directions() -> Floats:
    """(DIRECTIONS, 3) evenly over the sphere: a spiral (Swinbank and Purser 2006, Fibonacci grids)."""
    number = np.arange(DIRECTIONS)
    height = 1.0 - (2.0 * number + 1.0) / DIRECTIONS
    angle = np.pi * (3.0 - math.sqrt(5.0)) * number
    radius = np.sqrt(1.0 - height**2)
    spiral: Floats = np.round(np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1), 9)
    return spiral


SKY = directions()


def openness(normals: Floats, hidden: Floats) -> Floats:
    """(k,) how much of the sky a surface sees, from 0 to 1: by direction, weighted with its cosine to the normal.

    normals: (k, 3) of length 1. hidden: (k, DIRECTIONS) how much of each direction is hidden. Ambient occlusion: Zhukov et al. 1998.
    """
    weights = np.maximum(facing(normals), 0.0)
    total: Floats = 1.0 - (weights * hidden).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return total


def below(points: Floats, floor: float) -> NDArray[np.bool_]:
    """(k, DIRECTIONS) whether the floor, at that height, hides the sky in each direction from points (k, 3)."""
    return np.less(points[:, 1:2] + REACH * SKY[:, 1], floor).astype(np.bool_)


def facing(normals: Floats) -> Floats:
    """(k, DIRECTIONS) the cosines between normals and the sky's directions, spelt out: the same with any BLAS."""
    return np.asarray(normals[:, :1] * SKY[:, 0] + normals[:, 1:2] * SKY[:, 1] + normals[:, 2:] * SKY[:, 2], dtype=np.float64)


def painted(texture: NDArray[np.uint8], points: Floats, normals: Floats) -> Floats:
    """(k, 3) colours in [0, 1] of points that a texture is projected on along the axis that the normal is nearest to (box mapping).

    texture: (height, width, 3). points, normals: (k, 3). A texture is repeated, mirrored every time, so that it has no seams.
    """
    axis = np.argmax(np.abs(normals), axis=1)
    rows = np.arange(len(points))
    across = points[rows, np.array([2, 0, 0])[axis]]
    down = -points[rows, np.array([1, 2, 1])[axis]]
    height, width = texture.shape[:2]
    colours: Floats = texture[_texel(down, height), _texel(across, width)] / 255.0
    return colours


def _texel(place: Floats, size: int) -> NDArray[np.int64]:
    phase = np.mod((place + 1.0) / REPEAT, 2.0)
    inside = np.where(phase < 1.0, phase, 2.0 - phase)
    return np.minimum((inside * size).astype(np.int64), size - 1)


def lit(colours: Floats, normals: Floats, open_to_sky: Floats | None = None) -> NDArray[np.uint8]:
    """(k, 3) levels of what is seen. colours: (k, 3) in [0, 1]; normals: (k, 3), to the camera. open_to_sky: (k,), or None for the raster
    look, in which nothing hides anything from the light."""
    x, y, z = LIGHT
    length = math.sqrt(x * x + y * y + z * z)
    falling = np.maximum((normals[:, 0] * x + normals[:, 1] * y + normals[:, 2] * z) / length, 0.0)
    light = AMBIENT + (1.0 - AMBIENT) * falling
    if open_to_sky is not None:
        light = light * (SHADE + (1.0 - SHADE) * open_to_sky)
    levels: NDArray[np.uint8] = np.clip(np.rint(colours * light[:, None] * 255.0), 0, 255).astype(np.uint8)
    return levels


def framed(places: NDArray[np.int64], levels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(side, side, 3): these levels at these places, numbered line by line, before the background."""
    picture = np.empty((side * side, 3), dtype=np.uint8)
    picture[:] = BACKGROUND
    picture[places] = levels
    return picture.reshape(side, side, 3)


def unpacked(content: bytes, side: int) -> NDArray[np.bool_]:
    """(side, side, side) by z, y, x: the voxels that a value of port type Solid holds. ValueError: not as many as it says."""
    if not 1 <= side <= MOST_SIDE or len(content) != (side**3 + 7) // 8:
        raise ValueError(f"a body of side {side} (at most {MOST_SIDE}) in {len(content)} bytes")
    return np.unpackbits(np.frombuffer(content, dtype=np.uint8), count=side**3).astype(np.bool_).reshape(side, side, side)


def packed(voxels: NDArray[np.bool_]) -> bytes:
    """The reverse of `unpacked`."""
    return np.packbits(voxels).tobytes()


MOST_SIDE = 128
