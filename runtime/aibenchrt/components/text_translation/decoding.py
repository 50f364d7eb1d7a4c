"""Greedy decoding with a key-value cache, the same for measurements in training (torch, batched) and for serving (ONNX Runtime). Needs
only numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.text_translation.vocabulary import BEGIN, END, PADDING, UNKNOWN

Array = NDArray[Any]
Encode = Callable[[Array], tuple[Array, Array]]  # (b, s) ids → (b, layers, heads, s, width) keys and values of the source
# source, its keys, its values, token (b, 1), position (b, 1), keys so far, values so far → logits (b, symbols), keys, values
Step = Callable[[Array, Array, Array, Array, Array, Array, Array], tuple[Array, Array, Array]]

_NEVER = [PADDING, BEGIN, UNKNOWN]


def greedy(encode: Encode, step: Step, sources: Sequence[Sequence[int]], longest: int) -> list[list[int]]:
    """Ids of each source's translation, at most `longest`, without BEGIN and END. sources: ids, without END."""
    source = padded([[*ids, END] for ids in sources])
    source_keys, source_values = encode(source)
    rows, layers, heads, _, width = source_keys.shape
    keys = values = np.zeros((rows, layers, heads, 0, width), dtype=source_keys.dtype)
    token = np.full((rows, 1), BEGIN, dtype=np.int64)
    outputs: list[list[int]] = [[] for _ in range(rows)]
    going = np.ones(rows, dtype=bool)
    for place in range(longest):
        logits, keys, values = step(source, source_keys, source_values, token, np.full((rows, 1), place, dtype=np.int64), keys, values)
        logits[:, _NEVER] = -np.inf
        token = logits.argmax(axis=1)[:, None].astype(np.int64)
        going &= token[:, 0] != END
        if not going.any():
            break
        for row in np.flatnonzero(going):
            outputs[row].append(int(token[row, 0]))
    return outputs


def padded(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(rows, longest) int64, with PADDING after the end of each row."""
    matrix = np.full((len(rows), max(map(len, rows))), PADDING, dtype=np.int64)
    for number, row in enumerate(rows):
        matrix[number, : len(row)] = row
    return matrix


def longest_of(source: int) -> int:
    """The most subwords allowed in a translation of this many source subwords, which stops a model that repeats itself."""
    return min(2 * source + 10, 200)
