"""Furniture without a source: solids of boxes and cylinders, six nouns, each model drawn by seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.rasteriser import Floats, Ints, Solid, Surface

SIDES = 12  # of a cylinder
PAINTS = {
    "black": (0.08, 0.08, 0.08), "grey": (0.5, 0.5, 0.5), "white": (0.95, 0.95, 0.95), "red": (0.8, 0.1, 0.1), "yellow": (0.9, 0.85, 0.1),
    "green": (0.15, 0.6, 0.2), "blue": (0.15, 0.3, 0.8), "purple": (0.5, 0.15, 0.6),
}  # fmt: skip
WOODS = ((0.55, 0.35, 0.18), (0.42, 0.26, 0.12), (0.8, 0.65, 0.45))
MATERIALS = ("wooden", "metal", "plastic")


@dataclass(frozen=True)
class Part:
    """A box or cylinder: middle and extent in cm, y up. top: a cylinder's upper radius in parts of its lower one; None of a box. main: in
    the colour of the whole, otherwise in that of its legs."""

    middle: tuple[float, float, float]
    extent: tuple[float, float, float]
    top: float | None = None
    main: bool = True


@dataclass(frozen=True, eq=False)
class Piece:
    """A made model; names as in `FurnitureModel`."""

    noun: str
    material: str
    solid: Solid


def pieces(each: int, seed: int) -> Iterator[Piece]:
    """`each` models of each noun."""
    for noun, build in BUILT.items():
        rng = rng_of(seed, f"solids of {noun}")
        for _ in range(each):
            material = choose(MATERIALS, rng)
            paint = choose(WOODS, rng) if material == "wooden" else PAINTS[choose(tuple(PAINTS), rng)]
            legs = choose(WOODS, rng) if rng.random() < 0.5 else PAINTS[choose(("black", "grey", "white"), rng)]
            surfaces = (Surface(paint, 1.0, _grain(paint, rng) if material == "wooden" else None), Surface(legs))
            yield Piece(noun, material, _solid(build(rng), surfaces))


def _table(rng: Rng) -> list[Part]:
    wide, deep, high, thick = rng.uniform(80, 180), rng.uniform(60, 90), rng.uniform(45, 78), rng.uniform(3, 9)
    top = Part((0, high, 0), (wide, thick, deep), 1.0 if rng.random() < 0.3 else None)
    return [top, *_legs(wide * 0.7, high, deep * 0.7, rng)]


def _chair(rng: Rng) -> list[Part]:
    wide, high, back = rng.uniform(38, 60), rng.uniform(40, 52), rng.uniform(35, 65)
    seat = Part((0, high, 0), (wide, rng.uniform(4, 14), wide))
    upright = Part((0, high + back / 2, -wide / 2), (wide * rng.uniform(0.7, 1.0), back, 5))
    arms = [Part((side * wide / 2, high + 14, 0), (5, 24, wide)) for side in (-1, 1)] if rng.random() < 0.4 else []
    return [seat, upright, *arms, *_legs(wide * 0.85, high, wide * 0.85, rng)]


def _lamp(rng: Rng) -> list[Part]:
    high, wide, shade = rng.uniform(40, 150), rng.uniform(25, 50), rng.uniform(20, 40)
    return [
        Part((0, 2, 0), (wide * 0.7, 4, wide * 0.7), 1.0, main=False),
        Part((0, high / 2, 0), (4, high, 4), 1.0, main=False),
        Part((0, high + shade / 2, 0), (wide, shade, wide), rng.uniform(0.3, 0.9)),
    ]


def _shelf(rng: Rng) -> list[Part]:
    wide, high, deep, boards = rng.uniform(60, 120), rng.uniform(90, 200), rng.uniform(25, 40), int(rng.integers(3, 7))
    sides = [Part((side * wide / 2, high / 2, 0), (4, high, deep)) for side in (-1, 1)]
    return [*sides, *(Part((0, 2 + k * (high - 4) / (boards - 1), 0), (wide, 4, deep)) for k in range(boards))]


def _sofa(rng: Rng) -> list[Part]:
    wide, deep, high, back = rng.uniform(130, 220), rng.uniform(75, 95), rng.uniform(32, 45), rng.uniform(30, 50)
    arms = [Part((side * (wide / 2 - 8), high + 8, 0), (16, 24, deep)) for side in (-1, 1)]
    return [
        Part((0, high / 2 + 5, 0), (wide, high - 10, deep)),
        Part((0, high + back / 2, -deep / 2 + 9), (wide, back, 18)),
        *arms,
        *_legs(wide * 0.9, 10, deep * 0.8, rng),
    ]


def _vessel(rng: Rng) -> list[Part]:
    wide, high, neck = rng.uniform(12, 30), rng.uniform(15, 45), rng.uniform(0.25, 0.9)
    return [
        Part((0, high / 2, 0), (wide, high, wide), neck),
        Part((0, high + 3, 0), (wide * neck, 8, wide * neck), rng.uniform(0.9, 1.9), main=rng.random() < 0.6),
    ]


def _legs(wide: float, high: float, deep: float, rng: Rng) -> list[Part]:
    thick, round_ = rng.uniform(3, 8), rng.random() < 0.5
    return [
        Part((x * wide / 2, high / 2, z * deep / 2), (thick, high, thick), 1.0 if round_ else None, main=False)
        for x in (-1, 1)
        for z in (-1, 1)
    ]


BUILT: dict[str, Callable[[Rng], list[Part]]] = {
    "chair": _chair, "lamp": _lamp, "shelf": _shelf, "sofa": _sofa, "table": _table, "vessel": _vessel,
}  # fmt: skip
NOUNS = tuple(BUILT)


def _solid(parts: list[Part], surfaces: tuple[Surface, ...]) -> Solid:
    points, corners, surface = [], [], []
    before = 0
    for part in parts:
        own, faces = _box() if part.top is None else _cylinder(part.top)
        points.append(np.array(part.middle) + own * np.array(part.extent))
        corners.append(faces + before)
        surface.append(np.full(len(faces), 0 if part.main else 1))
        before += len(own)
    every = np.concatenate(corners)
    whole = np.concatenate(points)
    # Wood runs across: texture coordinates follow height and width, half a metre a picture.
    uv = whole[:, :2][every] / 50.0
    return Solid(whole, every, uv, np.concatenate(surface), surfaces)


def _box() -> tuple[Floats, Ints]:
    points = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    squares = ((0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5))
    return points, np.array([corner for a, b, c, d in squares for corner in ((a, b, c), (a, c, d))], dtype=np.int64)


def _cylinder(top: float) -> tuple[Floats, Ints]:
    angles = [2 * math.pi * k / SIDES for k in range(SIDES)]
    rims = [
        (round(radius * math.cos(angle), 9), y, round(radius * math.sin(angle), 9))
        for y, radius in ((-0.5, 0.5), (0.5, 0.5 * top))
        for angle in angles
    ]
    faces = []
    for k in range(SIDES):
        after = (k + 1) % SIDES
        faces += [(k, after, SIDES + k), (after, SIDES + after, SIDES + k)]
        faces += [(2 * SIDES, k, after), (2 * SIDES + 1, SIDES + k, SIDES + after)]
    return np.array([*rims, (0, -0.5, 0), (0, 0.5, 0)], dtype=np.float64), np.array(faces, dtype=np.int64)


def _grain(colour: tuple[float, float, float], rng: Rng) -> NDArray[np.uint8]:
    """A (32, 32, 3) picture of wood: lines of that colour, lighter and darker."""
    lines = rng.uniform(0.75, 1.2, (32, 1, 1)) + rng.uniform(-0.05, 0.05, (32, 32, 1))
    wood: NDArray[np.uint8] = np.clip(np.rint(lines * np.array(colour) * 255), 0, 255).astype(np.uint8)
    return wood
