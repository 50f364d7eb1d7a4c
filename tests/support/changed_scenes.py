"""A small world of pictures before and after a change: drawn scenes, dimmed and noisy, and as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.rows import Provenance
from numpy.typing import NDArray

WIDTH, HEIGHT = 44, 32  # pixels; not multiples of 8


@dataclass(frozen=True)
class Pair:
    scene: int
    before: bytes
    after: bytes


class ChangedScenes:
    """Scenes of discs and bars before a slope of colour; each is seen several times, the things elsewhere. Seeded."""

    variant, seed = "synthetic", 7
    version = "c4a9ed" + "0" * 58
    provenance = (Provenance("scenes", "composed", "discs and bars, seeded", "Apache-2.0"),)

    def __init__(self, scenes: int = 24, views: int = 4) -> None:
        self._counts = {"train": scenes, "validation": max(2, scenes // 4), "test": max(2, scenes // 3)}
        self._views = views

    def changed(self, split: str) -> Sequence[Pair]:
        return list(self._pairs(split))

    def _pairs(self, split: str) -> Iterator[Pair]:
        for number in range(self._counts[split]):
            rng = np.random.default_rng([7, len(split), number])
            colours, things = rng.uniform(0.2, 1.0, (2, 3)), rng.uniform(0.1, 1.0, (3, 3))
            for _ in range(self._views):
                clean = scene(colours, things, rng)
                seen = clean * rng.uniform(0.4, 0.6) + rng.normal(0, 0.06, clean.shape)
                yield Pair(number, colour_png(levels(seen)), colour_png(levels(clean)))


def scene(colours: NDArray[np.float64], things: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(HEIGHT, WIDTH, 3) in [0, 1]: a slope between two colours, and a thing of each further colour somewhere."""
    across, down = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    picture: NDArray[np.float64] = colours[0] + (colours[1] - colours[0]) * (0.5 * (across + down))[..., None]
    for number, colour in enumerate(things):
        x, y = rng.uniform(0.15, 0.85, 2)
        inside = np.hypot((across - x) * WIDTH, (down - y) * HEIGHT) < 6 if number % 2 else (abs(across - x) < 0.06) & (abs(down - y) < 0.3)
        picture[inside] = colour
    return picture


def levels(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return rounded
