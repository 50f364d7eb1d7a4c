"""Ratings from a seeded generator, in the form of MovieLens."""

from __future__ import annotations

import numpy as np

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.sources.departments import CATEGORIES, DEPARTMENTS, GENRE_WORDS, category_of
from aibenchrt.datasets.sources.movielens import Ratings, RawItem, RawUser

USERS, ITEMS, RATINGS_PER_USER = 200, 400, 60
TASTES = 4
START, DAYS = 874_000_000, 200  # time of the first rating (Unix; September 1997, as in MovieLens) and the time span


# Words of generated titles; none is in the lexicon, so no query copies a title.
_FIRST = ("Amber", "Birch", "Cobalt", "Drift", "Ember", "Fathom", "Garnet", "Hollow", "Indigo", "Juniper", "Kestrel", "Larch", "Marble",
          "Nettle", "Ochre", "Pewter", "Quartz", "Rowan", "Saffron", "Thistle", "Umber", "Velvet", "Willow", "Zephyr")  # fmt: skip


_SECOND = ("Anchor", "Basin", "Canal", "Delta", "Estuary", "Ferry", "Gable", "Harbour", "Isthmus", "Jetty", "Kiln", "Lagoon", "Mill",
           "Narrows", "Orchard", "Pier", "Quay", "Ridge", "Spire", "Turret", "Upland", "Viaduct", "Wharf", "Yard")  # fmt: skip


_OCCUPATIONS = ("educator", "engineer", "student", "writer", "other")


def generate_ratings(seed: int) -> Ratings:
    """USERS users, ITEMS items and about RATINGS_PER_USER ratings per user, sorted by (time, user, item)."""
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
