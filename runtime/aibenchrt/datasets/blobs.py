"""Byte strings in one memory-mapped file, read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Blobs(Sequence[bytes]):
    """Byte strings that follow each other in a file. ends: (n,) int64, the end offset of each."""

    def __init__(self, path: Path, ends: NDArray[np.int64]) -> None:
        self._content = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, dtype=np.uint8)
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int | slice) -> bytes:  # type: ignore[override]
        if isinstance(place, slice) or not 0 <= place < len(self):
            raise IndexError(place)
        start = int(self._ends[place - 1]) if place else 0
        return bytes(self._content[start : int(self._ends[place])])
