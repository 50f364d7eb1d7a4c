"""Spelling correction: a noisy-channel model over the words that people write (Kernighan, Church and Gale 1990; Cucerzan and Brill 2004).

Known words, numbers, short words, phrases and filters stay. Any other word is replaced by the known word that maximises log frequency −
EDIT_COST · edits among those within 1 edit (for words of up to SHORT letters) or 2 edits (Damerau, optimal string alignment), found by
symmetric-delete search (symspellpy, distances by rapidfuzz). A word without such a candidate stays.
"""

from __future__ import annotations

import importlib.resources
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rapidfuzz.distance import OSA
from symspellpy import SymSpell, Verbosity
from symspellpy.abstract_distance_comparer import AbstractDistanceComparer
from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from aibenchrt.components.query_parsing.service import parse
from aibenchrt.components.query_parsing.terms import Term, query_value, read_term, words
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import SearchedWorld
    from aibenchrt.datasets.rows import Query


# Chosen on the validation split; see README.md.
EDIT_COST = 6.0
SHORTEST = 3  # letters: shorter words stay
SHORT = 4
ENGLISH_WEIGHT = 2000  # the English list counts as this many words of query log
LEARNT_COUNT = 3  # how often a word that is in no list must be typed to be learnt…
LEARNT_RATIO = 5  # …unless a known word one edit away is this many times as frequent

_SCALE = 1000  # counts in words.tsv are integers, in thousandths of a word of query log
_PREFIX = 6  # prefix length of symspell's index; 7 is twice as fast, but takes 1.5 times as long to open and twice the memory


def prepare(world: SearchedWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - it has no settings
    """Writes words.tsv: each known word and its frequency. Reads what was typed in the training period, never what was meant."""
    shop = Counter(word for item in world.items for word in words(item.text))
    typed = Counter(word for query in world.queries_of("train") for word in words(query.text))
    english = english_words()
    known = {word: shop[word] + typed[word] + ENGLISH_WEIGHT * english.get(word, 0.0) for word in sorted({*english, *shop})}
    known |= {word: float(typed[word]) for word in learnt_words(typed, known)}
    lines = [f"{word}\t{max(1, round(_SCALE * count))}\n" for word, count in sorted(known.items())]
    (folder / "words.tsv").write_text("".join(lines), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it has no settings, keeps nothing
    lines = (folder / "words.tsv").read_text(encoding="utf-8").splitlines()
    return Corrector({word: int(count) for word, count in (line.split("\t") for line in lines)})


class Corrector:
    """Implements `Work`. frequency: of every known word, in any unit. Thread-safe: it only reads."""

    def __init__(self, frequency: Mapping[str, int]) -> None:
        self._frequency = frequency
        self._index = _index(frequency, 2)

    def __call__(self, inputs: Values) -> Values:
        terms = [self._correct_term(read_term(term)) for term in inputs["query"]["term"]]
        return {"query": query_value(dict.fromkeys(terms))}

    def _correct_term(self, term: Term) -> Term:
        return Term((self.correct(term.words[0]),)) if term.plain else term

    def correct(self, word: str) -> str:
        if word in self._frequency or len(word) < SHORTEST or not word.isalpha():
            return word
        candidates = self._index.lookup(word, Verbosity.ALL, 1 if len(word) <= SHORT else 2)
        if not candidates:
            return word
        best: str = max(candidates, key=lambda entry: (math.log(entry.count) - EDIT_COST * entry.distance, entry.term)).term
        return best


def english_words() -> dict[str, float]:
    """Word → its relative frequency in English text: the list that comes with symspellpy (82,765 words, MIT)."""
    text = importlib.resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    counts: Counter[str] = Counter()
    for line in text.splitlines():
        entry, count = line.split(" ")
        for word in words(entry):
            counts[word] += int(count)
    total = counts.total()
    return {word: count / total for word, count in counts.items()}


def learnt_words(typed: Mapping[str, int], known: Mapping[str, float]) -> list[str]:
    """Words that are typed often, are in no list, and are not misspellings of a much more frequent word."""
    index = _index({word: 1 + typed.get(word, 0) for word in known}, 1)
    learnt = []
    for word, count in sorted(typed.items(), key=lambda pair: (-pair[1], pair[0])):  # a learnt word counts as known from then on
        if count >= LEARNT_COUNT and word not in known and word.isalpha():
            nearest = max((entry.count for entry in index.lookup(word, Verbosity.ALL, 1)), default=0)
            if nearest < LEARNT_RATIO * count:
                learnt.append(word)
                index.create_dictionary_entry(word, count)
    return learnt


def accuracy(work: Work, queries: Iterable[Query]) -> tuple[float, float]:
    """The metric: the fraction of queries that come out as the terms of what was meant, and the same without correction."""
    corrected = untouched = count = 0
    for query in queries:
        typed, meant = (query_value(parse(text)) for text in (query.text, query.clean))
        corrected += work({"query": typed})["query"] == meant
        untouched += typed == meant
        count += 1
    return corrected / count, untouched / count


class _Osa(AbstractDistanceComparer):  # type: ignore[misc]  # symspellpy has no types
    """Damerau's distance by optimal string alignment; −1 if it is more than `max_distance`."""

    def distance(self, string_1: str, string_2: str, max_distance: int) -> int:
        distance: int = OSA.distance(string_1, string_2, score_cutoff=max_distance)
        return distance if distance <= max_distance else -1


def _index(frequency: Mapping[str, int], edits: int) -> SymSpell:
    index = SymSpell(edits, _PREFIX, distance_comparer=EditDistance(DistanceAlgorithm.USER_PROVIDED, _Osa()))
    for word, count in frequency.items():
        index.create_dictionary_entry(word, count)
    return index
