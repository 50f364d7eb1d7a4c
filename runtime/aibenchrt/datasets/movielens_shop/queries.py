"""Requests with ground truth, composed from what users went on to like.

A text request is a user and a query, put into words by phrases.py, for one of the categories in which the user liked something in the
period, with or without one attribute of an item liked there (its year, its decade, or a second genre). A photo request has a photo of the
category's class in place of words. The truth is every matching item that the user liked in the period. Items rated below LIKED are not
relevant: the user saw them and did not like them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aibenchrt.datasets.draws import choose
from aibenchrt.datasets.interactions.askers import Askers, Period, Wish, askers_of
from aibenchrt.datasets.movielens_shop.phrases import TitleWords, Vocabulary, phrase, typed
from aibenchrt.datasets.rows import SPLITS, Interactions, Item, PhotoQuery, Photos, Query
from aibenchrt.datasets.sources.departments import own_genres

ATTRIBUTES = {"": 0.35, "genre": 0.35, "era": 0.30}  # probability of each attribute; "genre" gives none for an item without a second genre


def compose_queries(
    periods: Sequence[Period], interactions: Interactions, items: Mapping[int, Item], vocabulary: Vocabulary, rng: np.random.Generator
) -> tuple[Query, ...]:
    """The text requests of every period, ids from 0. A query that copies an indexed title, or repeats one of the user's, is drawn again."""
    titles = TitleWords(item.title for item in items.values())
    queries: list[Query] = []
    for period in periods:
        askers = askers_of(period, interactions, items)
        asked: set[tuple[int, str]] = set()
        for _ in range(period.texts if askers.likes else 0):
            query = _new_query(len(queries), period, askers, asked, titles, vocabulary, rng)
            asked.add((query.user_id, query.text))
            queries.append(query)
    return tuple(queries)


def _new_query(
    query_id: int,
    period: Period,
    askers: Askers,
    asked: set[tuple[int, str]],
    titles: TitleWords,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> Query:
    for _ in range(1000):
        wish = askers.draw(rng)
        attribute = _attribute(wish, rng)
        clean = phrase(wish.label, attribute, period.split != "train", vocabulary, rng)
        text = typed(clean, rng)
        if not titles.copied_in(clean) and not titles.copied_in(text) and (wish.user_id, text) not in asked:
            truth = tuple(item.item_id for item in wish.liked if matches(item, attribute))
            return Query(query_id, period.split, period.part, wish.user_id, wish.label, text, clean, attribute, truth)
    raise AssertionError("a thousand phrases in a row copied a title or an earlier query")


def _attribute(wish: Wish, rng: np.random.Generator) -> str:
    kind = tuple(ATTRIBUTES)[int(rng.choice(len(ATTRIBUTES), p=tuple(ATTRIBUTES.values())))]
    item = wish.target
    if kind == "genre":
        others = [genre for genre in item.genres if genre not in own_genres(wish.label) and genre != "unknown"]
        return f"genre:{choose(others, rng)}" if others else ""
    # Most items are from the nineties, where the year is informative and the decade is not.
    if kind == "era":
        return f"year:{item.year}" if item.year >= 1990 else f"decade:{item.year // 10 * 10}s"
    return ""


def matches(item: Item, attribute: str) -> bool:
    """Whether an item of the right category has the attribute that the query asks for."""
    kind, _, value = attribute.partition(":")
    tests: dict[str, Callable[[], bool]] = {
        "": lambda: True,
        "genre": lambda: value in item.genres,
        "year": lambda: item.year == int(value),
        "decade": lambda: item.year // 10 * 10 == int(value[:4]),
    }
    return tests[kind]()


def compose_photo_queries(
    periods: Sequence[Period], interactions: Interactions, items: Mapping[int, Item], photos: Photos, rng: np.random.Generator
) -> tuple[PhotoQuery, ...]:
    """The photo requests of every period, ids from 0; each photo of the period's split is used at most once."""
    queries: list[PhotoQuery] = []
    used: set[int] = set()
    for period in periods:
        askers = askers_of(period, interactions, items)
        of_split = photos.split == SPLITS.index(period.split)
        by_label = [np.flatnonzero(of_split & (photos.label == label)).tolist() for label in range(int(photos.label.max()) + 1)]
        for _ in range(period.photos if askers.likes else 0):
            wish = askers.draw(rng)
            free = [row for row in by_label[wish.label] if row not in used] or by_label[wish.label]
            photo = choose(free, rng)
            used.add(photo)
            truth = tuple(item.item_id for item in wish.liked)
            queries.append(PhotoQuery(len(queries), period.split, period.part, wish.user_id, wish.label, photo, truth))
    return tuple(queries)
