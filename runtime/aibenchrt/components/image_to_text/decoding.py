"""Greedy decoding, the same for measurements in training (torch, batched) and for serving (ONNX Runtime). Needs only numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.image_to_text.words import BEGIN, END

Array = NDArray[Any]
See = Callable[[Array], tuple[Array, Array]]  # pictures (b, 3, side, side) → hidden, cell (b, units)
Step = Callable[[Array, Array, Array], tuple[Array, Array, Array]]  # word (b,) int64, hidden, cell → scores (b, words), hidden, cell


def greedy(see: See, step: Step, pictures: Array, longest: int) -> NDArray[np.int64]:
    """(b, n) numbers of each picture's words, n at most `longest`; what follows an END is END (Vinyals et al. 2015, 3.1, beam of 1)."""
    hidden, cell = see(pictures)
    last = np.full(len(pictures), BEGIN, dtype=np.int64)
    going = np.ones(len(pictures), dtype=np.bool_)
    said: list[NDArray[np.int64]] = []
    while len(said) < longest:
        scores, hidden, cell = step(last, hidden, cell)
        scores[:, BEGIN] = -np.inf
        last = np.where(going, scores.argmax(axis=1), END).astype(np.int64)
        going &= last != END
        if not going.any():
            break
        said.append(last)
    return np.stack(said, axis=1) if said else np.zeros((len(pictures), 0), dtype=np.int64)
