"""The rows of an Items value as numpy records, sorted in memory or, beyond a limit, in runs on disk.

External merge sort (Knuth, The Art of Computer Programming vol. 3, 5.4): rows are collected up to the limit, sorted, and written as one
run; the runs are read back in blocks and merged with a heap. Memory holds one block of each run, whatever the number of rows.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.component import PORT_TYPES, Scalar
from aibenchrt.values import Value

Rows = NDArray[np.void]  # ROW records

_DTYPES = {Scalar.INT64: np.int64, Scalar.FLOAT: np.float32}
FIELDS = tuple(field.name for field in PORT_TYPES["Items"].fields)
# `key` decides the order; `arrival`, the position in the input lists, decides between equal keys.
ROW = np.dtype([("key", np.float64), ("arrival", np.int64), *((f.name, _DTYPES[f.scalar]) for f in PORT_TYPES["Items"].fields)])
FEWEST_ROWS = 16  # the fewest rows of a run or a block, however little memory there is


def rows_of(items: Value, key: NDArray[Any], first: int) -> Rows:
    """The rows of one list. key: (n,), decides their order, descending; first: the arrival of the first row."""
    rows = np.empty(len(items["item_id"]), dtype=ROW)
    rows["key"] = key
    rows["arrival"] = np.arange(first, first + len(rows))
    for name in FIELDS:
        rows[name] = items[name]
    return rows


def value_of(pieces: Sequence[Rows]) -> dict[str, list[Any]]:
    """An Items value with the rows of all pieces, in their order."""
    rows = np.concatenate(pieces) if pieces else np.empty(0, dtype=ROW)
    return {name: rows[name].tolist() for name in FIELDS}


def in_order(rows: Rows) -> Rows:
    """The rows sorted by key, descending; equal keys by arrival."""
    ordered: Rows = rows[np.lexsort((rows["arrival"], -rows["key"]))]
    return ordered


class Sorter:
    """Sorts any number of rows in `memory` bytes. folder: where each call writes its runs, to a subfolder that it removes afterwards."""

    def __init__(self, memory: int, folder: Path) -> None:
        self.run_rows = max(FEWEST_ROWS, memory // ROW.itemsize)
        self._memory = memory
        self._folder = folder

    def ordered(self, parts: Iterable[Rows]) -> Iterator[Rows]:
        """The rows of all parts in order, in one or more pieces. OSError: a run could not be written."""
        with ExitStack() as stack:
            held: list[Rows] = []
            runs: list[Path] = []
            for piece in self._pieces(parts):
                if sum(map(len, held)) + len(piece) > self.run_rows:
                    if not runs:
                        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sort-", dir=self._folder)))
                    runs.append(_spilled(held, folder / str(len(runs))))
                    held = []
                held.append(piece)
            if not runs:
                yield in_order(np.concatenate(held)) if held else np.empty(0, dtype=ROW)
                return
            runs.append(_spilled(held, folder / str(len(runs))))
            yield from self._merged(runs)

    def _pieces(self, parts: Iterable[Rows]) -> Iterator[Rows]:
        for part in parts:
            for start in range(0, len(part), self.run_rows):
                yield part[start : start + self.run_rows]

    def _merged(self, runs: Sequence[Path]) -> Iterator[Rows]:
        block = max(FEWEST_ROWS, self._memory // len(runs) // ROW.itemsize)
        merged = heapq.merge(*(_read(run, block) for run in runs))
        while rows := [row for _, _, row in islice(merged, block)]:
            yield np.array(rows, dtype=ROW)


def _spilled(held: list[Rows], path: Path) -> Path:
    in_order(np.concatenate(held)).tofile(path)
    return path


def _read(run: Path, block: int) -> Iterator[tuple[float, int, tuple[Any, ...]]]:
    """(−key, arrival, row) for each row of a run in order, with `block` rows in memory at a time."""
    with run.open("rb") as stream:
        while content := stream.read(block * ROW.itemsize):
            for row in np.frombuffer(content, dtype=ROW).tolist():
                yield -row[0], row[1], row
