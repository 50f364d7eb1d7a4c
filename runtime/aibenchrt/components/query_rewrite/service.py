"""Query rewriting: relaxes a query that may find nothing, and expands it by synonyms learnt from what users liked after their queries.

Relaxing removes words that occur in no item's text, unless no word would be left. Expanding adds a synonym to each remaining word. Two
words are synonyms if users liked the same items after queries with either: a word's synonym is the word with the highest cosine between
the two words' counts of liked items, if that is at least LEAST (Jones et al. 2006, Generating Query Substitutions, with items in place of
sessions). Phrases, filters and exclusions stay as they are.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aibenchrt.components.query_parsing.service import parse
from aibenchrt.components.query_parsing.terms import Term, query_value, read_term, words
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import SearchedWorld

LEAST = 0.5  # cosine
SEEN = 5  # the fewest queries in which a word must occur to have, or be, a synonym
_FILE = "words.json"


def prepare(world: SearchedWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - it has no settings
    """Writes the words of the items, and synonyms from the part of the training period before the one that rankers train on."""
    known = sorted({word for item in world.items for word in words(item.text)})
    table = {"known": known, "synonym": synonyms((plain(query.text), query.truth) for query in world.queries_of("train", "fit"))}
    (folder / _FILE).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, keeps nothing
    table = json.loads((folder / _FILE).read_bytes())
    return Rewriter(frozenset(table["known"]), table["synonym"])


def plain(text: str) -> list[str]:
    """The words that a query searches for, outside phrases, filters and exclusions."""
    return [term.words[0] for term in parse(text) if term.plain]


def synonyms(asked: Iterable[tuple[Sequence[str], Sequence[int]]]) -> dict[str, str]:
    """Word → its synonym. asked: (words, ids of the items liked afterwards) of each query. Ties are broken by code points."""
    taken: dict[str, Counter[int]] = defaultdict(Counter)
    seen: Counter[str] = Counter()
    for terms, goods in asked:
        for word in dict.fromkeys(terms):
            seen[word] += 1
            taken[word].update(goods)
    often = sorted(word for word, count in seen.items() if count >= SEEN and taken[word])
    if len(often) < 2:
        return {}
    place = {good: k for k, good in enumerate(sorted({good for word in often for good in taken[word]}))}
    counts = np.zeros((len(often), len(place)))
    for row, word in enumerate(often):
        for good, count in taken[word].items():
            counts[row, place[good]] = count
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    cosine = counts @ counts.T
    np.fill_diagonal(cosine, -1.0)
    nearest = cosine.argmax(axis=1)
    return {word: often[nearest[row]] for row, word in enumerate(often) if cosine[row, nearest[row]] >= LEAST}


class Rewriter:
    """Implements `Work`. known: the words of the items. Thread-safe: it only reads."""

    def __init__(self, known: frozenset[str], synonym: Mapping[str, str]) -> None:
        self._known, self._synonym = known, synonym

    def __call__(self, inputs: Values) -> Values:
        terms = [read_term(term) for term in inputs["query"]["term"]]
        kept = [term for term in terms if not term.plain or term.words[0] in self._known] or terms
        more = [Term((self._synonym[term.words[0]],)) for term in kept if term.plain and term.words[0] in self._synonym]
        return {"query": query_value(dict.fromkeys([*kept, *more]))}
