"""A world of drawn faces in memory, of a few persons: ellipses with spots and bumps of their own, each capture moved, lit and noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.depth_png import depth_png

SIDE = 64
PERSONS = {"train": range(100, 116), "validation": range(200, 208), "test": range(300, 310)}
AWAY = 4000.0  # levels of 0.1 mm from the camera to the nose


@dataclass(frozen=True)
class Capture:
    png: bytes
    depth: bytes
    person: int


@dataclass(frozen=True)
class TinyFaces:
    """A world with faces and their enrolment. each: captures of a person. clear: how much the persons differ."""

    each: int = 12
    clear: float = 1.0
    variant: str = "synthetic"
    version: str = "tiny"
    provenance: tuple[object, ...] = field(default=())

    def faces(self, split: str) -> Sequence[Capture]:
        return [self._capture(person, shot) for person in PERSONS[split] for shot in range(self.each)]

    def enrolled(self, split: str) -> Sequence[Capture]:
        return [self._capture(person, 1000 + shot, mild=0.5) for person in PERSONS[split] for shot in range(3)]

    def printed(self, split: str) -> Sequence[Capture]:
        flat = depth_png(np.full((SIDE, SIDE), round(AWAY), dtype=np.uint16))
        return [Capture(self._capture(person, 2000).png, flat, person) for person in PERSONS[split]]

    def _capture(self, person: int, shot: int, mild: float = 1.0) -> Capture:
        own, rng = np.random.default_rng(person), np.random.default_rng([person, shot])
        down, across = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j] - (0.08 * mild * rng.normal(size=2))[:, None, None]
        away = (across / 0.7) ** 2 + (down / 0.9) ** 2
        height, colour = 500 * np.sqrt(np.clip(1 - away, 0, None)), np.full((SIDE, SIDE, 3), 0.6)
        for _ in range(6):  # spots and bumps
            place, size, lifted, shade = own.uniform(-0.5, 0.5, 2), own.uniform(0.1, 0.25), own.normal(), own.normal(size=3)
            spot = np.exp(-((across - place[0]) ** 2 + (down - place[1]) ** 2) / (2 * size**2))
            height += 80 * self.clear * lifted * spot
            colour += 0.15 * self.clear * shade * spot[:, :, None]
        lit = colour * (1 + 0.15 * mild * rng.normal()) + 0.02 * rng.normal(size=colour.shape)
        levels = np.where(away < 1, AWAY + 500 - height + 5 * rng.normal(size=height.shape), 0)
        shown = np.where(away[:, :, None] < 1, lit, 0.2)
        return Capture(colour_png(np.clip(255 * shown, 0, 255).astype(np.uint8)), depth_png(np.rint(levels).astype(np.uint16)), person)
