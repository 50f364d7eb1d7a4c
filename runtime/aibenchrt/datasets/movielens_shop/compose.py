"""Composes a world from ratings and photos: time split, departments, tiers, popularity, histories, weights, prices, requests.

Everything that is served is computed only from interactions before `validation_start`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.interactions.askers import Period
from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.lexicon import decade_words
from aibenchrt.datasets.movielens_shop.phrases import draw_vocabulary
from aibenchrt.datasets.movielens_shop.queries import compose_photo_queries, compose_queries
from aibenchrt.datasets.rows import TIERS, Interactions, Item, Photos, Provenance
from aibenchrt.datasets.sources.departments import CATEGORIES, GENRE_WORDS, category_of
from aibenchrt.datasets.sources.movielens import Ratings, RawItem

PHOTOS_PER_ITEM = 2


@dataclass(frozen=True)
class Sizes:
    """Where the periods of a world begin, as fractions of the interactions in chronological order, and the numbers of (text, photo)
    requests in each."""

    rank_from: float
    validation_from: float
    test_from: float
    fit: tuple[int, int]
    rank: tuple[int, int]
    validation: tuple[int, int]
    test: tuple[int, int]


def compose_world(variant: str, seed: int, ratings: Ratings, photos: Photos, sizes: Sizes, provenance: tuple[Provenance, ...]) -> World:
    """The world without its version, which store.py computes."""
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
        variant=variant,
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


def _indexed_text(item: RawItem) -> str:
    """Title, genres (with the queries' word for a genre, where it differs), year and decade."""
    spoken = [word for genre in item.genres if (word := GENRE_WORDS.get(genre, genre)) != genre.lower()]
    return " ".join((item.title, *item.genres, *spoken, str(item.year), *decade_words(item.year)))


def _prices(category: NDArray[np.int64], tier: NDArray[np.int64], rng: Rng) -> list[float]:
    """Composed prices: log-normal around a level of the category, higher for better tiers, ending in .99."""
    level = np.exp(rng.normal(3.0, 0.35, size=len(CATEGORIES)))
    scale = np.array((1.3, 1.0, 0.75))[tier]
    amount = level[category] * scale * np.exp(rng.normal(0.0, 0.3, size=len(category)))
    return [round(float(np.floor(value)) + 0.99, 2) for value in amount]


def _item_photos(category: NDArray[np.int64], photos: Photos, rng: Rng) -> list[tuple[int, ...]]:
    training = photos.split == 0
    rows = [np.flatnonzero(training & (photos.label == label)) for label in range(len(CATEGORIES))]
    return [tuple(sorted(rng.choice(rows[label], size=PHOTOS_PER_ITEM, replace=False).tolist())) for label in category]
