"""Indexing: BM25 search over one tier of the items in sharded tantivy indexes; the predicted category decides where it looks.

With the setting `where everywhere`, search is not restricted to categories: an item's score is BM25 of the query's words ·
(1 + POPULARITY_BOOST · its popularity), and at least one word has to match, unless the query consists of filters only.

Otherwise an item's score is (CATEGORY_BOOST · p(its category) + BM25 of the query's words) · (1 + POPULARITY_BOOST · its popularity). Only
items of the most probable categories are found (see `searched`); filters (`year:1995`, `-horror`, "a phrase") must match, words need not.
Without a query (for photos), only category and training-period popularity remain.

Shards are assigned by crc32 of the item id. Scores of different shards and tiers are comparable: tantivy computes idf within one index, so
each term is boosted by (idf in the whole catalogue / idf in the shard). Average field lengths are those of the shard.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tantivy
from tantivy import Occur, Query

from aibenchrt.components.query_parsing.service import work as parse
from aibenchrt.components.query_parsing.terms import Term, read_term, words
from aibenchrt.values import Value, Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ItemWorld
    from aibenchrt.datasets.rows import Item
    from aibenchrt.datasets.rows import Query as TextQuery


# Chosen on the validation split; see README.md.
CATEGORY_BOOST = 5.0
POPULARITY_BOOST = 2.0
FIELDS = ("title", "attributes")  # attributes: what follows the title in `Item.text`: genres, year and decade in words, or a page's text
FIELD_BOOST = {"title": 0.2, "attributes": 6.0}
FIELD_BOOST_EVERYWHERE = {"title": 0.3, "attributes": 1.0}
MASS = 0.9  # categories are searched, most probable first, until they add up to this probability…
LEAST = 0.05  # …and as long as each has at least this one

TIERS: dict[str, tuple[str, ...]] = {
    "all": ("excellent", "good", "bad"),
    "excellent": ("excellent",),
    "good": ("good",),
    "bad": ("bad",),
    "others": ("good", "bad"),
}

_HEAP = 15_000_000  # bytes; the least that tantivy accepts
_YEARS = re.compile(r"(\d{4})(?:\.\.(\d{4}))?")
_DECADE = re.compile(r"(?:(\d\d)?(\d)0s?)")


def prepare(world: ItemWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """Writes one index per shard, and the document frequencies in the whole catalogue. Indexes only words of `Item.text`."""
    documents = {item.item_id: _fields(item) for item in world.items}
    frequencies = {field: Counter(word for fields in documents.values() for word in set(fields[field])) for field in FIELDS}
    statistics = {"documents": len(documents), "frequency": {field: dict(sorted(count.items())) for field, count in frequencies.items()}}
    (folder / "statistics.json").write_text(json.dumps(statistics, ensure_ascii=False))
    tiers = TIERS[str(settings["tier"])]
    shards = int(settings["shards"])
    for shard in range(shards):
        path = folder / str(shard)
        path.mkdir()
        chosen = [item for item in world.items if item.tier in tiers and shard_of(item.item_id, shards) == shard]
        _write(path, sorted(chosen, key=lambda item: item.item_id), documents)


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    return Search(folder, int(settings["shards"]), int(settings["limit"]), everywhere=settings.get("where") == "everywhere")


def shard_of(item_id: int, shards: int) -> int:
    return zlib.crc32(str(item_id).encode()) % shards


def searched(category: Value) -> list[tuple[int, float]]:
    """The categories to search, with their probabilities: at least the most probable one. ValueError: there is none."""
    pairs = sorted(zip(category["label"], category["probability"], strict=True), key=lambda pair: (-pair[1], pair[0]))
    if not pairs:
        raise ValueError("the category is empty, so there is nothing to search in")
    chosen, mass = [pairs[0]], pairs[0][1]
    for label, probability in pairs[1:]:
        if mass >= MASS or probability < LEAST:
            break
        chosen.append((label, probability))
        mass += probability
    return chosen


def recall(search: Work, queries: Sequence[TextQuery], *, query: bool) -> float:
    """The metric: the mean fraction of a query's relevant items that are found, given the true category and no misspellings.

    query False: without the text, as for photos.
    """
    shares = []
    for asked in queries:
        inputs: dict[str, Value] = {"category": {"label": [asked.label], "probability": [1.0]}}
        if query:
            inputs |= parse({"text": {"text": asked.clean}})
        answer = search(inputs)["items"]["item_id"]
        shares.append(len(set(answer) & set(asked.truth)) / len(asked.truth))
    return sum(shares) / len(shares)


class Search:
    """Implements `Work` over the shards of one tier, open for reading. Thread-safe: tantivy's searchers are snapshots."""

    def __init__(self, folder: Path, shards: int, limit: int, *, everywhere: bool = False) -> None:
        statistics = json.loads((folder / "statistics.json").read_bytes())
        boosts = FIELD_BOOST_EVERYWHERE if everywhere else FIELD_BOOST
        self._shards = [_Shard(folder / str(shard), statistics, boosts) for shard in range(shards)]
        self._limit = limit
        self._everywhere = everywhere

    def __call__(self, inputs: Values) -> Values:
        categories = None if self._everywhere else searched(inputs["category"])
        query = inputs.get("query")
        terms = [read_term(term) for term in query["term"]] if query is not None else []
        scored: list[tuple[float, int, int, float]] = []
        hits = 0
        for shard in self._shards:
            count, goods = shard.search(categories, terms, self._limit)
            hits += count
            scored += goods
        scored.sort(key=lambda good: (-good[0], good[1]))
        del scored[self._limit :]
        zeros = [0.0] * len(scored)
        items = {
            "item_id": [good[1] for good in scored],
            "category": [good[2] for good in scored],
            "popularity": [good[3] for good in scored],
            "search_score": [good[0] for good in scored],
            "recommend_score": zeros,
            "rank_score": zeros,
        }
        return {"items": items, "hits": {"value": hits}}


