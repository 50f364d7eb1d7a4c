"""A capture: a head in a drawn pose and light, cut out around the face, as a camera with a depth sensor sees it; and a printed photo of it.

The frame is found as a face detector would: around eyes and chin, a little wrong. Depth is the distance from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from aibenchrt.datasets.draws import Rng
from aibenchrt.datasets.faces.heads import with_expression
from aibenchrt.datasets.faces.skin import Look, paint
from aibenchrt.datasets.rasteriser import Floats, across_sides, dot, foremost
from aibenchrt.datasets.sources.head_model import HeadModel

SIDE = 64  # pixels of a capture
FINE = 2 * SIDE  # pixels that colours are computed at
WIDER = 1.7  # the frame's side, in distances from the eyes to the chin
LEVEL = 0.1  # mm
STEP = 4  # between the levels of colour that are stored


@dataclass(frozen=True)
class Conditions:
    """How captures are made. yaw, pitch, roll: degrees, the largest to either side. expression: the largest weight. frame: of the errors
    of the frame's place and size, in parts of its side. distance: mm. ambient: range of the light from everywhere; sideways: the largest
    part of the light's direction that is not from the front; exposure: factor or divisor at most; tint: at most, by channel. grain: grey
    levels. rough: mm, the noise of the depth sensor at 400 mm; waves: mm of its slow errors; lost: the share of points it cannot measure.
    """

    yaw: float
    pitch: float
    roll: float
    expression: float
    frame: float
    distance: tuple[float, float]
    ambient: tuple[float, float]
    sideways: float
    exposure: float
    tint: float
    grain: float
    rough: float
    waves: float
    lost: float


@dataclass(frozen=True, eq=False)
class Seen:
    """colour: (SIDE, SIDE, 3) uint8. depth: (SIDE, SIDE) uint16, in LEVELs, 0 for nothing."""

    colour: NDArray[np.uint8]
    depth: NDArray[np.uint16]


def capture(model: HeadModel, rest: Floats, look: Look, how: Conditions, rng: Rng) -> Seen:
    """A person's face. rest: the head of `heads.person`."""
    angles = [float(rng.uniform(-most, most)) for most in (how.yaw, how.pitch, how.roll)]
    points = _turned(with_expression(model, rest, how.expression, rng), angles)
    distance = float(rng.uniform(*how.distance))
    eyes = (points[model.eyes[0]].mean(0) + points[model.eyes[1]].mean(0)) / 2
    chin = points[model.chin]
    length = math.sqrt(float(dot(eyes - chin, eyes - chin)))
    side = length * WIDER * (1.0 + float(rng.uniform(-how.frame, how.frame)))
    middle = eyes[:2] * 0.55 + chin[:2] * 0.45 + side * rng.uniform(-how.frame, how.frame, 2)
    flat = (points[:, :2] - middle) * (distance / (distance - points[:, 2:]))
    pixels = flat * np.array([FINE / side, -FINE / side]) + FINE / 2
    towards = _facing(pixels[model.corners])
    rows = np.flatnonzero(towards)
    places, hit, weights, near = foremost(pixels[model.corners[rows]], points[model.corners[rows], 2], FINE)
    triangle = rows[hit]
    colours = paint(look, _between(model.points, model.corners[triangle], weights), model.part[triangle])
    normals = _between(_normals(points, model.corners), model.corners[triangle], weights)
    colours *= _light(normals, how, rng)
    fine = np.full((FINE * FINE, 3), 1.0) * _background(rng)
    fine[places] = colours
    depth = np.zeros(FINE * FINE)
    depth[places] = distance - near
    return Seen(_developed(fine.reshape(FINE, FINE, 3), how, rng), _measured(depth.reshape(FINE, FINE)[::2, 1::2], how, rng))


def printed(seen: Seen, how: Conditions, rng: Rng) -> Seen:
    """A photo of `seen` on paper, held before the camera: its colours once more through a camera, and a plane."""
    picture = Image.fromarray(seen.colour)
    scale = 1.0 + float(rng.uniform(0.0, 0.08))
    larger = picture.resize((round(SIDE * scale),) * 2, Image.Resampling.BICUBIC)
    turned = larger.rotate(float(rng.uniform(-4.0, 4.0)), Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
    off = (turned.width - SIDE) // 2
    blurred = turned.crop((off, off, off + SIDE, off + SIDE)).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.7))))
    colours = np.asarray(blurred, dtype=np.float64) / 255
    colours = 0.5 + (colours - 0.5) * float(rng.uniform(0.8, 1.0)) + float(rng.uniform(-0.04, 0.04))
    shade = np.linspace(-1.0, 1.0, SIDE) * float(rng.uniform(-0.1, 0.1))
    colours *= (1.0 + shade)[None, :, None]
    across, up = (rng.uniform(-0.45, 0.45, 2) * 190.0 / SIDE).tolist()
    grid = np.arange(SIDE) - SIDE / 2
    plane = float(rng.uniform(*how.distance)) + across * grid[None, :] + up * grid[:, None]
    return Seen(_developed(colours, how, rng), _measured(plane, how, rng))


