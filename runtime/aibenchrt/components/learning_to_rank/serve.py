"""Serves a ranker: puts the items in their final order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aibenchrt.components.learning_to_rank.features import FEATURES, features
from aibenchrt.serve.models import Settings, broken, open_session, random_generator, rank_by, read_metadata
from aibenchrt.values import Values, Work


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing, corrupted, or trained on other features."""
    session, serving = open_session(folder), read_metadata(folder)["serving"]
    if serving["features"] != [name for name, _ in FEATURES]:
        raise broken(folder, "was trained on other features than these")

    def rank(inputs: Values) -> Values:
        columns = features(inputs)
        if not len(columns):
            return {"items": dict(inputs["items"])}
        (score,) = session.run(["score"], {"features": columns})
        return {"items": rank_by(inputs["items"], score, "rank_score")}

    return rank


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """Search order baseline: by the search engine's score; ties keep the order of the input."""
    return lambda inputs: {"items": rank_by(inputs["items"], np.asarray(inputs["items"]["search_score"]), "rank_score")}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    def guess(inputs: Values) -> Values:
        rng = random_generator("rank", list(inputs["items"]["item_id"]))
        return {"items": rank_by(inputs["items"], rng.random(len(inputs["items"]["item_id"])), "rank_score")}

    return guess
