"""Encodes texts as numbers and back for recognisers: alphabets, and greedy decoding for connectionist temporal classification. Only numpy.

Graves, Fernández, Gomez, Schmidhuber 2006, Connectionist Temporal Classification (ICML), section 3.2, best path decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLANK = 0  # the number for no character; character k of an alphabet has number k + 1


def alphabet_of(texts: Iterable[str]) -> str:
    """Every character that occurs, once, in order of code points."""
    return "".join(sorted(set().union(*map(set, texts))))


def numbers_of(text: str, alphabet: str) -> list[int]:
    """The number, 1 … len(alphabet), of each character; characters that are not in the alphabet are left out."""
    return [place + 1 for place in map(alphabet.find, text) if place >= 0]


def text_of(numbers: Sequence[int], alphabet: str) -> str:
    """The text of numbers 1 … len(alphabet)."""
    return "".join(alphabet[number - 1] for number in numbers)


def best_path(scores: NDArray[Any]) -> list[int]:
    """(steps, 1 + len(alphabet)) scores of each step, BLANK first → the numbers on the best path, without repetitions and blanks."""
    best = scores.argmax(axis=1)
    changed = np.ones(len(best), dtype=bool)
    changed[1:] = best[1:] != best[:-1]
    return [int(number) for number in best[changed] if number != BLANK]
