"""The data set `news`: one world for every component of the news feed, in a real and a synthetic variant.

    readers and reads (MovieLens-100k   | generated) ─┐
    texts of articles (Debian's packages | generated) ─┴─ compose ─▶ World ─▶ visits

In this World, items are articles, users are readers, and interactions are reads: 4 or 5 stars mean an article read to the end (a click),
fewer an article opened and left. A Query is a visit: a reader opens the feed without typing anything. README.md says what is observed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.interactions.store import load, save
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import LIKED, Interactions, Item, Photos, Provenance, Query
from aibenchrt.datasets.sources import movielens, synthetic_articles
from aibenchrt.datasets.sources.debian_packages import LICENCE, TOPICS, Leaf, leaves_of, load_packages
from aibenchrt.datasets.sources.departments import category_of
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.movielens import Ratings, RawItem
from aibenchrt.datasets.sources.synthetic_ratings import generate_ratings
from aibenchrt.progress import Progress

PACKAGES = (SourcePackage("MovieLens-100k", movielens.PACKAGE, "GroupLens terms: fetched, never redistributed"),)
# Where rank, validation and test begin, as fractions of the reads in chronological order; the same as in movielens_shop.
CUTS = {"real": (0.48, 0.60, 0.65), "synthetic": (0.50, 0.65, 0.72)}
PAUSE_S = 300  # after a pause longer than this, the next read begins a new visit


def sizes(world: World) -> str:
    known = f"{len(world.items):,} articles, {len(world.users):,} readers, {len(world.interactions):,} reads"
    return f"{known}; {len(world.queries_of('test')):,} visits held out"


def payloads(world: World, source: str, split: str = "test") -> list[Payload]:
    """The requests of the source "visits" and a split, in order of their ids: the reader, and what that reader liked from then on."""
    if source != "visits":
        raise ValueError(f"news has no source {source!r}; it has visits")
    return [
        Payload({"user": {"user_id": q.user_id}}, {"relevant": q.truth}, q.query_id, f"reader {q.user_id}, {q.attribute}", q.part)
        for q in world.queries_of(split)
    ]


def compose_news(variant: str, seed: int, ratings: Ratings, leaves: Sequence[Leaf], provenance: tuple[Provenance, ...]) -> World:
    """The world without its version, which store.py computes. ValueError: a topic has fewer texts than articles."""
    last = len(ratings.time) - 1
    rank_start, validation_start, test_start = (int(ratings.time[min(last, int(share * len(ratings.time)))]) for share in CUTS[variant])
    split = ((ratings.time >= validation_start).astype(np.int8) + (ratings.time >= test_start)).astype(np.int8)
    interactions = Interactions(ratings.user, ratings.item, ratings.rating, ratings.time, split)
    training = interactions.of("train")
    items = _articles(ratings.items, _texts(ratings.items, leaves, rng_of(seed, "articles")), training)
    periods = (
        ("fit", "train", int(ratings.time[0]), rank_start),
        ("rank", "train", rank_start, validation_start),
        ("validation", "validation", validation_start, test_start),
        ("test", "test", test_start, int(ratings.time[-1]) + 1),
    )
    return World(
        version="",
        variant=variant,
        seed=seed,
        categories=tuple(TOPICS),
        items=items,
        users=user_records(ratings.users, training, {item.item_id: item.category for item in items}),
        interactions=interactions,
        queries=tuple(_visits(periods, interactions, {item.item_id: item.category for item in items})),
        photo_queries=(),
        photos=Photos(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int8)),
        rank_start=rank_start,
        validation_start=validation_start,
        test_start=test_start,
        provenance=provenance,
    )


def _texts(films: Sequence[RawItem], leaves: Sequence[Leaf], rng: Rng) -> dict[int, Leaf]:
    """Film id → the text of its article, from the topic that stands for its department; no text is used twice."""
    chosen: dict[int, Leaf] = {}
    for topic, name in enumerate(TOPICS):
        ids = sorted(film.item_id for film in films if category_of(film.genres) == topic)
        of_topic = sorted((leaf for leaf in leaves if leaf.topic == topic), key=lambda leaf: leaf.title)
        if len(of_topic) < len(ids):
            raise ValueError(f"topic {name} has {len(of_topic)} texts for {len(ids)} articles")
        chosen |= {item_id: of_topic[k] for item_id, k in zip(ids, rng.permutation(len(of_topic)).tolist(), strict=False)}
    return chosen


def _articles(films: Sequence[RawItem], texts: Mapping[int, Leaf], training: Interactions) -> tuple[Item, ...]:
    ids = np.array([film.item_id for film in films])
    stands = standing(ids, np.array([texts[film.item_id].topic for film in films]), training)
    return tuple(
        Item(
            item_id=film.item_id,
            title=texts[film.item_id].synopsis,
            category=texts[film.item_id].topic,
            year=film.year,
            genres=(),
            tier=tier,
            price=0.0,
            interactions=count,
            popularity=popularity,
            rating=rating,
            photos=(),
            text=f"{texts[film.item_id].synopsis}\n{texts[film.item_id].text}",
        )
        for film, (tier, count, popularity, rating) in zip(films, stands, strict=True)
    )


def _visits(periods: Sequence[tuple[str, str, int, int]], interactions: Interactions, topic: Mapping[int, int]) -> Iterator[Query]:
    """The visits from whose start on the reader liked something in the same period; ids in order of period, time and reader."""
    number = 0
    for part, split, start, end in periods:
        inside = interactions.where((interactions.time >= start) & (interactions.time < end))
        visits: list[tuple[int, int, tuple[int, ...]]] = []
        for reader in np.unique(inside.user).tolist():
            own = inside.where(inside.user == reader)
            begins = np.flatnonzero(np.diff(own.time, prepend=own.time[0] - PAUSE_S - 1) > PAUSE_S)
            for first in begins.tolist():
                liked = own.item[first:][own.rating[first:] >= LIKED]
                if len(liked):
                    visits.append((int(own.time[first]), reader, tuple(sorted(liked.tolist()))))
        for time, reader, truth in sorted(visits):
            when = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
            topics = [topic[item] for item in truth]
            yield Query(number, split, part, reader, max(sorted(set(topics)), key=topics.count), "", "", when, truth)
            number += 1


def _real(seed: int, progress: Progress) -> World:
    snapshot = load_packages(progress)
    source = f"Debian {snapshot.release}, package indexes {snapshot.sha256[:12]}, through apt"
    observed = (
        Provenance("texts of articles: synopses and long descriptions of packages", "observed", source, LICENCE),
        Provenance("readers, and who liked what when", "observed", "MovieLens-100k, from the recbole 1.2.1 wheel", PACKAGES[0].licence),
    )
    return compose_news("real", seed, movielens.load_ratings(progress), leaves_of(snapshot.packages), observed + _by_hand())


def _synthetic(seed: int, _progress: Progress) -> World:
    generated = (
        Provenance("texts of articles", "composed", "generated sentences, seeded", "Apache-2.0"),
        Provenance("readers, and who liked what when", "composed", "generated from latent tastes, seeded", "Apache-2.0"),
    )
    return compose_news("synthetic", seed, generate_ratings(seed), synthetic_articles.generate_leaves(seed), generated + _by_hand())


def _by_hand() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        "tie of each film to an article: constructed, by category, drawn by seed",
        "tie of ten groups of Debian's sections to ten film categories",
        "a film rated is an article opened; 4 or 5 stars are an article read",
        "visits: reads of a reader without a pause of five minutes",
        "an article's age: since anybody opened it last",
        "truth: held-out reads from the visit's start on",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[World] = WorldCache("news", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
