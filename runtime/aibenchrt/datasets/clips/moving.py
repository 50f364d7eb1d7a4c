"""Moving scenes: a camera that wanders over a picture, and, in composed scenes, things that move before clouds of colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.draws import Rng

Picture = NDArray[np.uint8]
_ROUGH = (5, 8)  # cells of a cloud's sides, at least and below


@dataclass(frozen=True)
class Thing:
    """A disc or a rectangle. place, speed: of its middle, in pixels, and a frame. half: of its sides, down and across. colour: of its
    texture's darkest and brightest part."""

    place: NDArray[np.float64]
    speed: NDArray[np.float64]
    half: tuple[float, float]
    round: bool
    texture: Picture


def wandered(picture: Picture, width: int, height: int, count: int, rng: Rng) -> Iterator[Picture]:
    """`count` frames of (height, width, 3): a part of the picture that moves, and grows or shrinks, slowly and evenly.

    picture: (rows, columns, 3), at least as large as a frame. The part is within the picture throughout.
    """
    rows, columns, _ = picture.shape
    largest = min(rows / height, columns / width)
    scales = np.sort(rng.uniform(min(1.0, largest), min(largest, 3.0), 2))
    begin, end = (float(scale) for scale in (scales if rng.random() < 0.5 else scales[::-1]))
    travel = 1.5 * count * begin  # pixels of the picture: at most about one and a half of a frame each
    first = _corner(rows, columns, height * begin, width * begin, rng)
    last = first + np.clip(_corner(rows, columns, height * end, width * end, rng) - first, -travel, travel)
    whole = Image.fromarray(picture)
    for part in np.linspace(0.0, 1.0, count):
        scale = begin + (end - begin) * part
        room = np.array([rows - height * scale, columns - width * scale])
        top, left = np.clip(first + (last - first) * part, 0.0, np.maximum(room, 0.0))
        box = (left, top, min(left + width * scale, columns), min(top + height * scale, rows))
        yield np.asarray(whole.resize((width, height), Image.Resampling.BILINEAR, box), dtype=np.uint8)


def composed(width: int, height: int, count: int, rng: Rng) -> Iterator[Picture]:
    """`count` frames of (height, width, 3): three to five things that cross clouds of colour, and turn back at the edges."""
    behind = clouds(width * 3 // 2, height * 3 // 2, rng)
    camera = wandered(behind, width, height, count, rng)
    things = [_thing(width, height, rng) for _ in range(int(rng.integers(3, 6)))]
    for number, background in enumerate(camera):
        frame = background.astype(np.float64)
        for thing in things:
            _draw(frame, thing, number)
        yield np.rint(frame).astype(np.uint8)


def clouds(width: int, height: int, rng: Rng) -> Picture:
    """(height, width, 3), soft patches of drawn colours."""
    cells = (*rng.integers(*_ROUGH, 2), 3)
    rough = rng.integers(30, 226, cells, dtype=np.uint8)
    return np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def _corner(rows: int, columns: int, high: float, wide: float, rng: Rng) -> NDArray[np.float64]:
    corner: NDArray[np.float64] = rng.uniform(0.0, 1.0, 2) * np.maximum([rows - high, columns - wide], 0.0)
    return corner


def _thing(width: int, height: int, rng: Rng) -> Thing:
    angle, pace = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 2.0)
    half = (float(rng.uniform(4, height / 6)), float(rng.uniform(4, width / 6)))
    rounded = bool(rng.random() < 0.5)
    half = (half[0], half[0]) if rounded else half
    speed = pace * np.array([np.sin(angle), np.cos(angle)])
    texture = clouds(2 * int(half[1]) + 3, 2 * int(half[0]) + 3, rng)
    return Thing(rng.uniform(0.2, 0.8, 2) * [height, width], speed, half, rounded, texture)


def _draw(frame: NDArray[np.float64], thing: Thing, number: int) -> None:
    """Adds the thing as it is in frame `number`; its edge is a pixel wide."""
    height, width, _ = frame.shape
    middle = _turning_back(thing.place + number * thing.speed, np.array([height, width], dtype=np.float64))
    down, across = np.arange(height)[:, None] - middle[0], np.arange(width)[None, :] - middle[1]
    if thing.round:
        inside = thing.half[0] - np.hypot(down, across)
    else:
        inside = np.minimum(thing.half[0] - np.abs(down), thing.half[1] - np.abs(across))
    share = np.clip(inside + 0.5, 0.0, 1.0)[:, :, None]
    rows, columns, _ = thing.texture.shape
    row = np.clip(np.rint(down + rows / 2).astype(np.int64), 0, rows - 1)
    column = np.clip(np.rint(across + columns / 2).astype(np.int64), 0, columns - 1)
    frame += share * (thing.texture[row, column] - frame)


def _turning_back(place: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where what moves on evenly is between 0 and size, if it turns back at both."""
    past = np.mod(place, 2 * size)
    between: NDArray[np.float64] = np.where(past > size, 2 * size - past, past)
    return between
