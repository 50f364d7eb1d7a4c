"""Composes a web world from ratings and texts: pages on ten topics, some of them copied, with film ratings as visits; requests with truth.

Everything that is served is computed only from interactions before `validation_start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.interactions.askers import Period
from aibenchrt.datasets.interactions.served import standing, user_records
from aibenchrt.datasets.rows import Interactions, Item, Photos, Provenance
from aibenchrt.datasets.sources.debian_packages import TOPICS, Leaf
from aibenchrt.datasets.sources.departments import CATEGORIES, category_of
from aibenchrt.datasets.sources.movielens import Ratings, RawItem
from aibenchrt.datasets.web_pages.queries import compose_web_queries, telling
from aibenchrt.datasets.web_pages.world import Page, WebWorld, Writing


@dataclass(frozen=True)
class Sizes:
    """Where the periods of a world begin, and how much there is of each kind.

    rank_from … test_from: fractions of the interactions in chronological order. unvisited, copies: numbers of pages without visitors and of
    duplicates, as fractions of the number of visited pages. fit … test: requests per period. articles: the most in the training and in the
    validation split.
    """

    rank_from: float
    validation_from: float
    test_from: float
    unvisited: float
    copies: float
    fit: int
    rank: int
    validation: int
    test: int
    articles: tuple[int, int]


def compose_web(
    variant: str, seed: int, ratings: Ratings, leaves: Sequence[Leaf], sizes: Sizes, provenance: tuple[Provenance, ...]
) -> WebWorld:
    """The world without its version, which store.py computes."""
    last = len(ratings.time) - 1
    rank_start, validation_start, test_start = (
        int(ratings.time[min(last, int(share * len(ratings.time)))]) for share in (sizes.rank_from, sizes.validation_from, sizes.test_from)
    )
    split = ((ratings.time >= validation_start).astype(np.int8) + (ratings.time >= test_start)).astype(np.int8)
    interactions = Interactions(ratings.user, ratings.item, ratings.rating, ratings.time, split)
    training = interactions.of("train")
    chosen = _chosen_pages(ratings.items, leaves, sizes, rng_of(seed, "pages"))
    sheets, labels = _with_copies(chosen, sizes, rng_of(seed, "copies"))
    items = _items(sheets, labels, training)
    users = user_records(ratings.users, training, {item.item_id: item.category for item in items})
    end = int(ratings.time[-1]) + 1
    periods = (
        Period("fit", "train", int(ratings.time[0]), rank_start, sizes.fit, 0),
        Period("rank", "train", rank_start, validation_start, sizes.rank, 0),
        Period("validation", "validation", validation_start, test_start, sizes.validation, 0),
        Period("test", "test", test_start, end, sizes.test, 0),
    )
    synopsis = {page.item_id: page.synopsis for page in sheets}
    by_id = {item.item_id: item for item in items}
    return WebWorld(
        version="",
        variant=variant,
        seed=seed,
        categories=tuple(TOPICS),
        items=items,
        users=users,
        interactions=interactions,
        queries=compose_web_queries(periods, interactions, by_id, synopsis, rng_of(seed, "web queries")),
        photo_queries=(),
        photos=Photos(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int8)),
        rank_start=rank_start,
        validation_start=validation_start,
        test_start=test_start,
        provenance=provenance,
        sheets=sheets,
        writings=_writings(leaves, chosen, sizes, rng_of(seed, "writings")),
    )


def _chosen_pages(films: Sequence[RawItem], leaves: Sequence[Leaf], sizes: Sizes, rng: Rng) -> dict[int, Leaf]:
    """Item id → text: each film gets a held-out text of its topic; further texts, as many as `unvisited` says, belong to no film.

    Uses one text per group, so that the only near duplicates are the planted ones. ValueError: there are too few texts.
    """
    firsts: dict[str, Leaf] = {}
    for leaf in leaves:
        if leaf.split == "test" and telling(leaf.synopsis, leaf.title):
            known = firsts.get(leaf.group)
            if known is None or (len(leaf.title), leaf.title) < (len(known.title), known.title):
                firsts[leaf.group] = leaf
    next_id = 1 + max(film.item_id for film in films)
    chosen: dict[int, Leaf] = {}
    for topic in range(len(CATEGORIES)):
        of_topic = [firsts[group] for group in sorted(firsts) if firsts[group].topic == topic]
        ids = sorted(film.item_id for film in films if category_of(film.genres) == topic)
        if len(of_topic) < len(ids):
            raise ValueError(f"topic {topic} has {len(of_topic)} texts for {len(ids)} pages that are visited")
        others = min(len(of_topic) - len(ids), round(sizes.unvisited * len(ids)))
        ids += range(next_id, next_id + others)
        next_id += others
        drawn = rng.permutation(len(of_topic))[: len(ids)].tolist()
        chosen |= {item_id: of_topic[k] for item_id, k in zip(ids, drawn, strict=True)}
    return dict(sorted(chosen.items()))


def _with_copies(chosen: dict[int, Leaf], sizes: Sizes, rng: Rng) -> tuple[tuple[Page, ...], dict[int, int]]:
    """All pages, copies after the originals, and item id → label. Every other copy is exact, the others nearly so."""
    pages = [Page(item_id, f"/page/{item_id}.html", leaf.title, leaf.synopsis, leaf.text, 0) for item_id, leaf in chosen.items()]
    labels = {item_id: leaf.topic for item_id, leaf in chosen.items()}
    sources = rng.choice(len(pages), size=round(sizes.copies * len(pages) / (1 + sizes.unvisited)), replace=False)
    next_id = 1 + max(chosen)
    for number, source in enumerate(sources.tolist()):
        page = pages[source]
        item_id = next_id + number
        text = page.text if number % 2 == 0 else _nearly(page.text, rng)
        pages.append(Page(item_id, f"/mirror/{item_id}.html", page.title, page.synopsis, text, page.item_id))
        labels[item_id] = labels[page.item_id]
    return tuple(pages), labels


def _nearly(text: str, rng: Rng) -> str:
    """The same text to a reader, with changed case at the beginning of a line, double spaces, or a full stop added or removed."""
    lines = [line[:1].swapcase() + line[1:] for line in text.split("\n")]
    words = "\n".join(lines).split(" ")
    at = int(rng.integers(1, max(2, len(words))))
    return " ".join([*words[:at], "", *words[at:]]).rstrip(".") + (" ." if rng.random() < 0.5 else "")


def _items(sheets: Sequence[Page], labels: dict[int, int], training: Interactions) -> tuple[Item, ...]:
    ids = np.array([page.item_id for page in sheets])
    stands = standing(ids, np.array([labels[page.item_id] for page in sheets]), training)
    return tuple(
        Item(
            item_id=page.item_id,
            title=page.title,
            category=labels[page.item_id],
            year=0,
            genres=(),
            tier=tier,
            price=0.0,
            interactions=count,
            popularity=popularity,
            rating=rating,
            photos=(),
            text=f"{page.title}\n{page.text}",
        )
        for page, (tier, count, popularity, rating) in zip(sheets, stands, strict=True)
    )


def _writings(leaves: Sequence[Leaf], chosen: dict[int, Leaf], sizes: Sizes, rng: Rng) -> tuple[Writing, ...]:
    """The articles: training and validation texts drawn from those splits; the test articles are the pages' texts."""
    writings: list[Writing] = []
    for split, most in zip(("train", "validation"), sizes.articles, strict=True):
        own = [leaf for leaf in leaves if leaf.split == split]
        kept = sorted(rng.permutation(len(own))[:most].tolist())
        writings += [Writing(split, own[k].text, own[k].synopsis) for k in kept]
    return (*writings, *(Writing("test", leaf.text, leaf.synopsis) for leaf in chosen.values()))
