"""The users who send requests in a period, and what they want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aibenchrt.datasets.draws import choose
from aibenchrt.datasets.rows import LIKED, Interactions, Item

WARM = 5  # a returning visitor has at least this many likes before the period
RETURNING = 0.85  # fraction of requests from returning visitors (composed: MovieLens users rate in bursts, and few return)


@dataclass(frozen=True)
class Period:
    """A period of time [start, end), in Unix seconds, and the numbers of text and photo requests to compose from it."""

    part: str
    split: str
    start: int
    end: int
    texts: int
    photos: int


@dataclass(frozen=True)
class Wish:
    """What a request is composed from: a user, a category, the item that the user has in mind, and all items that the user liked in it."""

    user_id: int
    label: int
    target: Item
    liked: tuple[Item, ...]


@dataclass(frozen=True)
class Askers:
    """The users who may send requests in a period. likes: user → category → items liked in the period, by item id."""

    likes: Mapping[int, Mapping[int, tuple[Item, ...]]]
    returning: tuple[int, ...]
    new: tuple[int, ...]

    def draw(self, rng: np.random.Generator) -> Wish:
        # Categories are weighted by the square root of the user's number of likes, so that one favourite does not hide the others.
        group = self.returning if self.returning and (not self.new or rng.random() < RETURNING) else self.new
        user_id = choose(group, rng)
        labels = sorted(self.likes[user_id])
        share = np.sqrt([len(self.likes[user_id][label]) for label in labels])
        label = labels[int(rng.choice(len(labels), p=share / share.sum()))]
        liked = self.likes[user_id][label]
        return Wish(user_id, label, choose(liked, rng), liked)


def askers_of(period: Period, interactions: Interactions, items: Mapping[int, Item]) -> Askers:
    """The users with a like in the period; returning ones have at least WARM likes before it."""
    liked = interactions.where(interactions.rating >= LIKED)
    inside = liked.where((liked.time >= period.start) & (liked.time < period.end))
    likes: dict[int, dict[int, list[Item]]] = {}
    for user, item in zip(inside.user.tolist(), inside.item.tolist(), strict=True):
        likes.setdefault(user, {}).setdefault(items[item].category, []).append(items[item])
    # Served histories end with the training period, so only training likes make a test user a returning one.
    known = liked.of("train")
    users, counts = np.unique(known.user[known.time < period.start], return_counts=True)
    warm = set(users[counts >= WARM].tolist())
    return Askers(
        {u: {c: tuple(sorted(items_liked, key=lambda i: i.item_id)) for c, items_liked in own.items()} for u, own in likes.items()},
        tuple(sorted(u for u in likes if u in warm)),
        tuple(sorted(u for u in likes if u not in warm)),
    )
