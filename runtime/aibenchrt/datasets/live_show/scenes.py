"""A scene of the show: goods that swing before a wall, on which the camera pans. Frames are drawn when they are asked for.

    wall (double size) ─ crop by the pan ─▶ goods, each between two of its views ─▶ mean of 2 × 2 pixels ─▶ frame

All sums are of integers, so that a seed gives the same frames on any processor; halves of pixels move smoothly enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng

WIDTH, HEIGHT = 96, 64  # of a frame
SPRITE = 80  # side of a view of goods, in half pixels
WALL = (176, 256)  # height and width of a wall, in half pixels
VIEWS = 13  # of goods in a scene, from one side to the other
SWING = 50.0  # degrees to either side
PITCH = 15.0  # degrees by which the camera looks down on them

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Wave:
    """Moves to and fro: middle + reach * sin(2 π frame / period + phase)."""

    middle: float
    reach: float
    period: float
    phase: float

    def at(self, frame: int) -> float:
        return self.middle + self.reach * round(math.sin(2 * math.pi * frame / self.period + self.phase), 9)


@dataclass(frozen=True)
class Actor:
    """Goods in a scene. first: row of the first of their VIEWS sprites. x, y: of their middle, in half pixels of the frame. turn: between
    the views, in [0, VIEWS - 1]."""

    item_id: int
    first: int
    x: Wave
    y: Wave
    turn: Wave


@dataclass(frozen=True)
class Scene:
    """wall: its row. pan_x, pan_y: of the frame's upper left corner on the wall. actors: from behind to the front."""

    split: str
    wall: int
    pan_x: Wave
    pan_y: Wave
    actors: tuple[Actor, ...]


def drawn_scene(split: str, wall: int, goods: Sequence[tuple[int, int]], rng: Rng) -> Scene:
    """A scene of these goods, given as (item id, row of the first sprite), side by side."""
    place = 2 * WIDTH / len(goods)
    actors = tuple(
        Actor(
            item_id,
            first,
            _wave(place * (number + 0.5), place * 0.25, (60, 160), rng),
            _wave(HEIGHT + float(rng.uniform(-8, 12)), 10.0, (40, 120), rng),
            _wave((VIEWS - 1) / 2, (VIEWS - 1) / 2, (70, 200), rng),
        )
        for number, (item_id, first) in enumerate(goods)
    )
    room_y, room_x = WALL[0] - 2 * HEIGHT, WALL[1] - 2 * WIDTH
    return Scene(split, wall, _wave(room_x / 2, room_x / 2, (150, 400), rng), _wave(room_y / 2, room_y / 2, (150, 400), rng), actors)


def _wave(middle: float, most: float, periods: tuple[int, int], rng: Rng) -> Wave:
    reach, period, phase = most * float(rng.uniform(0.5, 1.0)), float(rng.uniform(*periods)), float(rng.uniform(0, 2 * math.pi))
    return Wave(round(middle, 6), round(reach, 6), round(period, 6), round(phase, 6))


def drawn_frame(scene: Scene, number: int, wall: Picture, sprites: Sequence[Picture]) -> Picture:
    """(HEIGHT, WIDTH, 3). wall: (*WALL, 3). sprites: of all actors, in order, each VIEWS of (SPRITE, SPRITE, 4)."""
    left, top = round(scene.pan_x.at(number)), round(scene.pan_y.at(number))
    shown = wall[top : top + 2 * HEIGHT, left : left + 2 * WIDTH].astype(np.int32)
    for place, actor in enumerate(scene.actors):
        turn = round(256 * actor.turn.at(number))
        low = min(max(turn // 256, 0), VIEWS - 2)
        views = sprites[place * VIEWS + low], sprites[place * VIEWS + low + 1]
        _paste(shown, views, turn - 256 * low, round(actor.x.at(number)) - SPRITE // 2, round(actor.y.at(number)) - SPRITE // 2)
    frame: Picture = ((shown.reshape(HEIGHT, 2, WIDTH, 2, 3).sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)
    return frame


def _paste(shown: NDArray[np.int32], views: tuple[Picture, Picture], share: int, left: int, top: int) -> None:
    """Puts what lies between two views, share / 256 of the second, over what is there, cut off at the frame."""
    height, width = shown.shape[:2]
    rows, columns = slice(max(top, 0), min(top + SPRITE, height)), slice(max(left, 0), min(left + SPRITE, width))
    part = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    one, two = (view[part].astype(np.int32) for view in views)
    alpha_one, alpha_two = one[:, :, 3:] * (256 - share), two[:, :, 3:] * share
    alpha = (alpha_one + alpha_two) >> 8
    colour = (one[:, :, :3] * alpha_one + two[:, :, :3] * alpha_two) >> 8
    under = shown[rows, columns]
    under[:] = (under * (255 - alpha) + colour + 127) // 255