def _turned(points: Floats, angles: list[float]) -> Floats:
    """Yaw, then pitch, then roll around the middle of the head."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2] + 60.0
    (yc, ys), (pc, ps), (rc, rs) = ((round(math.cos(math.radians(a)), 9), round(math.sin(math.radians(a)), 9)) for a in angles)
    x, z = x * yc + z * ys, z * yc - x * ys
    y, z = y * pc - z * ps, z * pc + y * ps
    x, y = x * rc - y * rs, y * rc + x * rs
    return np.stack([x, y, z - 60.0], axis=1)


def _facing(corners: Floats) -> NDArray[np.bool_]:
    """Which triangles are seen from outside; y points down in pixels. corners: (m, 3, 2)."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    facing: NDArray[np.bool_] = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] < 0
    return facing


def _normals(points: Floats, corners: NDArray[np.int64]) -> Floats:
    """(n, 3) of unit length, the mean of the triangles around each point, the larger ones counting more."""
    across = across_sides(points[corners])
    sums = np.zeros_like(points)
    for axis in range(3):
        sums[:, axis] = np.bincount(corners.ravel(), np.repeat(across[:, axis], 3), len(points))
    return np.asarray(sums / np.maximum(np.sqrt(dot(sums, sums)), 1e-9)[:, None], dtype=np.float64)


def _between(values: Floats, corners: NDArray[np.int64], weights: Floats) -> Floats:
    """(k, 3) the values of three points, weighted."""
    mixed: Floats = (
        weights[:, :1] * values[corners[:, 0]] + weights[:, 1:2] * values[corners[:, 1]] + weights[:, 2:] * values[corners[:, 2]]
    )
    return mixed


def _light(normals: Floats, how: Conditions, rng: Rng) -> Floats:
    """(k, 3) factors: one light, and one from everywhere that is stronger from above."""
    x, y = rng.uniform(-how.sideways, how.sideways, 2).tolist()
    direction = np.array([x, 0.4 + y, 1.0])
    facing = np.clip(dot(normals, direction) / math.sqrt(float(dot(direction, direction))), 0.0, 1.0)
    ambient = float(rng.uniform(*how.ambient))
    light = ambient * (0.85 + 0.15 * normals[:, 1]) + (1.0 - ambient) * 1.15 * facing
    exposure = math.log(how.exposure)
    strength = math.exp(float(rng.uniform(-exposure, exposure)))
    return np.asarray(light[:, None] * strength * rng.uniform(1.0 - how.tint, 1.0 + how.tint, 3), dtype=np.float64)


def _background(rng: Rng) -> Floats:
    return np.asarray(float(rng.uniform(0.15, 0.85)) + rng.normal(0.0, 0.03, 3), dtype=np.float64)


def _developed(colours: Floats, how: Conditions, rng: Rng) -> NDArray[np.uint8]:
    """Brought to SIDE pixels, with the grain of the sensor."""
    if len(colours) == FINE:
        colours = (colours[::2, ::2] + colours[1::2, ::2] + colours[::2, 1::2] + colours[1::2, 1::2]) / 4
    levels = colours * 255 + rng.normal(0.0, how.grain, colours.shape)
    return np.asarray(np.clip(np.rint(levels / STEP) * STEP, 0, 255), dtype=np.uint8)


def _measured(depth: Floats, how: Conditions, rng: Rng) -> NDArray[np.uint16]:
    """mm → levels, as a depth sensor measures them: noise that grows with the square of the distance, slow errors, and gaps."""
    far = depth / 400.0
    waves = np.asarray(
        Image.fromarray(rng.normal(0.0, how.waves, (6, 6)).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    )
    noisy = depth + (rng.normal(0.0, how.rough, depth.shape) + waves) * far * far
    seen = (depth > 0) & (rng.random(depth.shape) >= how.lost)
    return np.where(seen, np.clip(np.rint(noisy / LEVEL), 1, 65535), 0).astype(np.uint16)
