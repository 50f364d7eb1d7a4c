"""A query's hashed features, the same code for training and serving. Standard library and numpy only."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SHORTEST, LONGEST = 3, 5  # character n-grams; words are marked < and > as in Bojanowski et al. 2017


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def subword_ids(word: str, buckets: int) -> list[int]:
    """The word itself and its character n-grams, hashed to 1 … buckets-1."""
    marked = f"<{word}>"
    grams = [marked]
    for length in range(SHORTEST, LONGEST + 1):
        grams += [marked[start : start + length] for start in range(len(marked) - length + 1) if length < len(marked)]
    return [_bucket(gram, buckets) for gram in grams]


def bag_ids(text: str, buckets: int) -> list[int]:
    """fasttext's features: words, their character n-grams, and word bigrams."""
    words = words_of(text)
    ids = [identity for word in words for identity in subword_ids(word, buckets)]
    return ids + [_bucket(f"{first} {second}", buckets) for first, second in pairwise(words)]


def bag_matrix(texts: Sequence[str], buckets: int) -> NDArray[np.int64]:
    """(texts, n) int64, where n is the size of the largest bag (at least 1), 0-padded."""
    bags = [bag_ids(text, buckets) for text in texts]
    matrix = np.zeros((len(bags), max([1, *map(len, bags)])), dtype=np.int64)
    for row, bag in enumerate(bags):
        matrix[row, : len(bag)] = bag
    return matrix


def word_matrix(texts: Sequence[str], buckets: int, words: int, subwords: int) -> NDArray[np.int64]:
    """textcnn's features: (texts, words, subwords) int64, 0-padded; longer texts and words are cut."""
    matrix = np.zeros((len(texts), words, subwords), dtype=np.int64)
    for row, text in enumerate(texts):
        for column, word in enumerate(words_of(text)[:words]):
            ids = subword_ids(word, buckets)[:subwords]
            matrix[row, column, : len(ids)] = ids
    return matrix


def _bucket(gram: str, buckets: int) -> int:
    return 1 + zlib.crc32(gram.encode()) % (buckets - 1)
