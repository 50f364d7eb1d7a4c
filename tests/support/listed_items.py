"""Items values and small worlds for the tests of the services that work on lists of goods."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS
from aibenchrt.datasets.rows import Interactions

SCORES = ("popularity", "search_score", "recommend_score", "rank_score")


def items(ids: Sequence[int], **columns: Sequence[Any]) -> dict[str, list[Any]]:
    """An Items value; columns not given are 0."""
    return {name: list(columns.get(name, [0] * len(ids))) for name in ("category", *SCORES)} | {"item_id": list(ids)}


def world_of(rows: Sequence[tuple[int, int, float, int, int]], validation_start: int) -> World:
    """The synthetic world with these interactions instead: (user, item, rating, time, split)."""
    user, item, rating, time, split = (np.array(column) for column in zip(*rows, strict=True))
    interactions = Interactions(user, item, rating.astype(np.float32), time, split.astype(np.int8))
    return dataclasses.replace(WORLDS.load("synthetic"), version="small", interactions=interactions, validation_start=validation_start)
