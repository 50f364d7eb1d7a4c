"""Query suggestion: earlier queries that start with this one, then queries that share words with it.

Completions come first: longer training-period queries that begin with the query's text, the most frequent first (most popular completion,
Bar-Yossef and Kraus 2011, section 3). If there are too few, they are followed by queries that share terms with it, ordered by the number of
shared terms, then by frequency. Ties are broken by code points.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.query_parsing.service import parse
from aibenchrt.components.query_parsing.terms import query_value
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import QueryWorld

_FILE = "queries.json"


def prepare(world: QueryWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - they matter when it works
    """Writes the training period's parsed queries: [text, terms, number of occurrences]."""
    counted: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for query in world.queries_of("train"):
        value = query_value(parse(query.text))
        if value["term"]:
            counted[str(value["text"]), tuple(value["term"])] += 1
    rows = [[text, terms, count] for (text, terms), count in sorted(counted.items())]
    (folder / _FILE).write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    rows = json.loads((folder / _FILE).read_bytes())
    return Suggester([(text, tuple(terms), count) for text, terms, count in rows], int(settings["top"]))


class Suggester:
    """Implements `Work`. asked: (text, terms, number of occurrences) of earlier queries, sorted by text. Thread-safe: it only reads."""

    def __init__(self, asked: Sequence[tuple[str, tuple[str, ...], int]], top: int) -> None:
        self._texts = [text for text, _, _ in asked]
        self._counts = [count for _, _, count in asked]
        self._with: dict[str, list[int]] = defaultdict(list)
        for place, (_, terms, _) in enumerate(asked):
            for term in terms:
                self._with[term].append(place)
        self._top = top

    def __call__(self, inputs: Values) -> Values:
        query = inputs["query"]
        suggestions = dict.fromkeys(self._completions(query["text"]))
        if len(suggestions) < self._top:
            suggestions |= dict.fromkeys(self._related(query["text"], query["term"]))
        return {"suggestions": {"text": [self._texts[place] for place in list(suggestions)[: self._top]]}}

    def _completions(self, text: str) -> list[int]:
        if not text:
            return []
        start = bisect_left(self._texts, text)
        places = []
        for place in range(start, len(self._texts)):
            if not self._texts[place].startswith(text):
                break
            if self._texts[place] != text:
                places.append(place)
        return sorted(places, key=lambda place: (-self._counts[place], place))[: self._top]

    def _related(self, text: str, terms: Sequence[str]) -> Iterator[int]:
        shared: Counter[int] = Counter()
        for term in dict.fromkeys(terms):
            shared.update(self._with.get(term, ()))
        most = 2 * self._top + 1  # the query itself and its completions may be among them
        for place in heapq.nsmallest(most, shared, key=lambda place: (-shared[place], -self._counts[place], place)):
            if self._texts[place] != text:
                yield place
