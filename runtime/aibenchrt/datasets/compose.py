"""From ratings and photos to a world: the time split, departments, tiers, popularity, histories, weights, prices, requests.

Everything that is served is computed from interactions before `validation_start` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.departments import CATEGORIES, category_of
from aibenchrt.datasets.lexicon import GENRE_WORDS, decade_words
from aibenchrt.datasets.movielens import Ratings, RawItem, RawUser
from aibenchrt.datasets.phrases import draw_vocabulary
from aibenchrt.datasets.queries import Period, compose_photo_queries, compose_queries
from aibenchrt.datasets.world import LIKED, TIERS, Interactions, Item, Photos, Provenance, User, World

TIER_SHARES = (0.15, 0.35, 0.50)  # of each category's goods, best first
SHRINK = 5.0  # ratings' weight of the global mean in an item's mean rating
WEIGHT_PRIOR = 5.0  # likes' weight of the global mix in a user's ranking weights
PHOTOS_PER_ITEM = 2
DIGITS = 9  # kept of computed numbers: their last bits differ from processor to processor

Rng = np.random.Generator


@dataclass(frozen=True)
class Sizes:
    """How a world is cut and how many requests it has. Shares of the interactions in time order; counts per period: (text, photo)."""

    rank_from: float
    validation_from: float
    test_from: float
    fit: tuple[int, int]
    rank: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]


def rng_of(seed: int, purpose: str) -> Rng:
    """A stream of its own for each purpose, so that a change in one leaves the others as they were."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *purpose.encode()])))


def compose_world(form: str, seed: int, ratings: Ratings, photos: Photos, sizes: Sizes, provenance: tuple[Provenance, ...]) -> World:
    """The world without its version (store.py gives it)."""
    last = len(ratings.time) - 1
    rank_start, validation_start, test_start = (
        int(ratings.time[min(last, int(share * len(ratings.time)))]) for share in (sizes.rank_from, sizes.validation_from, sizes.test_from)
    )
    split = ((ratings.time >= validation_start).astype(np.int8) + (ratings.time >= test_start)).astype(np.int8)
    interactions = Interactions(ratings.user, ratings.item, ratings.rating, ratings.time, split)
    training = interactions.of("train")
    items = _items(ratings.items, training, photos, seed)
    users = user_records(ratings.users, training, {item.item_id: item.category for item in items})
    by_id = {item.item_id: item for item in items}
    end = int(ratings.time[-1]) + 1
    periods = (
        Period("fit", "train", int(ratings.time[0]), rank_start, *sizes.fit),
        Period("rank", "train", rank_start, validation_start, *sizes.rank),
        Period("validation", "validation", validation_start, test_start, *sizes.validation),
        Period("test", "test", test_start, end, *sizes.test),
    )
    vocabulary = draw_vocabulary(rng_of(seed, "vocabulary"))
    queries = compose_queries(periods, interactions, by_id, vocabulary, rng_of(seed, "queries"))
    photo_queries = compose_photo_queries(periods, interactions, by_id, photos, rng_of(seed, "photo queries"))
    return World(
        version="",
        form=form,
        seed=seed,
        categories=CATEGORIES,
        items=items,
        users=users,
        interactions=interactions,
        queries=queries,
        photo_queries=photo_queries,
        photos=photos,
        rank_start=rank_start,
        validation_start=validation_start,
        test_start=test_start,
        provenance=provenance,
    )


def _items(raw: tuple[RawItem, ...], training: Interactions, photos: Photos, seed: int) -> tuple[Item, ...]:
    category = np.array([category_of(item.genres) for item in raw])
    stands = standing(np.array([item.item_id for item in raw]), category, training)
    price = _prices(category, np.array([TIERS.index(tier) for tier, *_ in stands]), rng_of(seed, "prices"))
    shown = _item_photos(category, photos, rng_of(seed, "item photos"))
    return tuple(
        Item(
            item_id=item.item_id,
            title=item.title,
            category=int(category[k]),
            year=item.year,
            genres=item.genres,
            tier=tier,
            price=price[k],
            interactions=count,
            popularity=popularity,
            rating=rating,
            photos=shown[k],
            text=_indexed_text(item),
        )
        for k, (item, (tier, count, popularity, rating)) in enumerate(zip(raw, stands, strict=True))
    )


def standing(ids: NDArray[np.int64], category: NDArray[np.int64], training: Interactions) -> list[tuple[str, int, float, float]]:
    """(tier, interactions, popularity, rating) of each item, as in Item, from these interactions alone."""
    size = int(ids.max()) + 1
    count = np.bincount(training.item, minlength=size)
    total = np.bincount(training.item, weights=training.rating, minlength=size)
    rating = ((total + SHRINK * float(training.rating.mean())) / (count + SHRINK)).round(DIGITS)
    popularity = (np.log1p(count) / np.log1p(count.max())).round(DIGITS)
    tier = _tiers(ids, category, popularity[ids], rating[ids])
    rows = zip(tier.tolist(), count[ids].tolist(), popularity[ids].tolist(), rating[ids].tolist(), strict=True)
    return [(TIERS[best], number, popular, mean) for best, number, popular, mean in rows]


def _indexed_text(item: RawItem) -> str:
    """Title, genres (and how queries write a genre, where that differs), year and decade."""
    spoken = [word for genre in item.genres if (word := GENRE_WORDS.get(genre, genre)) != genre.lower()]
    return " ".join((item.title, *item.genres, *spoken, str(item.year), *decade_words(item.year)))


def _tiers(
    ids: NDArray[np.int64], category: NDArray[np.int64], popularity: NDArray[np.float64], rating: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Index into TIERS: within each category by popularity (in [0, 1]) plus the mean rating scaled to [0, 1]; ties by id."""
    score = np.round(popularity + (rating - 1.0) / 4.0, DIGITS)
    tier = np.zeros(len(ids), dtype=np.int64)
    for label in np.unique(category):
        rows = np.flatnonzero(category == label)
        best_first = rows[np.lexsort((ids[rows], -score[rows]))]
        cuts = np.cumsum(TIER_SHARES[:-1]) * len(rows)
        tier[best_first] = np.searchsorted(cuts, np.arange(len(rows)), side="right")
    return tier


def _prices(category: NDArray[np.int64], tier: NDArray[np.int64], rng: Rng) -> list[float]:
    """Composed: log-normal around a level of the category, better tiers dearer, ending in .99."""
    level = np.exp(rng.normal(3.0, 0.35, size=len(CATEGORIES)))
    scale = np.array((1.3, 1.0, 0.75))[tier]
    amount = level[category] * scale * np.exp(rng.normal(0.0, 0.3, size=len(category)))
    return [round(float(np.floor(value)) + 0.99, 2) for value in amount]


def _item_photos(category: NDArray[np.int64], photos: Photos, rng: Rng) -> list[tuple[int, ...]]:
    training = photos.split == 0
    rows = [np.flatnonzero(training & (photos.label == label)) for label in range(len(CATEGORIES))]
    return [tuple(sorted(rng.choice(rows[label], size=PHOTOS_PER_ITEM, replace=False).tolist())) for label in category]


def user_records(raw: tuple[RawUser, ...], training: Interactions, category: dict[int, int]) -> tuple[User, ...]:
    """Every user with history and weights from these interactions alone. category: item id → label."""
    liked = training.where(training.rating >= LIKED)
    histories: dict[int, list[int]] = {}
    # Newest first; of likes in the same second the lower item id first.
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
