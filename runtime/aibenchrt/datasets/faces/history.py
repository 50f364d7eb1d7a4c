"""What payers paid earlier, to whom, and how content they were: composed, with merchants as items and payers as users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.rows import Interactions, Item, User
from aibenchrt.datasets.sources.movielens import RawUser

START, DAY = 1_700_000_000, 86_400  # Unix seconds of the first day; seconds
DAYS, VALIDATION_DAY, TEST_DAY = 360, 290, 320
VALIDATION_START = START + VALIDATION_DAY * DAY
PAYMENTS = (20, 70)  # of each payer
_OCCUPATIONS = ("baker", "carpenter", "clerk", "driver", "engineer", "gardener", "nurse", "painter", "pensioner", "student", "teacher")


def earlier_payments(payers: Sequence[int], merchants: Sequence[int], seed: int) -> Interactions:
    """Payments of a year. rating: how content the payer was, 1 to 5; a payer goes more often to the merchants that pleased."""
    rng = rng_of(seed, "earlier payments")
    popular = rng.normal(0.0, 0.6, len(merchants))
    users, items, ratings, times = [], [], [], []
    for payer in payers:
        liking = popular + rng.normal(0.0, 1.0, len(merchants))
        count = int(rng.integers(*PAYMENTS))
        chosen = _by_weight(np.round(2.0**liking, 6), count, rng)
        users.append(np.full(count, payer))
        items.append(np.array(merchants)[chosen])
        ratings.append(np.clip(np.rint(3.2 + liking[chosen] + rng.normal(0.0, 0.5, count)), 1, 5))
        times.append(rng.integers(START, START + DAYS * DAY, count))
    user, item, time = (np.concatenate(some).astype(np.int64) for some in (users, items, times))
    order = np.lexsort((item, user, time))
    split = np.searchsorted([VALIDATION_START, START + TEST_DAY * DAY], time[order], side="right").astype(np.int8)
    return Interactions(user[order], item[order], np.concatenate(ratings).astype(np.float32)[order], time[order], split)


def as_items(merchants: Sequence[tuple[int, str, int]], trades: Sequence[str], paid: Interactions, seed: int) -> tuple[Item, ...]:
    """Merchants, given as (id, name, trade), as items: `year` is of their opening, `price` what a payment to them is usually, in euros."""
    rng = rng_of(seed, "merchants as items")
    ids, labels = np.array([one for one, _, _ in merchants]), np.array([label for _, _, label in merchants])
    found = standing(ids, labels, paid.of("train"))
    return tuple(
        Item(
            number, name, label, int(rng.integers(1950, 2020)), (trades[label],), tier, round(float(rng.uniform(4.0, 60.0)), 2), count,
            popularity, rating, (), f"{name}. A merchant of the trade {trades[label]}.",
        )
        for (number, name, label), (tier, count, popularity, rating) in zip(merchants, found, strict=True)
    )  # fmt: skip


def as_users(payers: Sequence[int], trade_of: dict[int, int], paid: Interactions, seed: int) -> tuple[User, ...]:
    """Payers as users, with what they liked in the training period. trade_of: merchant → label."""
    rng = rng_of(seed, "payers as users")
    raw = tuple(RawUser(payer, int(rng.integers(18, 90)), "FMX"[int(rng.integers(3))], _occupation(rng)) for payer in payers)
    return user_records(raw, paid.of("train"), trade_of)


def _occupation(rng: Rng) -> str:
    return _OCCUPATIONS[int(rng.integers(len(_OCCUPATIONS)))]


def _by_weight(weights: np.ndarray[tuple[int], np.dtype[np.float64]], count: int, rng: Rng) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    ends = np.cumsum(weights)
    return np.searchsorted(ends, rng.uniform(0.0, float(ends[-1]), count), side="right").astype(np.int64)
