"""The synthetic form: generated goods, users, ratings and pictures. Small, seeded, no network.

Ratings come from latent tastes: goods and users lie in a space of TASTES dimensions beside the categories; users find goods by appeal and
closeness, and rate by closeness. So a recommender can beat popularity, and popularity beats chance. Users come back all the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.compose import Rng, rng_of
from aibenchrt.datasets.departments import CATEGORIES, DEPARTMENTS, category_of
from aibenchrt.datasets.lexicon import GENRE_WORDS
from aibenchrt.datasets.movielens import Ratings, RawItem, RawUser

USERS, ITEMS, RATINGS_PER_USER = 200, 400, 60
TASTES = 4
START, DAYS = 874_000_000, 200  # the first rating's time (September 1997, as in MovieLens) and the span
PHOTOS_PER_CLASS = (240, 40, 60)  # train, validation, test
SIZE = 28

# Words of generated titles: none stands in the lexicon, so no query copies a title.
_FIRST = ("Amber", "Birch", "Cobalt", "Drift", "Ember", "Fathom", "Garnet", "Hollow", "Indigo", "Juniper", "Kestrel", "Larch", "Marble",
          "Nettle", "Ochre", "Pewter", "Quartz", "Rowan", "Saffron", "Thistle", "Umber", "Velvet", "Willow", "Zephyr")  # fmt: skip
_SECOND = ("Anchor", "Basin", "Canal", "Delta", "Estuary", "Ferry", "Gable", "Harbour", "Isthmus", "Jetty", "Kiln", "Lagoon", "Mill",
           "Narrows", "Orchard", "Pier", "Quay", "Ridge", "Spire", "Turret", "Upland", "Viaduct", "Wharf", "Yard")  # fmt: skip
_OCCUPATIONS = ("educator", "engineer", "student", "writer", "other")


def generate_ratings(seed: int) -> Ratings:
    """USERS users, ITEMS goods and about RATINGS_PER_USER ratings a user, sorted by (time, user, item)."""
    rng = rng_of(seed, "synthetic ratings")
    items = tuple(_item(item_id, rng) for item_id in range(1, ITEMS + 1))
    users = tuple(
        RawUser(user_id, int(rng.integers(16, 70)), "FM"[int(rng.integers(2))], _OCCUPATIONS[int(rng.integers(len(_OCCUPATIONS)))])
        for user_id in range(1, USERS + 1)
    )
    category = np.array([category_of(item.genres) for item in items])
    appeal = rng.normal(0.0, 1.0, ITEMS)
    taste_of_item = rng.normal(0.0, 1.0, (ITEMS, TASTES))
    rows: list[tuple[int, int, int, int]] = []
    for user in users:
        favour = rng.normal(0.0, 0.7, len(CATEGORIES))[category]
        closeness = (taste_of_item @ rng.normal(0.0, 1.0, TASTES)).round(9) + favour
        weight = np.exp((0.9 * appeal + 1.1 * closeness).round(9))
        met = rng.choice(ITEMS, size=RATINGS_PER_USER, replace=False, p=weight / weight.sum())
        stars = np.clip(np.rint(3.4 + 0.5 * appeal[met] + 0.5 * closeness[met] + rng.normal(0.0, 0.5, len(met))), 1, 5).astype(int)
        times = START + rng.integers(0, DAYS * 86400, len(met))
        rows += [(int(time), user.user_id, items[k].item_id, int(star)) for time, k, star in zip(times, met, stars, strict=True)]
    table = np.array(sorted(rows), dtype=np.int64)
    return Ratings(items, users, table[:, 1], table[:, 2], table[:, 3].astype(np.float32), table[:, 0])


def _item(item_id: int, rng: Rng) -> RawItem:
    department, own = DEPARTMENTS[item_id % len(DEPARTMENTS)]
    words = _FIRST[item_id % len(_FIRST)], _SECOND[(item_id // len(_FIRST) + item_id) % len(_SECOND)]
    genres = [sorted(own)[int(rng.integers(len(own)))]]
    other = sorted(GENRE_WORDS)[int(rng.integers(len(GENRE_WORDS)))]
    if rng.random() < 0.6 and CATEGORIES[category_of([*genres, other])] == department and other not in genres:
        genres.append(other)
    year = int(rng.integers(1990, 1999)) if rng.random() < 0.6 else int(rng.integers(1930, 1990))
    return RawItem(item_id, " ".join(words), year, tuple(genres))


def generate_photos(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int8]]:
    """(n, 28, 28) uint8 pictures, (n,) class labels, (n,) split: one kind of shape a class, moved, turned, scaled and noisy."""
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
    """The points inside shape number `label` of ten."""
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
