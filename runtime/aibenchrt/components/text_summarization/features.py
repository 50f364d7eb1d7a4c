"""Splits a text into words and computes their features, the same code for training and serving. Standard library and numpy only.

A word is what ROUGE counts: a run of ASCII letters and digits. Its position in the text is kept, so that a summary can show it as written.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LONGEST = 96  # the most words of a text that a tagger reads
BUCKETS = 1 << 15  # table rows for hashed words, prefixes and suffixes; 0 is padding
PLACES, COUNTS, SHAPES = (
    25,
    5,
    9,
)  # sizes of the small tables: position in the line, number of occurrences, shape; 0 is padding
COLUMNS = 7  # word, prefix, suffix | position in the text, position in the line, count, shape

_WORD = re.compile(r"[A-Za-z0-9]+")
_END = re.compile(r"[.;:!?\n]")


@dataclass(frozen=True)
class Word:
    """The word text[start:end]. line: the number of words before it since the last end of a sentence or line."""

    start: int
    end: int
    line: int


def split(text: str, longest: int) -> list[Word]:
    """The first `longest` words of a text."""
    words: list[Word] = []
    last = line = 0
    for match in _WORD.finditer(text):
        if words and _END.search(text, last, match.start()):
            line = 0
        words.append(Word(match.start(), match.end(), line))
        if len(words) == longest:
            break
        last, line = match.end(), line + 1
    return words


def lowered(text: str, words: Sequence[Word]) -> list[str]:
    return [text[word.start : word.end].lower() for word in words]


def said(text: str, words: Sequence[Word], kept: Sequence[int]) -> str:
    """The kept words, given by ascending indices, as written; what is between two adjacent words is kept, unless it ends a line."""
    pieces: list[str] = []
    for place, number in enumerate(kept):
        word = words[number]
        if place:
            before = words[kept[place - 1]]
            between = text[before.end : word.start]
            pieces.append(between if number == kept[place - 1] + 1 and "\n" not in between else " ")
        pieces.append(text[word.start : word.end])
    return "".join(pieces)


def ids(texts: Sequence[str], longest: int = LONGEST) -> NDArray[np.int32]:
    """(texts, n, COLUMNS) int32, where n is the largest number of words of a text (at least 2), 0-padded."""
    rows = [_rows(text, split(text, longest)) for text in texts]
    matrix = np.zeros((len(texts), max([2, *map(len, rows)]), COLUMNS), dtype=np.int32)
    for number, row in enumerate(rows):
        if row:
            matrix[number, : len(row)] = row
    return matrix


def _rows(text: str, words: Sequence[Word]) -> list[tuple[int, ...]]:
    low = lowered(text, words)
    count = Counter(low)
    return [
        (
            _bucket(known),
            _bucket(f"{known[:4]}-"),
            _bucket(f"-{known[-3:]}"),
            place + 1,
            min(word.line, PLACES - 2) + 1,
            min(count[known], COUNTS - 1),
            _shape(text[word.start : word.end]) + 4 * _opens(text, word.start) + 1,
        )
        for place, (word, known) in enumerate(zip(words, low, strict=True))
    ]


def _shape(word: str) -> int:
    """The shape of a word: 0 lower case, 1 capitalised, 2 all capitals, 3 with a digit."""
    if any(character.isdigit() for character in word):
        return 3
    return 2 if word.isupper() and len(word) > 1 else int(word[0].isupper())


def _opens(text: str, start: int) -> int:
    """1 if the word follows an opening bracket, quote, hyphen or slash."""
    return int(start > 0 and text[start - 1] in "([{\"'-/_")


def _bucket(gram: str) -> int:
    return 1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)


def kept_words(text: Sequence[str], summary: Sequence[str]) -> list[int]:
    """Indices of the words of the text that form a longest common subsequence with the summary (as in ROUGE-L), the earliest ones."""
    words = set(summary)
    places = [number for number, word in enumerate(text) if word in words]
    length = np.zeros((len(places) + 1, len(summary) + 1), dtype=np.int32)  # longest common subsequence of what follows from there
    for i in range(len(places) - 1, -1, -1):
        for j in range(len(summary) - 1, -1, -1):
            same = text[places[i]] == summary[j]
            length[i, j] = 1 + length[i + 1, j + 1] if same else max(length[i + 1, j], length[i, j + 1])
    kept, i, j = [], 0, 0
    while i < len(places) and j < len(summary):
        if text[places[i]] == summary[j]:
            kept.append(places[i])
            i, j = i + 1, j + 1
        elif length[i, j + 1] >= length[i + 1, j]:
            j += 1
        else:
            i += 1
    return kept
