"""Serves a recommender: scores the items found for the profile's user and keeps the best `top`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aibenchrt.serve.models import Settings, open_session, random_generator, rank_by, read_metadata
from aibenchrt.values import Values, Work

DEFAULT_TOP = 50


def open_work(folder: Path, settings: Settings) -> Work:
    """Users and items without training interactions are scored by row 0. Items in the profile's history score 0: the user has them.

    folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted.
    """
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    user_rows = {int(user): row for row, user in enumerate(serving["users"], start=1)}
    item_rows = {int(item): row for row, item in enumerate(serving["items"], start=1)}
    top = _top(settings)

    def recommend(inputs: Values) -> Values:
        items = inputs["items"]
        rows = np.array([item_rows.get(int(item), 0) for item in items["item_id"]], dtype=np.int64)
        if not len(rows):
            return {"items": dict(items)}
        user = np.full(len(rows), user_rows.get(int(inputs["profile"]["user_id"]), 0), dtype=np.int64)
        (logit,) = session.run(["logit"], {"user": user, "item": rows})
        taken = np.isin(items["item_id"], inputs["profile"]["history"])
        return {"items": rank_by(items, np.where(taken, 0, 1 / (1 + np.exp(-logit))), "recommend_score", top)}

    return recommend


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Popularity baseline: for everybody, the items with the most interactions in the training period."""
    top = _top(settings)
    return lambda inputs: {"items": rank_by(inputs["items"], np.asarray(inputs["items"]["popularity"]), "recommend_score", top)}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    top = _top(settings)

    def guess(inputs: Values) -> Values:
        items = inputs["items"]
        rng = random_generator("recommend", inputs["profile"]["user_id"], list(items["item_id"]))
        return {"items": rank_by(items, rng.random(len(items["item_id"])), "recommend_score", top)}

    return guess


def _top(settings: Settings) -> int:
    return int(settings.get("top", DEFAULT_TOP))
