"""Greedy decoding of a transducer, the same code for training and serving. Needs only numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.train.ctc import BLANK

MOST = 8  # the most characters written at one step; a step is 40 ms

Array = NDArray[Any]
Decode = Callable[[Array, Array, Array, Array], tuple[Array, Array, Array]]


def greedy(encoded: NDArray[np.float32], decode: Decode, units: int) -> list[int]:
    """Encoder output (steps, width) → the characters' numbers (Graves 2012, section 2.5, with a beam of one).

    decode: one step of the decoder: encoded (1, width), last (1,) int64, hidden and cell (1, units) → scores (1, …), hidden, cell.
    """
    numbers: list[int] = []
    empty = np.zeros((1, units), dtype=np.float32)
    last, hidden, cell = BLANK, empty, empty
    for step in encoded:
        for _ in range(MOST):
            scores, new_hidden, new_cell = decode(step[None], np.array([last], dtype=np.int64), hidden, cell)
            best = int(scores[0].argmax())
            if best == BLANK:
                break
            numbers.append(best)
            last, hidden, cell = best, new_hidden, new_cell
    return numbers
