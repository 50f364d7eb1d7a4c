"""A small world of pictures of things: three classes that differ in colour and shape, before white. Seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.rows import Provenance
from aibenchrt.serve.pictures import colour_pixels
from numpy.typing import NDArray

SIDE = 32
COLOURS = ((0.8, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.3, 0.8))


@dataclass(frozen=True)
class View:
    png: bytes
    item_id: int
    label: int


class ColouredThings:
    """Red discs, green bars and blue rings, of any size and not quite in the middle; each thing is seen several times."""

    variant, seed = "synthetic", 7
    version = "c0104ed" + "0" * 57
    provenance = (Provenance("things", "composed", "discs, bars and rings, seeded", "Apache-2.0"),)
    categories = ("disc", "bar", "ring")

    def __init__(self, things: int = 24, views: int = 4) -> None:
        self._counts = {"train": things, "validation": max(4, things // 4), "test": max(4, things // 3)}
        self._views = views

    def views(self, split: str) -> Sequence[View]:
        """As many views of each thing, the classes in turn."""
        first = {"train": 0, "validation": 1000, "test": 2000}[split]
        shown = []
        for number in range(3 * self._counts[split]):
            rng = np.random.default_rng([7, first + number])
            light = rng.uniform(0.8, 1.2)
            for _ in range(self._views):
                shown.append(View(colour_png(drawn(number % 3, light, rng)), first + number, number % 3))
        return shown

    @staticmethod
    def pixels(view: View) -> NDArray[np.uint8]:
        return colour_pixels(view.png, SIDE)


def drawn(label: int, light: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 3)."""
    across, down = np.meshgrid(np.arange(SIDE) - SIDE / 2 + rng.normal(0, 2), np.arange(SIDE) - SIDE / 2 + rng.normal(0, 2))
    size, away = rng.uniform(7, 12), np.hypot(across, down)
    inside = (away < size, (abs(across) < size / 3) & (abs(down) < 1.2 * size), (away < size) & (away > size / 2))[label]
    picture = np.ones((SIDE, SIDE, 3))
    picture[inside] = np.array(COLOURS[label]) * light
    levels: NDArray[np.uint8] = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return levels
