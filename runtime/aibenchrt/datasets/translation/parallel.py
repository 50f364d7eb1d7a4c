"""Pairs of sentences in two languages, split so that no sentence of either language is in two splits.

Pairs that share a sentence of either language, as compared by `normalised`, are linked, and each connected group of pairs (a knot) goes to
one split, by a hash of its text. So the splits do not depend on the order or the number of other pairs.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aibenchrt.datasets.rows import SPLITS

_WORD = re.compile(r"[^\W_]+")
# Fractions of (validation, test); for a knot of several kinds, the first one in this order decides.
HELD_OUT: Mapping[str, tuple[float, float]] = {"caption": (0.06, 0.14), "synopsis": (0.03, 0.06), "paragraph": (0.03, 0.06)}


@dataclass(frozen=True)
class Pair:
    """One sentence in the source language and its reference translation. kind: one of HELD_OUT, or "word", which is for training only."""

    source: str
    target: str
    kind: str
    split: str = ""


@dataclass(frozen=True)
class Pairs:
    """Parallel sentences: source[i] in the source language, target[i] its reference translation."""

    source: tuple[str, ...]
    target: tuple[str, ...]


def normalised(text: str) -> str:
    """The form by which sentences are compared: letters and digits in lower case, words separated by single spaces."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def with_splits(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The pairs in their order, each with its split, without duplicates, pairs in which there is nothing to translate, and words that are
    themselves held-out sentences."""
    once: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        key = (normalised(pair.source), normalised(pair.target))
        if all(key) and key[0] != key[1]:
            once.setdefault(key, pair)
    sentences = [pair for pair in once.values() if pair.kind in HELD_OUT]
    split = {id(pair): name for pair, name in zip(sentences, _splits(sentences), strict=True)}
    held_out = {side for pair in sentences if split[id(pair)] != SPLITS[0] for side in _sides(pair)}
    words = (id(pair) for pair in once.values() if pair.kind not in HELD_OUT and not held_out.intersection(_sides(pair)))
    split |= dict.fromkeys(words, SPLITS[0])
    return tuple(replace(pair, split=split[id(pair)]) for pair in once.values() if id(pair) in split)


def _sides(pair: Pair) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("source", normalised(pair.source)), ("target", normalised(pair.target))


def _splits(pairs: Sequence[Pair]) -> list[str]:
    knot = _knots(pairs)
    names: dict[int, str] = {}
    kinds: dict[int, int] = {}
    order = list(HELD_OUT)
    for pair, root in zip(pairs, knot, strict=True):
        name = normalised(pair.source)
        names[root] = min(names.get(root, name), name)
        kinds[root] = min(kinds.get(root, len(order)), order.index(pair.kind))
    split = {root: _drawn(names[root], *HELD_OUT[order[kinds[root]]]) for root in names}
    return [split[root] for root in knot]


def _drawn(name: str, validation: float, test: float) -> str:
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return SPLITS[2] if place < test else SPLITS[1] if place < test + validation else SPLITS[0]


def _knots(pairs: Sequence[Pair]) -> list[int]:
    """The number of each pair's knot, by union-find over sentences."""
    parent: list[int] = list(range(len(pairs)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    first: dict[tuple[str, str], int] = {}
    for number, pair in enumerate(pairs):
        for sentence in _sides(pair):
            other = root(first.setdefault(sentence, number))
            parent[root(number)] = other
    return [root(number) for number in range(len(pairs))]
