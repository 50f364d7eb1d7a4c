"""The world as it stood at an earlier moment of the training period: what a ranker's training features must be made from.

The final world's popularity, tiers and histories know the likes of `rank`; a ranker trained on them would see its labels in its
features. `snapshot(world, world.rank_start)` forgets everything from that moment on: train a recommender on it, prepare its indexes and
tables, run its `rank` queries through the path, and label what comes out with their truth.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.sources.movielens import RawUser


def snapshot(world: World, time: int) -> World:
    """The world with tiers, popularity, ratings, histories and weights from interactions before `time` (Unix seconds) alone.

    Interactions from `time` on that were training become validation. Requests, photos and prices stay. The version says what was cut:
    "<version>@<time>". Raises ValueError for a time outside the training period.
    """
    first = int(world.interactions.time[0])
    if not first < time <= world.validation_start:
        raise ValueError(f"{time} is not within the training period ({first}, {world.validation_start}]")
    split = np.where((world.interactions.split == 0) & (world.interactions.time >= time), 1, world.interactions.split).astype(np.int8)
    interactions = dataclasses.replace(world.interactions, split=split)
    training = interactions.of("train")
    ids = np.array([item.item_id for item in world.items])
    category = np.array([item.category for item in world.items])
    items = tuple(
        dataclasses.replace(item, tier=tier, interactions=count, popularity=popularity, rating=rating)
        for item, (tier, count, popularity, rating) in zip(world.items, standing(ids, category, training), strict=True)
    )
    raw = tuple(RawUser(user.user_id, user.age, user.gender, user.occupation) for user in world.users)
    users = user_records(raw, training, {item.item_id: item.category for item in items})
    return dataclasses.replace(
        world, version=f"{world.version}@{time}", interactions=interactions, items=items, users=users, validation_start=time
    )
