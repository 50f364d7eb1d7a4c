"""What is derived from interactions for serving: tiers, popularity, histories and ranking weights, all from the training period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.rows import LIKED, TIERS, Interactions, User
from aibenchrt.datasets.sources.departments import CATEGORIES
from aibenchrt.datasets.sources.movielens import RawUser

TIER_SHARES = (0.15, 0.35, 0.50)  # fractions of each category's items, best first
SHRINK = 5.0  # weight of the global mean in an item's mean rating, in ratings
WEIGHT_PRIOR = 5.0  # weight of the global mix in a user's ranking weights, in likes
DIGITS = 9  # decimals kept of computed numbers, whose last bits differ between processors


def standing(ids: NDArray[np.int64], category: NDArray[np.int64], training: Interactions) -> list[tuple[str, int, float, float]]:
    """(tier, interactions, popularity, rating) of each item, as in Item, from these interactions only."""
    size = int(ids.max()) + 1
    count = np.bincount(training.item, minlength=size)
    total = np.bincount(training.item, weights=training.rating, minlength=size)
    rating = ((total + SHRINK * float(training.rating.mean())) / (count + SHRINK)).round(DIGITS)
    popularity = (np.log1p(count) / np.log1p(count.max())).round(DIGITS)
    tier = _tiers(ids, category, popularity[ids], rating[ids])
    rows = zip(tier.tolist(), count[ids].tolist(), popularity[ids].tolist(), rating[ids].tolist(), strict=True)
    return [(TIERS[best], number, popular, mean) for best, number, popular, mean in rows]


def _tiers(
    ids: NDArray[np.int64], category: NDArray[np.int64], popularity: NDArray[np.float64], rating: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(n,) index into TIERS: within each category by popularity (in [0, 1]) plus the mean rating scaled to [0, 1]; ties by id."""
    score = np.round(popularity + (rating - 1.0) / 4.0, DIGITS)
    tier = np.zeros(len(ids), dtype=np.int64)
    for label in np.unique(category):
        rows = np.flatnonzero(category == label)
        best_first = rows[np.lexsort((ids[rows], -score[rows]))]
        cuts = np.cumsum(TIER_SHARES[:-1]) * len(rows)
        tier[best_first] = np.searchsorted(cuts, np.arange(len(rows)), side="right")
    return tier


def user_records(raw: tuple[RawUser, ...], training: Interactions, category: dict[int, int]) -> tuple[User, ...]:
    """Every user, with history and weights from these interactions only. category: item id → label."""
    liked = training.where(training.rating >= LIKED)
    histories: dict[int, list[int]] = {}
    # Newest first; likes in the same second by ascending item id.
    for k in np.lexsort((liked.item, -liked.time)).tolist():
        histories.setdefault(int(liked.user[k]), []).append(int(liked.item[k]))
    everyone = _mix([category[item] for item in liked.item.tolist()])
    users = []
    for user in raw:
        history = histories.get(user.user_id, [])
        own = np.bincount([category[item] for item in history], minlength=len(CATEGORIES)) + WEIGHT_PRIOR * everyone
        weights = tuple(round(float(weight), DIGITS) for weight in own / own.sum())
        users.append(User(user.user_id, user.age, user.gender, user.occupation, tuple(history), weights))
    return tuple(users)


def _mix(labels: list[int]) -> NDArray[np.float64]:
    return np.bincount(labels, minlength=len(CATEGORIES)) / float(len(labels))
