"""Greedy decoding of a transducer, the same where it is trained and where it is served. numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.train.ctc import BLANK

MOST = 8  # characters written at one step at most: a step is 40 ms

Array = NDArray[Any]
Decode = Callable[[Array, Array, Array, Array], tuple[Array, Array, Array]]


def greedy(encoded: NDArray[np.float32], decode: Decode, units: int) -> list[int]:
    """(steps, width) → numbers of characters (Graves 2012, section 2.5, with a beam of one).

    decode: the decoder's one step: encoded (1, width), last (1,) int64, hidden and cell (1, units) → scores (1, …), hidden, cell.
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
