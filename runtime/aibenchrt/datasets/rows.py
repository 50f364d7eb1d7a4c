"""The rows that worlds consist of: items, users, interactions, photos, requests, and where each part comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
TIERS = ("excellent", "good", "bad")
LIKED = 4.0  # a rating of at least this is a like (stars)


@dataclass(frozen=True)
class Provenance:
    """Where one part of the world comes from. kind: "observed" or "composed"."""

    part: str
    kind: str
    source: str
    licence: str


@dataclass(frozen=True)
class Item:
    """An item. popularity: log(1 + n) / log(1 + max n), with n training-period interactions; rating: their shrunk mean (stars).

    photos: rows of World.photos, all of the category's class and in the training split. text: the only words that may be indexed.
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
    """history: ids of items liked in the training period, newest first; weights: one per category, summing to 1. New users have no
    history."""

    user_id: int
    age: int
    gender: str
    occupation: str
    history: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings sorted by (time, user, item), as arrays (n,). rating: in stars; time: Unix seconds; split: index into SPLITS."""

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
        """The interactions of one split: "train", "validation" or "test"."""
        return self.where(self.split == SPLITS.index(split))


@dataclass(frozen=True)
class Query:
    """A text request. text: as typed, misspellings included; clean: as meant. label: the category it asks for.

    attribute: what else the query asks for: "" or "decade:1980s", "year:1994", "genre:Romance" (matches indexed words).
    truth: ids of the items that the user liked in the query's period and that match category and attribute, ascending, at least one.
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
    """images: (n, side, side) uint8, greyscale, 0 is black, or (n, side, side, 3) in red, green, blue; label: (n,) int64 category; split:
    (n,) int8, index into SPLITS. May be memory-mapped."""

    images: NDArray[np.uint8]
    label: NDArray[np.int64]
    split: NDArray[np.int8]

    def rows(self, split: str) -> NDArray[np.int64]:
        return np.flatnonzero(self.split == SPLITS.index(split))

    def of(self, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels of one split, in row order."""
        rows = self.rows(split)
        return self.images[rows], self.label[rows]