class _Shard:
    def __init__(self, path: Path, statistics: Mapping[str, Any], boosts: Mapping[str, float]) -> None:
        self._index = tantivy.Index.open(str(path))
        self._schema = self._index.schema
        self._searcher = self._index.searcher()
        self._documents = int(statistics["documents"])
        self._frequency = statistics["frequency"]
        self._boosts = boosts
        self._word: Callable[[str], tuple[Query, ...]] = lru_cache(maxsize=10_000)(self._word_queries)

    def search(
        self, categories: list[tuple[int, float]] | None, terms: list[Term], limit: int
    ) -> tuple[int, list[tuple[float, int, int, float]]]:
        """The number of items that match, and the best `limit`: (score, item id, category, popularity). categories None: any."""
        clauses = [] if categories is None else [(Occur.Must, self._categories(categories))]
        for term in terms:
            if term.plain:
                clauses += [(Occur.Should, query) for query in self._word(term.words[0])]
            else:
                occur = Occur.MustNot if term.excluded else Occur.Must
                clauses.append((occur, Query.const_score_query(self._filter(term), 0.0)))
        anything = categories is not None or any(occur != Occur.MustNot for occur, _ in clauses)
        if not anything or (categories is None and any(t.plain for t in terms) and all(occur != Occur.Should for occur, _ in clauses)):
            return 0, []  # an empty query, or this shard has none of the words
        result = self._searcher.search(Query.boolean_query(clauses), limit, weight_by_field="weight")
        addresses = [address for _, address in result.hits]
        columns = [self._searcher.fast_field_values(field, addresses) for field in ("item_id", "category", "popularity")]
        count: int = result.count  # type: ignore[attr-defined]  # missing in tantivy's stubs
        return count, list(zip((score for score, _ in result.hits), *columns, strict=True))

    def _categories(self, categories: list[tuple[int, float]]) -> Query:
        return Query.boolean_query(
            [
                (Occur.Should, Query.const_score_query(Query.term_query(self._schema, "category", label), CATEGORY_BOOST * probability))
                for label, probability in categories
            ]
        )

    def _word_queries(self, word: str) -> tuple[Query, ...]:
        """A BM25 query for each field that has the word, with the idf of the whole catalogue."""
        return tuple(
            Query.boost_query(Query.term_query(self._schema, field, word), boost * self._idf_ratio(field, word))
            for field, boost in self._boosts.items()
            if self._searcher.doc_freq(field, word)
        )

    def _idf_ratio(self, field: str, word: str) -> float:
        local = idf(self._searcher.doc_freq(field, word), self._searcher.num_docs)
        return idf(self._frequency[field][word], self._documents) / local

    def _filter(self, term: Term) -> Query:
        if term.field in ("year", "decade"):
            years = _years(term)
            if years is None:
                return Query.empty_query()
            return Query.range_query(self._schema, "year", tantivy.FieldType.Integer, *years)
        fields = {"genre": ["genre"], "title": ["title"], None: ["title", "attributes"]}[term.field]
        return Query.boolean_query([(Occur.Should, self._phrase(field, term.words)) for field in fields])

    def _phrase(self, field: str, phrase: tuple[str, ...]) -> Query:
        if len(phrase) == 1:
            return Query.term_query(self._schema, field, phrase[0])
        return Query.phrase_query(self._schema, field, list(phrase))


