"""A ranker's features of a candidate, all produced by the path itself; the same code for training and serving. Needs only numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.values import Value, Values

Column = NDArray[np.float32]


def _raw(field: str) -> Callable[[Values], Column]:
    def column(inputs: Values) -> Column:
        return np.asarray(inputs["items"][field], dtype=np.float32)

    return column


def _relative(field: str) -> Callable[[Values], Column]:
    """The field scaled to [0, 1] by the list's range, so that it is comparable between queries."""

    def column(inputs: Values) -> Column:
        values = _raw(field)(inputs)
        spread = values.max() - values.min()
        relative: Column = (values - values.min()) / (spread if spread > 0 else np.float32(1))
        return relative

    return column


def _reciprocal_rank(field: str) -> Callable[[Values], Column]:
    def column(inputs: Values) -> Column:
        order = np.argsort(-_raw(field)(inputs), kind="stable")
        ranks = np.empty(len(order), dtype=np.float32)
        ranks[order] = np.arange(1, len(order) + 1, dtype=np.float32)
        return 1 / ranks

    return column


def _logit(inputs: Values) -> Column:
    probability = np.clip(_raw("recommend_score")(inputs), 1e-6, 1 - 1e-6)
    logit: Column = np.log(probability / (1 - probability))
    return logit


def _by_label(inputs: Values, weights: dict[int, float]) -> Column:
    return np.array([weights.get(int(label), 0.0) for label in inputs["items"]["category"]], dtype=np.float32)


def _category_probability(inputs: Values) -> Column:
    category = inputs.get("category")
    return _by_label(inputs, {} if category is None else dict(zip(category["label"], category["probability"], strict=True)))


def _is_first_category(inputs: Values) -> Column:
    category = inputs.get("category")
    return _by_label(inputs, {int(category["label"][0]): 1.0} if category is not None and len(category["label"]) else {})


def _user_weight(inputs: Values) -> Column:
    weights = inputs.get("weights")
    return _by_label(inputs, {} if weights is None else dict(enumerate(weights["weight"])))


def _already_liked(inputs: Values) -> Column:
    history = set(_profile(inputs).get("history", ()))
    return np.array([item in history for item in inputs["items"]["item_id"]], dtype=np.float32)


def _history_length(inputs: Values) -> Column:
    length = np.log1p(len(_profile(inputs).get("history", ())))
    return np.full(len(inputs["items"]["item_id"]), length, dtype=np.float32)


def _profile(inputs: Values) -> Value:
    profile: dict[str, Any] = {}
    return inputs.get("profile", profile)


FEATURES: tuple[tuple[str, Callable[[Values], Column]], ...] = (
    ("search_score", _raw("search_score")),
    ("search_relative", _relative("search_score")),
    ("search_reciprocal_rank", _reciprocal_rank("search_score")),
    ("recommend_logit", _logit),
    ("recommend_relative", _relative("recommend_score")),
    ("recommend_reciprocal_rank", _reciprocal_rank("recommend_score")),
    ("popularity", _raw("popularity")),
    ("popularity_relative", _relative("popularity")),
    ("popularity_reciprocal_rank", _reciprocal_rank("popularity")),
    ("category_probability", _category_probability),
    ("is_first_category", _is_first_category),
    ("user_weight_of_category", _user_weight),
    ("already_liked", _already_liked),
    ("history_length", _history_length),
)


def features(inputs: Values) -> NDArray[np.float32]:
    """The feature matrix of a ranker's inputs, (items, features) float32; absent optional ports give zeros. (0, features) for no items."""
    if not len(inputs["items"]["item_id"]):
        return np.zeros((0, len(FEATURES)), dtype=np.float32)
    return np.stack([column(inputs) for _, column in FEATURES], axis=1).astype(np.float32)
