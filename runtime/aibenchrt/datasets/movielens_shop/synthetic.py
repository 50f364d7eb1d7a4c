"""The synthetic variant: generated items, users, ratings and pictures. Small, seeded, needs no network.

Ratings come from latent tastes: besides the categories, items and users have positions in a space of TASTES dimensions; users choose items
by appeal and closeness, and rate by closeness. So a recommender can beat popularity, and popularity beats chance. Users keep returning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.sources.departments import CATEGORIES

PHOTOS_PER_CLASS = (240, 40, 60)  # train, validation, test
SIZE = 28


def generate_photos(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]]:
    """(n, 28, 28) uint8 pictures, (n,) class labels, (n,) split: one shape per class, shifted, rotated, scaled and noisy."""
    rng = rng_of(seed, "synthetic photos")
    images, labels, splits = [], [], []
    for split, number in enumerate(PHOTOS_PER_CLASS):
        for k in range(number * len(CATEGORIES)):
            label = k % len(CATEGORIES)
            images.append(_picture(label, rng))
            labels.append(label)
            splits.append(split)
    return np.stack(images), np.array(labels, dtype=np.int64), np.array(splits, dtype=np.int8)


def _picture(label: int, rng: Rng) -> NDArray[np.uint8]:
    """(28, 28) uint8. The shape's own coordinates u, v run from -1 to 1 across it."""
    grid = (np.arange(SIZE) - (SIZE - 1) / 2) / (SIZE / 2)
    x, y = np.meshgrid(grid - rng.uniform(-0.15, 0.15), grid - rng.uniform(-0.15, 0.15))
    angle, scale = rng.uniform(-0.3, 0.3), rng.uniform(0.55, 0.85)
    u = (np.cos(angle) * x + np.sin(angle) * y) / scale
    v = (np.cos(angle) * y - np.sin(angle) * x) / scale
    ink = _shape(label, u, v) * rng.uniform(110, 220)
    return np.clip(np.rint(ink + rng.normal(20.0, 28.0, ink.shape)), 0, 255).astype(np.uint8)


def _shape(label: int, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A mask of the points inside shape `label`, one of ten."""
    radius, square, diamond = np.hypot(u, v), np.maximum(abs(u), abs(v)), abs(u) + abs(v)
    inside = (
        radius < 0.9,
        (radius < 0.95) & (radius > 0.55),
        square < 0.75,
        (square < 0.9) & (square > 0.5),
        diamond < 1.0,
        (diamond < 1.1) & (diamond > 0.65),
        (square < 0.9) & (np.minimum(abs(u), abs(v)) < 0.25),
        (square < 0.9) & (abs(abs(u) - abs(v)) < 0.3),
        (square < 0.9) & (v > 2 * abs(u) - 0.9),
        (square < 0.9) & (abs(v) % 0.6 > 0.3),
    )
    return inside[label]
