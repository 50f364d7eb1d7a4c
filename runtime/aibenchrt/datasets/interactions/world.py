"""The one world of a scenario: items, users, interactions, photos and queries with truth, with one global time split.

    interactions  ──────────── train ────────────────┬─ validation ─┬──────── test ────────▶ time
                  ──── fit ────────┬───── rank ───────┘

`train` is the training period. Its last part is called `rank`: a ranker that trains on what the path itself produces uses the queries of
`rank` (truth: likes in `rank`) with a recommender, tables and indexes whose data end at `rank_start` (`World.snapshot` makes that world);
otherwise its features would contain their own labels. Everything that is served (popularity, tiers, histories, weights) ends at
`validation_start`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.interactions.spoken import SpokenQuery, spoken
from aibenchrt.datasets.rows import LIKED, Interactions, Item, PhotoQuery, Photos, Provenance, Query, User
from aibenchrt.datasets.sources.movielens import RawUser


@dataclass(frozen=True, eq=False)
class World:
    """Everything that the scenario's models, indexes, tables and requests are made from.

    version: sha256 of all content. categories: names, in the order of their labels. rank_start, validation_start, test_start: Unix seconds.
    """

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
        """Some queries of a split as speech, for training and measuring a speech recogniser. ValueError: no such split."""
        return spoken(self, split)

    def snapshot(self, time: int) -> Self:
        """The world with tiers, popularity, ratings, histories and weights computed only from interactions before `time` (Unix seconds).

        Training interactions from `time` on become validation. Requests, photos and prices stay as they are. The version is
        "<version>@<time>". ValueError: the time is outside the training period.
        """
        first = int(self.interactions.time[0])
        if not first < time <= self.validation_start:
            raise ValueError(f"{time} is not within the training period ({first}, {self.validation_start}]")
        split = np.where((self.interactions.split == 0) & (self.interactions.time >= time), 1, self.interactions.split).astype(np.int8)
        interactions = replace(self.interactions, split=split)
        training = interactions.of("train")
        ids = np.array([item.item_id for item in self.items])
        category = np.array([item.category for item in self.items])
        items = tuple(
            replace(item, tier=tier, interactions=count, popularity=popularity, rating=rating)
            for item, (tier, count, popularity, rating) in zip(self.items, standing(ids, category, training), strict=True)
        )
        raw = tuple(RawUser(user.user_id, user.age, user.gender, user.occupation) for user in self.users)
        users = user_records(raw, training, {item.item_id: item.category for item in items})
        version = f"{self.version}@{time}"
        return replace(self, version=version, interactions=interactions, items=items, users=users, validation_start=time)

    def before(self, time: int) -> Interactions:
        """The interactions strictly before `time` (Unix seconds): all that a model trained at `time` may have seen."""
        return self.interactions.where(self.interactions.time < time)

    def history(self, user_id: int, before: int) -> tuple[int, ...]:
        """The ids of the items that the user had liked before `before` (Unix seconds), newest first."""
        seen = self._likes_of.get(user_id)
        return () if seen is None else tuple(int(item) for time, item in seen if time < before)

    @cached_property
    def _likes_of(self) -> dict[int, list[tuple[int, int]]]:
        likes: dict[int, list[tuple[int, int]]] = {}
        liked = self.interactions.where(self.interactions.rating >= LIKED)
        for user, item, time in zip(liked.user.tolist(), liked.item.tolist(), liked.time.tolist(), strict=True):
            likes.setdefault(user, []).append((time, item))
        return {user: sorted(pairs, key=lambda pair: (-pair[0], pair[1])) for user, pairs in likes.items()}
