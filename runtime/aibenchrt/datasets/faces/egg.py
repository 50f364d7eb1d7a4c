"""Synthetic heads: an ellipsoid with a nose, brows, lips and a chin, whose shape and expressions are smooth bumps. Needs no data."""

from __future__ import annotations

import numpy as np

from aibenchrt.datasets.rasteriser import Floats, Ints
from aibenchrt.datasets.sources.head_model import LEFT_EYE, RIGHT_EYE, SKIN, Axis, Displacement, HeadModel

MIDDLE, RADII = (0.0, -8.0, -58.0), (74.0, 108.0, 84.0)  # mm
LINES, COLUMNS = 44, 48
EYE, EYE_RADIUS = 30.8, 13.0
# Name → middle (x on both sides, y), radii in x and y, and the displacement at weight 1, in mm; x is outwards.
_SHAPES = {
    "nose length": ((0.0, -38.0), (14.0, 22.0), (0.0, 0.0, 9.0)),
    "nose width": ((12.0, -42.0), (12.0, 14.0), (6.0, 0.0, 3.0)),
    "nose bridge": ((0.0, -8.0), (12.0, 24.0), (0.0, 0.0, 6.0)),
    "brow": ((28.0, 26.0), (32.0, 16.0), (0.0, 0.0, 6.0)),
    "cheek": ((42.0, -30.0), (28.0, 26.0), (5.0, 0.0, 7.0)),
    "jaw": ((52.0, -78.0), (34.0, 40.0), (10.0, 0.0, 4.0)),
    "chin": ((0.0, -104.0), (30.0, 26.0), (0.0, -5.0, 9.0)),
    "lips": ((0.0, -68.0), (28.0, 18.0), (0.0, 0.0, 6.0)),
    "forehead": ((0.0, 62.0), (60.0, 46.0), (0.0, 0.0, 9.0)),
    "temples": ((66.0, 36.0), (34.0, 50.0), (9.0, 0.0, 0.0)),
    "sockets": ((30.8, 0.0), (24.0, 20.0), (0.0, 0.0, 6.0)),
    "face width": ((60.0, -20.0), (60.0, 110.0), (8.0, 0.0, 0.0)),
}
_EXPRESSIONS = {
    "smile": ((28.0, -66.0), (22.0, 22.0), (3.0, 5.0, 0.0)),
    "pout": ((0.0, -68.0), (26.0, 18.0), (0.0, 0.0, 6.0)),
    "puff": ((44.0, -56.0), (26.0, 26.0), (6.0, 0.0, 6.0)),
    "frown": ((20.0, 26.0), (26.0, 14.0), (-2.0, -4.0, 2.0)),
    "chin up": ((0.0, -98.0), (32.0, 26.0), (0.0, 5.0, 0.0)),
}
_AT_REST = (("nose length", 1.6), ("nose bridge", 1.0), ("brow", 0.8), ("lips", 0.8), ("chin", 0.6), ("sockets", -1.0))


def egg() -> HeadModel:
    """The model; persons differ by 12 shapes."""
    skin, corners = _ellipsoid(MIDDLE, RADII, LINES, COLUMNS)
    for name, weight in _AT_REST:
        bump = _bump(skin, *_SHAPES[name])
        skin[bump.rows] += weight * bump.by
    points, part, eyes = [skin], [np.full(len(corners), SKIN, dtype=np.int8)], []
    triangles = [corners]
    for number, x in ((LEFT_EYE, EYE), (RIGHT_EYE, -EYE)):
        start = sum(map(len, points))
        ball, own = _ellipsoid((x, 0.0, _surface(skin, x) - EYE_RADIUS + 3.0), (EYE_RADIUS,) * 3, 10, 12)
        points.append(ball)
        triangles.append(own + start)
        part.append(np.full(len(own), number, dtype=np.int8))
        eyes.append(np.arange(start, start + len(ball)))
    whole = np.concatenate(points)
    front = np.flatnonzero((np.abs(skin[:, 0]) < 5.0) & (skin[:, 1] < -95.0))
    chin = int(front[np.argmax(skin[front, 2])])
    shapes = tuple(_axis(name, whole, both=True) for name in _SHAPES)
    expressions = tuple(_axis(name, whole, both=False) for name in _EXPRESSIONS)
    return HeadModel(whole, np.concatenate(triangles), np.concatenate(part), (eyes[0], eyes[1]), chin, (), shapes, expressions)


def _axis(name: str, points: Floats, *, both: bool) -> Axis:
    bump = _bump(points, *(_SHAPES | _EXPRESSIONS)[name])
    return Axis(name, (bump,), (Displacement(bump.rows, -bump.by),) if both else ())


def _bump(points: Floats, middle: tuple[float, float], radii: tuple[float, float], by: tuple[float, float, float]) -> Displacement:
    """A smooth displacement of the front around a place on both sides."""
    x, y = (np.abs(points[:, 0]) - middle[0]) / radii[0], (points[:, 1] - middle[1]) / radii[1]
    inside = np.clip(1.0 - np.sqrt(x * x + y * y), 0.0, 1.0)
    weight = np.where(points[:, 2] > MIDDLE[2], inside * inside * (3.0 - 2.0 * inside), 0.0)
    rows = np.flatnonzero(weight)
    sides = np.sign(points[rows, 0])
    moved = np.stack([by[0] * sides, np.full(len(rows), by[1]), np.full(len(rows), by[2])], axis=1)
    return Displacement(rows, moved * weight[rows, None])


def _surface(points: Floats, x: float) -> float:
    """How far the face reaches to the viewer beside the nose at the height of the eyes."""
    off = (points[:, 0] - x) * (points[:, 0] - x) + points[:, 1] * points[:, 1] + np.where(points[:, 2] > MIDDLE[2], 0.0, 1e6)
    return float(points[int(np.argmin(off)), 2])


def _ellipsoid(middle: tuple[float, float, float], radii: tuple[float, float, float], lines: int, columns: int) -> tuple[Floats, Ints]:
    """Points (n, 3) and triangles, anticlockwise from outside."""
    down = np.linspace(0.02, np.pi - 0.02, lines)[:, None]
    round_ = np.linspace(0.0, 2 * np.pi, columns, endpoint=False)[None, :]
    unit = np.stack([np.sin(down) * np.sin(round_), np.cos(down) + 0 * round_, np.sin(down) * np.cos(round_)], axis=2)
    points = np.round(unit, 9).reshape(-1, 3) * np.array(radii) + np.array(middle)
    line, column = np.meshgrid(np.arange(lines - 1), np.arange(columns), indexing="ij")
    here, right = line * columns + column, line * columns + (column + 1) % columns
    below, across = here + columns, right + columns
    quads = np.stack([here, below, across, right], axis=2).reshape(-1, 4)
    return points, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
