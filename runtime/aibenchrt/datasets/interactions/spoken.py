"""Queries as speech: what their users meant, spoken by synthetic_speech. Visits, which have no words, become requests for the news.

This is neither a voice nor a recording: no obtainable data contain these queries spoken by people. What a recogniser has to do is real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aibenchrt.datasets.rows import Query
from aibenchrt.datasets.sources.synthetic_speech import speak

# Each takes some milliseconds of CPU time to speak.
MOST: Mapping[str, int] = {"train": 400, "validation": 24, "test": 120}
# How users ask for the news; the wording differs between splits, so that no transcript is in two of them.
FRAMES: Mapping[str, tuple[str, ...]] = {
    "train": (
        "read me the news about {}",
        "what is new in {}",
        "news on {} please",
        "tell me about {}",
        "open {} and read it",
        "more of {}",
    ),
    "validation": ("anything new about {}",),
    "test": ("read the latest about {}", "what happened in {} today", "give me {} news"),
}


@dataclass(frozen=True)
class SpokenQuery:
    """A spoken query. text: what is said. wav: 16 kHz mono, 16-bit."""

    query_id: int
    text: str
    wav: bytes


class Queried(Protocol):
    """A world with queries. categories: names, in the order of their labels."""

    @property
    def seed(self) -> int: ...
    @property
    def categories(self) -> Sequence[str]: ...
    def queries_of(self, split: str) -> Sequence[Query]: ...


def spoken(world: Queried, split: str) -> tuple[SpokenQuery, ...]:
    """The queries of `transcripts` as speech. ValueError: no such split."""
    said = transcripts(world, split)
    return tuple(SpokenQuery(number, text, speak(text, np.random.default_rng([world.seed, 9, number]))) for number, text in said.items())


def transcripts(world: Queried, split: str) -> dict[int, str]:
    """Query id → what is said, for the spoken queries of a split: at most MOST, in order of their ids. No transcript is in two splits.

    ValueError: no such split.
    """
    if split not in MOST:
        raise ValueError(f"no split {split!r}; there are {', '.join(MOST)}")
    chosen = _texts(world, split)
    if split == "train":
        return chosen
    elsewhere = {text for other in MOST if other != split for text in _texts(world, other).values()}
    return {number: text for number, text in chosen.items() if text not in elsewhere}


def _texts(world: Queried, split: str) -> dict[int, str]:
    """Query id → what is said, for the queries of a split that are chosen to be spoken."""
    queries = world.queries_of(split)
    order = np.random.default_rng([world.seed, 9]).permutation(len(queries))[: MOST[split]]
    return {queries[place].query_id: _said(world, queries[place]) for place in np.sort(order).tolist()}


def _said(world: Queried, query: Query) -> str:
    if query.clean:
        return query.clean
    frames = FRAMES[query.split]
    return frames[query.query_id % len(frames)].format(world.categories[query.label])
