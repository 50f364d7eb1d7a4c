"""The one world of a scenario: goods, users, interactions, photos and queries with truth, split by one global time.

    interactions  ──────────── train ────────────────┬─ validation ─┬──────── test ────────▶ time
                  ──── fit ────────┬───── rank ───────┘

`train` is the training period. Its last stretch is called `rank`: a ranker that trains on what the path itself produces takes
the queries of `rank` (truth: likes of `rank`) with a recommender, tables and indexes that end at `rank_start` (snapshot.py makes
that world); otherwise its features would already contain their own labels. Everything that is served (popularity, tiers,
histories, weights) ends at `validation_start`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.interactions.spoken import SpokenQuery, spoken

SPLITS = ("train", "validation", "test")
TIERS = ("excellent", "good", "bad")
LIKED = 4.0  # a rating of at least this is a like (stars)


@dataclass(frozen=True)
class Provenance:
    """Where one part of the world comes from. `kind`: "observed" or "composed"."""

    part: str
    kind: str
    source: str
    licence: str


@dataclass(frozen=True)
class Item:
    """One of the goods. popularity: log(1 + n) / log(1 + max n), n training-period interactions; rating: their shrunk mean (stars).

    photos: rows of World.photos, all of the category's class and of the training split. text: the only words that may be indexed.
    """

    item_id: int
    title: str
    category: int
    year: int
    genres: tuple[str, ...]
    tier: str
    price: float
    interactions: int
    popularity: float
    rating: float
    photos: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class User:
    """history: item ids liked in the training period, newest first; weights: one per category, summing to 1. Cold users have no history."""

    user_id: int
    age: int
    gender: str
    occupation: str
    history: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings sorted by (time, user, item): equally long arrays. split: index into SPLITS; rating in stars; time in Unix seconds."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    rating: NDArray[np.float32]
    time: NDArray[np.int64]
    split: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.user)

    def where(self, mask: NDArray[np.bool_]) -> Interactions:
        return Interactions(self.user[mask], self.item[mask], self.rating[mask], self.time[mask], self.split[mask])

    def of(self, split: str) -> Interactions:
        """Those of one split: "train", "validation" or "test"."""
        return self.where(self.split == SPLITS.index(split))


@dataclass(frozen=True)
class Query:
    """A text request. text: as typed, misspellings included; clean: as meant. label: the category it asks for.

    attribute: "" or "decade:1980s", "year:1994", "genre:Romance" (what the query also asks for; matches indexed words).
    truth: items that the user liked in the query's period and that match category and attribute, ascending, at least one.
    part: "fit" or "rank" within the training period, otherwise the split's name.
    """

    query_id: int
    split: str
    part: str
    user_id: int
    label: int
    text: str
    clean: str
    attribute: str
    truth: tuple[int, ...]


@dataclass(frozen=True)
class PhotoQuery:
    """A photo request. photo: a row of World.photos, of the same split as the query. truth: as in Query, for the whole category."""

    query_id: int
    split: str
    part: str
    user_id: int
    label: int
    photo: int
    truth: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Photos:
    """images: (n, 28, 28) uint8, grey, 0 black; label: (n,) int64 category; split: (n,) int8, index into SPLITS. Possibly memory-mapped."""

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    split: NDArray[np.int8]

    def rows(self, split: str) -> NDArray[np.int64]:
        return np.flatnonzero(self.split == SPLITS.index(split))

    def of(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels of one split, in row order."""
        rows = self.rows(split)
        return self.images[rows], self.label[rows]


@dataclass(frozen=True, eq=False)
class World:
    """Everything that the scenario's models, indexes, tables and requests are made from. version: sha256 of all content."""

    version: str
    variant: str
    seed: int
    categories: tuple[str, ...]
    items: tuple[Item, ...]
    users: tuple[User, ...]
    interactions: Interactions
    queries: tuple[Query, ...]
    photo_queries: tuple[PhotoQuery, ...]
    photos: Photos
    rank_start: int
    validation_start: int
    test_start: int
    provenance: tuple[Provenance, ...]

    @cached_property
    def item(self) -> dict[int, Item]:
        return {item.item_id: item for item in self.items}

    @cached_property
    def user(self) -> dict[int, User]:
        return {user.user_id: user for user in self.users}

    def queries_of(self, split: str, part: str | None = None) -> tuple[Query, ...]:
        """Text queries of a split; `part` "fit" or "rank" narrows the training period."""
        return tuple(q for q in self.queries if q.split == split and part in (None, q.part))

    def photo_queries_of(self, split: str, part: str | None = None) -> tuple[PhotoQuery, ...]:
        return tuple(q for q in self.photo_queries if q.split == split and part in (None, q.part))

    def utterances(self, split: str) -> tuple[SpokenQuery, ...]:
        """Some queries of a split as speech: what a speech recogniser trains on and is measured by. ValueError: no such split."""
        return spoken(self, split)

    def before(self, time: int) -> Interactions:
        """Interactions strictly before `time`: all that a model trained at `time` may have seen."""
        return self.interactions.where(self.interactions.time < time)

    def history(self, user_id: int, before: int) -> tuple[int, ...]:
        """Item ids that the user had liked before `before`, newest first."""
        seen = self._likes_of.get(user_id)
        return () if seen is None else tuple(int(item) for time, item in seen if time < before)

    @cached_property
    def _likes_of(self) -> dict[int, list[tuple[int, int]]]:
        likes: dict[int, list[tuple[int, int]]] = {}
        liked = self.interactions.where(self.interactions.rating >= LIKED)
        for user, item, time in zip(liked.user.tolist(), liked.item.tolist(), liked.time.tolist(), strict=True):
            likes.setdefault(user, []).append((time, item))
        return {user: sorted(pairs, key=lambda pair: (-pair[0], pair[1])) for user, pairs in likes.items()}
