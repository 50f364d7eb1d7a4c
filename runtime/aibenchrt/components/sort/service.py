"""Sort: merges lists of items and orders them by a score or by recency, descending; an item of several lists appears once, at its best
place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.sort.rows import Rows, Sorter, rows_of, value_of
from aibenchrt.datasets.interactions.recency import last_met, load_last_met, save_last_met
from aibenchrt.values import Value, Values, Work, listed

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld


def prepare(world: InteractionWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """For ordering by recency: writes the time of each item's last interaction in the training period. For scores nothing is prepared."""
    if settings["by"] == "recency":
        save_last_met(last_met(world), folder)


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:
    by = str(settings["by"])
    times = load_last_met(folder) if by == "recency" else {}
    return Sort(by, times, int(settings["limit"]), Sorter(int(settings["memory_kib"]) * 1024, state))


class Sort:
    """Implements `Work`. times: item id → time of its last interaction, for `by` recency; an item that is not in it comes last."""

    def __init__(self, by: str, times: Mapping[int, int], limit: int, sorter: Sorter) -> None:
        self._by, self._times, self._limit, self._sorter = by, times, limit, sorter

    def __call__(self, inputs: Values) -> Values:
        """Items with equal keys keep the order of the lists. OSError: a run could not be written to disk."""
        ordered = self._sorter.ordered(self._parts(listed(inputs, "items")))
        return {"items": value_of(_first_of_each(ordered, self._limit))}

    def _parts(self, lists: Sequence[Value]) -> Iterator[Rows]:
        first = 0
        for items in lists:
            yield rows_of(items, self._key(items), first)
            first += len(items["item_id"])

    def _key(self, items: Value) -> NDArray[Any]:
        if self._by != "recency":
            return np.asarray(items[self._by], dtype=np.float64)
        return np.array([self._times.get(item, 0) for item in items["item_id"]], dtype=np.float64)


def _first_of_each(pieces: Iterator[Rows], limit: int) -> list[Rows]:
    """The first row of each of the first `limit` different items; later rows are not read."""
    chosen: list[Rows] = []
    seen: set[int] = set()
    for piece in pieces:
        places = []
        for place, item in enumerate(piece["item_id"].tolist()):
            if item not in seen and len(seen) < limit:
                seen.add(item)
                places.append(place)
        chosen.append(piece[places])
        if len(seen) >= limit:
            break
    return chosen