def idf(frequency: int, documents: int) -> float:
    """As tantivy's BM25: ln(1 + (N − n + ½) / (n + ½))."""
    return math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))


def _years(term: Term) -> tuple[int, int] | None:
    """First and last year of `year:1995`, `year:1990..1995`, `decade:1980s`, `decade:80s`; None: not a year."""
    if term.field == "year":
        match = _YEARS.fullmatch(term.words[0])
        return (int(match[1]), int(match[2] or match[1])) if match else None
    match = _DECADE.fullmatch(term.words[0])
    if match is None:
        return None
    first = int(match[1] or 19) * 100 + int(match[2]) * 10
    return first, first + 9


def _fields(item: Item) -> dict[str, list[str]]:
    """Field → its words, all of them from `Item.text`."""
    title, text = words(item.title), words(item.text)
    if text[: len(title)] != title:
        raise ValueError(f"the text of item {item.item_id} does not begin with its title")
    return {"title": title, "attributes": text[len(title) :], "genre": [word for genre in item.genres for word in words(genre)]}


def _write(path: Path, items: list[Item], documents: Mapping[int, Mapping[str, list[str]]]) -> None:
    index = tantivy.Index(_schema(), str(path))
    writer = index.writer(_HEAP, num_threads=1)
    for document in _documents(items, documents):
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _documents(items: list[Item], documents: Mapping[int, Mapping[str, list[str]]]) -> Iterator[tantivy.Document]:
    for item in items:
        fields = documents[item.item_id]
        document = tantivy.Document(**{field: " ".join(fields[field]) for field in ("title", "attributes", "genre")})
        document.add_integer("item_id", item.item_id)
        document.add_integer("category", item.category)
        document.add_integer("year", item.year)
        document.add_float("popularity", item.popularity)
        # tantivy multiplies a score by log2(2 + weight); this weight makes the factor 1 + POPULARITY_BOOST · popularity.
        document.add_float("weight", 2 ** (1 + POPULARITY_BOOST * item.popularity) - 2)
        yield document


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in ("title", "attributes", "genre"):
        builder.add_text_field(field)
    for field in ("item_id", "category", "year"):
        builder.add_integer_field(field, indexed=True, fast=True)
    for field in ("popularity", "weight"):
        builder.add_float_field(field, fast=True)
    return builder.build()
