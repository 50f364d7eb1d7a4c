"""The data set `web_pages`: one world for every component of web search, in a real and a synthetic variant.

    ratings (MovieLens-100k   | generated) ─┐
    texts   (Debian's packages | generated) ─┴─ compose ─▶ WebWorld ─▶ payloads

README.md in this folder says what is observed and what is composed.
"""

from __future__ import annotations

from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.interactions.store import load, save
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources import movielens, synthetic_articles
from aibenchrt.datasets.sources.debian_packages import LICENCE, leaves_of, load_packages
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.synthetic_ratings import generate_ratings
from aibenchrt.datasets.web_pages.compose import Sizes, compose_web
from aibenchrt.datasets.web_pages.queries import target_page
from aibenchrt.datasets.web_pages.world import Page, WebWorld, Writing
from aibenchrt.progress import Progress

PACKAGES = (SourcePackage("MovieLens-100k", movielens.PACKAGE, "GroupLens terms: fetched, never redistributed"),)
_MORE = {"sheets": Page, "writings": Writing}  # what a WebWorld has beyond a World
# The time split is that of movielens_shop, which has the same users.
REAL = Sizes(
    rank_from=0.48, validation_from=0.60, test_from=0.65, unvisited=1.0, copies=0.12,
    fit=3000, rank=4000, validation=1000, test=3600, articles=(36_000, 1200),
)  # fmt: skip
SYNTHETIC = Sizes(
    rank_from=0.50, validation_from=0.65, test_from=0.72, unvisited=0.5, copies=0.12,
    fit=1000, rank=1200, validation=300, test=2400, articles=(2400, 200),
)  # fmt: skip


def sizes(world: WebWorld) -> str:
    pages = (
        f"{len(world.sheets):,} pages ({len(world.copies):,} copies), {len(world.users):,} users, {len(world.interactions):,} interactions"
    )
    held_out = f"{len(world.queries_of('test')):,} requests held out"
    return f"{pages}, {sum(w.split == 'train' for w in world.writings):,} texts to learn summaries from; {held_out}"


def payloads(world: WebWorld, source: str, split: str = "test") -> list[Payload]:
    """The requests of the source "queries" and a split, in order of their ids. reference: the synopsis of the target page."""
    if source != "queries":
        raise ValueError(f"web_pages has no source {source!r}; it has queries")
    return [
        Payload(
            {"text": {"text": q.text}, "user": {"user_id": q.user_id}},
            {"relevant": q.truth, "label": q.label, "reference": world.synopsis[target_page(q)]},
            q.query_id,
            q.clean,
            q.part,
        )
        for q in world.queries_of(split)
    ]


def _real(seed: int, progress: Progress) -> WebWorld:
    snapshot = load_packages(progress)
    observed = (
        Provenance("pages: names and long descriptions of packages", "observed", snapshot.said, LICENCE),
        Provenance("synopses, which queries and summaries' references are made from", "observed", snapshot.said, LICENCE),
        Provenance(
            "users, and which film each liked when", "observed", "MovieLens-100k, from the recbole 1.2.1 wheel", PACKAGES[0].licence
        ),
    )
    return compose_web("real", seed, movielens.load_ratings(progress), leaves_of(snapshot.packages), REAL, observed + _by_hand())


def _synthetic(seed: int, _progress: Progress) -> WebWorld:
    generated = (
        Provenance("pages and synopses", "composed", "generated sentences, seeded", "Apache-2.0"),
        Provenance("users, and what each liked when", "composed", "generated from latent tastes, seeded", "Apache-2.0"),
    )
    leaves = synthetic_articles.generate_leaves(seed)
    return compose_web("synthetic", seed, generate_ratings(seed), leaves, SYNTHETIC, generated + _by_hand())


def _by_hand() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        "tie of each film liked to a page: constructed, by category, drawn by seed",
        "tie of ten groups of Debian's sections to ten film categories",
        "the site: addresses, lists of topics, HTML",
        "duplicates: copies of pages, exact and nearly so",
        "query texts: words of the wanted page's synopsis, put otherwise and misspelt",
        "truth: constructed, known-item: held-out likes whose synopsis has the query's words",
        "mix of returning (85 %) and new visitors",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[WebWorld] = WorldCache(
    "web_pages",
    __name__,
    {"real": _real, "synthetic": _synthetic},
    lambda world, folder: save(world, folder, _MORE),
    lambda folder: load(folder, WebWorld, _MORE),
)
