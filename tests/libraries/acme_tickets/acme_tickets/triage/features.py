"""A ticket's hashed words: the same for training and serving."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS = 4096


def matrix(tickets: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """(tickets, n) with n the most words (at least 1): 1 … BUCKETS - 1, padded with 0."""
    ids = np.zeros((len(tickets), max([1, *map(len, tickets)])), dtype=np.int64)
    for row, words in enumerate(tickets):
        ids[row, : len(words)] = [1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in words]
    return ids
