"""Seeded misspellings of typed words: a neighbouring key, two letters swapped, a letter dropped or doubled (the kinds of Damerau 1964)."""

from __future__ import annotations

import re

import numpy as np

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Letters beside, above and below on a QWERTY keyboard; each lower row is shifted by about half a key."""
    near: dict[str, str] = {}
    for y, row in enumerate(_ROWS):
        for x, letter in enumerate(row):
            around = [(y, x - 1), (y, x + 1), (y - 1, x), (y - 1, x + 1), (y + 1, x - 1), (y + 1, x)]
            near[letter] = "".join(_ROWS[v][w] for v, w in around if 0 <= v < len(_ROWS) and 0 <= w < len(_ROWS[v]))
    return near


NEIGHBOURS = _neighbours()
SHORTEST = 4  # letters; shorter words are typed correctly


def misspell(text: str, share: float, rng: np.random.Generator) -> str:
    """Misspells each word of at least SHORTEST letters with probability `share`, by one edit that keeps its first letter."""
    return " ".join(
        _one_edit(word, rng) if len(word) >= SHORTEST and word.isascii() and word.isalpha() and rng.random() < share else word
        for word in text.split(" ")
    )


def _one_edit(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word)))
    kind = int(rng.integers(4))
    if kind == 0:
        near = NEIGHBOURS[word[at]]
        return word[:at] + near[int(rng.integers(len(near)))] + word[at + 1 :]
    if kind == 1:
        at = min(at, len(word) - 2)
        if word[at] == word[at + 1]:  # swapping equal letters changes nothing
            return word[:at] + word[at + 1 :]
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 2:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at:]


def tokens(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z0-9]+", text.lower()))
