"""A z-buffer in numpy: one solid, seen from a side, as a picture with an alpha channel. It draws neither shadows nor reflections.

Sums are spelt out instead of matrix products, and sines are rounded, so that a seed gives the same bytes with any BLAS and processor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CANDIDATES = 1 << 19  # pixels that are tried at once, which bounds the memory
DISTANCE = 3.2  # of the camera from the middle, in radii of the solid
INVISIBLE = 0.05  # a surface of lower opacity is left out


@dataclass(frozen=True, eq=False)
class Surface:
    """What triangles are made of. colour: red, green, blue in [0, 1]; opacity in [0, 1]; texture: (height, width, 3) uint8, instead of the
    colour."""

    colour: tuple[float, float, float]
    opacity: float = 1.0
    texture: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Solid:
    """points: (n, 3), x to the right, y up, z to the viewer. corners: (m, 3), rows of points. uv: (m, 3, 2), places in a texture, v up.

    surface: (m,), each triangle's index in surfaces.
    """

    points: Floats
    corners: Ints
    uv: Floats
    surface: Ints
    surfaces: tuple[Surface, ...]

    def areas(self) -> Floats:
        """(m,) the area of each triangle."""
        across = across_sides(self.points[self.corners])
        return 0.5 * np.sqrt(dot(across, across))


@dataclass(frozen=True)
class Light:
    """direction: to the light, of any length, in the camera's axes. ambient: the part in [0, 1] that comes from everywhere. tint: factors
    of red, green and blue."""

    direction: tuple[float, float, float]
    ambient: float = 0.5
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def view(solid: Solid, yaw: float, pitch: float, light: Light, size: int) -> NDArray[np.uint8]:
    """(size, size, 4) uint8, red, green, blue and alpha: the solid in perspective, as large as the frame allows; without it, all zero.

    yaw: degrees by which the solid is turned to the right; pitch: degrees by which the camera looks down.
    """
    opacity = np.array([surface.opacity for surface in solid.surfaces])[solid.surface]
    seen = np.flatnonzero(opacity > INVISIBLE)
    picture = np.zeros((size * size, 4), dtype=np.float64)
    if len(seen):
        triangles = _turned(_centred(solid.points), yaw, pitch)[solid.corners[seen]]
        pixels, lit = _framed(triangles, size), _lit(triangles, light)
        nearest = np.full(size * size, -np.inf)
        opaque = opacity[seen] >= 1.0
        for rows in (np.flatnonzero(opaque), np.flatnonzero(~opaque)):  # then the nearest of what one sees through, where it is in front
            places, hit, weights, depth = foremost(pixels[rows], triangles[rows, :, 2], size)
            front = depth > nearest[places]
            places, hit, weights = places[front], rows[hit[front]], weights[front]
            nearest[places] = depth[front]
            colours = _colours(solid, seen[hit], weights) * lit[hit]
            _paint(picture, places, colours, opacity[seen[hit]])
    picture[:, :3] *= np.array(light.tint)
    levels: NDArray[np.uint8] = np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)
    return levels.reshape(size, size, 4)


def _paint(picture: Floats, places: Ints, colours: Floats, share: Floats) -> None:
    """Colours over what is there; alpha is straight, not multiplied in."""
    under = picture[places, 3] * (1 - share)
    alpha = share + under
    picture[places, :3] = (colours * share[:, None] + picture[places, :3] * under[:, None]) / alpha[:, None]
    picture[places, 3] = alpha


def _centred(points: Floats) -> Floats:
    """The points around the middle of their box, whose half diagonal becomes 1."""
    low, high = points.min(0), points.max(0)
    half = high / 2 - low / 2
    centred: Floats = (points - (low + half)) / max(float(np.sqrt(dot(half, half))), 1e-9)
    return centred


def _turned(points: Floats, yaw: float, pitch: float) -> Floats:
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    cosine, sine = _cosine_and_sine(yaw)
    x, z = x * cosine + z * sine, z * cosine - x * sine
    cosine, sine = _cosine_and_sine(pitch)
    y, z = y * cosine - z * sine, z * cosine + y * sine
    return np.stack([x, y, z], axis=1)


def _cosine_and_sine(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


def _framed(triangles: Floats, size: int) -> Floats:
    """(m, 3, 3) corners → (m, 3, 2) places in pixels, x to the right, y down, one pixel from the frame at the nearest."""
    places = triangles[:, :, :2] / (DISTANCE - triangles[:, :, 2:])
    low, high = places.min((0, 1)), places.max((0, 1))
    scale = (size - 2) / max(float((high - low).max()), 1e-9)
    framed: Floats = (places - (low + high) / 2) * np.array([scale, -scale]) + size / 2
    return framed


def _lit(triangles: Floats, light: Light) -> Floats:
    """(m, 1) the light that each triangle throws back; both of its sides are alike, since models order corners either way."""
    across = across_sides(triangles)
    direction = np.array(light.direction)
    length = np.sqrt(dot(across, across) * dot(direction, direction))
    facing = np.abs(dot(across, direction)) / np.maximum(length, 1e-12)
    lit: Floats = (light.ambient + (1 - light.ambient) * facing)[:, None]
    return lit


def _colours(solid: Solid, hit: Ints, weights: Floats) -> Floats:
    """(k, 3) the unlit colours of points on triangles. weights: (k, 3), barycentric."""
    kind = solid.surface[hit]
    colours: Floats = np.array([surface.colour for surface in solid.surfaces])[kind]
    uv = weights[:, :1] * solid.uv[hit, 0] + weights[:, 1:2] * solid.uv[hit, 1] + weights[:, 2:] * solid.uv[hit, 2]
    for number in np.unique(kind):
        texture = solid.surfaces[number].texture
        if texture is not None:
            own = np.flatnonzero(kind == number)
            height, width = texture.shape[:2]
            columns = np.minimum(np.mod(uv[own, 0], 1.0) * width, width - 1).astype(np.int64)
            lines = np.minimum(np.mod(-uv[own, 1], 1.0) * height, height - 1).astype(np.int64)
            colours[own] = texture[lines, columns] / 255.0
    return colours


def foremost(pixels: Floats, depth: Floats, size: int) -> tuple[Ints, Ints, Floats, Floats]:
    """The triangle nearest to the camera at each pixel that one covers: pixels (k,), triangles (k,), weights (k, 3), depths (k,).

    pixels: (m, 3, 2); depth: (m, 3), larger is nearer.
    """
    buffer, winner, weight = np.full(size * size, -np.inf), np.full(size * size, -1), np.zeros((size * size, 3))
    low = np.clip(np.ceil(pixels.min(1) - 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(pixels.max(1) - 0.5), -1, size - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    tried = extent[:, 0] * extent[:, 1]
    ends = np.cumsum(tried)
    start = 0
    while start < len(tried):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + CANDIDATES, side="right")))
        triangle = np.repeat(np.arange(start, stop), tried[start:stop])
        place = np.arange(len(triangle)) - np.repeat(ends[start:stop] - tried[start:stop] - before, tried[start:stop])
        x, y = low[triangle, 0] + place % extent[triangle, 0], low[triangle, 1] + place // extent[triangle, 0]
        inside, weights = _barycentric(pixels[triangle], x + 0.5, y + 0.5)
        triangle, weights, spot = triangle[inside], weights[inside], (y * size + x)[inside]
        found = weights[:, 0] * depth[triangle, 0] + weights[:, 1] * depth[triangle, 1] + weights[:, 2] * depth[triangle, 2]
        order = np.lexsort((-triangle, found, spot))  # the last of each pixel is its nearest; of equal ones the first triangle
        last = order[np.append(spot[order][1:] != spot[order][:-1], True)] if len(order) else order
        last = last[found[last] > buffer[spot[last]]]
        buffer[spot[last]], winner[spot[last]], weight[spot[last]] = found[last], triangle[last], weights[last]
        start = stop
    places = np.flatnonzero(winner >= 0)
    return places, winner[places], weight[places], buffer[places]


def _barycentric(corners: Floats, x: Floats, y: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each point lies in its triangle, and its weights (k, 3). Triangles without an area contain nothing."""
    (ax, ay), (bx, by), (cx, cy) = ((corners[:, n, 0], corners[:, n, 1]) for n in range(3))
    whole = np.asarray((bx - ax) * (cy - ay) - (cx - ax) * (by - ay), dtype=np.float64)
    some = np.abs(whole) > 1e-12
    safe = np.where(some, whole, 1.0)
    second = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / safe
    third = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / safe
    weights = np.stack([1 - second - third, second, third], axis=1)
    return some & (weights >= 0).all(1), weights


def across_sides(triangles: Floats) -> Floats:
    """(m, 3) the cross product of two sides."""
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return np.stack(
        [
            one[:, 1] * two[:, 2] - one[:, 2] * two[:, 1],
            one[:, 2] * two[:, 0] - one[:, 0] * two[:, 2],
            one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0],
        ],
        axis=1,
    )


def dot(one: Floats, two: Floats) -> Floats:
    return np.asarray(one[..., 0] * two[..., 0] + one[..., 1] * two[..., 1] + one[..., 2] * two[..., 2], dtype=np.float64)
