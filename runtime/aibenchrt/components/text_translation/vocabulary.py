"""Subwords by byte pair encoding (Sennrich, Haddow, Birch 2016, ACL), one vocabulary for both languages. Standard library only.

A text is split into words and signs; a piece that follows a space begins with "▁", so that the text can be restored. Characters that did
not occur in training are `UNKNOWN`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

PADDING, BEGIN, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
_SPACE = "▁"
_PIECE = re.compile(rf"{_SPACE}?(?:[^\W\d_]+|\d|[^\w\s{_SPACE}]|_)|{_SPACE}")


class Vocabulary:
    """symbols: all subwords, SPECIAL first; merges: pairs of symbols, in the order in which they were learned."""

    def __init__(self, symbols: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        self.symbols = tuple(symbols)
        self.merges = tuple((left, right) for left, right in merges)
        self._ids = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._rank = {pair: number for number, pair in enumerate(self.merges)}
        self._cut = lru_cache(maxsize=50_000)(self._subwords)

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> list[int]:
        """The ids of the text's subwords, without BEGIN and END."""
        return [self._ids.get(symbol, UNKNOWN) for piece in pieces(text) for symbol in self._cut(piece)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these subwords; special symbols are left out."""
        return "".join(self.symbols[number] for number in ids if number >= len(SPECIAL)).replace(_SPACE, " ").strip()

    def _subwords(self, piece: str) -> tuple[str, ...]:
        symbols = list(piece)
        while len(symbols) > 1:
            rank, place = min((self._rank.get(pair, len(self._rank)), place) for place, pair in enumerate(pairwise(symbols)))
            if rank == len(self._rank):
                break
            symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        return tuple(symbols)


def pieces(text: str) -> list[str]:
    """The words, single digits and signs of a text (NFC), with "▁" before those that follow a space."""
    return _PIECE.findall(_SPACE + _SPACE.join(unicodedata.normalize("NFC", text).split()))


def learn(texts: Iterable[str], size: int) -> Vocabulary:
    """Learns at most `size` symbols: SPECIAL, the characters that occur at least twice, then the most frequent pair, repeatedly; ties are
    broken by spelling."""
    words = Counter(piece for text in texts for piece in pieces(text))
    characters = Counter(character for word, count in words.items() for character in word for _ in range(count))
    symbols = [*SPECIAL, *sorted(c for c, count in characters.items() if count > 1)][:size]
    merges: list[tuple[str, str]] = []
    state = _Counts([(list(word), count) for word, count in sorted(words.items())])
    while len(symbols) < size:
        best = state.most_frequent()
        if best is None:
            break
        merges.append(best)
        symbols.append(best[0] + best[1])
        state.merge(best)
    return Vocabulary(list(dict.fromkeys(symbols)), merges)


class _Counts:
    """Counts of each pair of adjacent symbols, kept up to date while pairs are merged."""

    def __init__(self, words: list[tuple[list[str], int]]) -> None:
        self._words = words
        self._count: Counter[tuple[str, str]] = Counter()
        self._where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for number in range(len(words)):
            self._add(number, 1)

    def most_frequent(self) -> tuple[str, str] | None:
        """The most frequent pair; None if no pair occurs twice."""
        if not self._count:
            return None
        pair, count = max(self._count.items(), key=lambda entry: (entry[1], entry[0]))
        return pair if count > 1 else None

    def merge(self, pair: tuple[str, str]) -> None:
        for number in sorted(self._where.pop(pair)):
            self._add(number, -1)
            symbols, place = self._words[number][0], 0
            while place < len(symbols) - 1:
                if (symbols[place], symbols[place + 1]) == pair:
                    symbols[place : place + 2] = [pair[0] + pair[1]]
                place += 1
            self._add(number, 1)
        self._count.pop(pair, None)

    def _add(self, number: int, sign: int) -> None:
        symbols, count = self._words[number]
        for pair in pairwise(symbols):
            self._count[pair] += sign * count
            if self._count[pair] <= 0:
                del self._count[pair]
            if sign > 0:
                self._where[pair].add(number)
