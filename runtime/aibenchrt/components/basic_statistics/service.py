"""Basic statistics: of the queries that have passed through this process, or of each item's events within a time window.

Over items, a call counts for each item its events (a user interacted with it) and clicks (a user liked it), and computes their ratio (the
click-through rate) and the mean rating. The items are passed on in their order, with `popularity` log(1 + n) / log(1 + max n), where n is
the item's number of events in the window and max n the largest of any item. The report covers all items of the call together.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld

DAY_S = 86400
LIKED = 4.0  # a rating of at least this is a click (LIKED in datasets/rows.py)
MOST_TERMS = 100_000  # the most terms that are counted one by one; occurrences of further terms are counted together
_FILE, _NOW = "events.npy", "now"
EVENT = np.dtype([("item", np.int64), ("time", np.int64), ("rating", np.float32)])


def prepare(world: InteractionWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """Over items: writes the training period's events, in chronological order, and its end, which counts as "now"."""
    if settings["over"] == "items":
        training = world.interactions.of("train")
        events = np.empty(len(training), dtype=EVENT)
        events["item"], events["time"], events["rating"] = training.item, training.time, training.rating
        np.save(folder / _FILE, np.sort(events, order=("time", "item"), kind="stable"), allow_pickle=False)
        (folder / _NOW).write_text(str(world.validation_start))


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing on disk
    if settings["over"] == "queries":
        return QueryStatistics()
    now = int((folder / _NOW).read_text())
    return ItemStatistics(np.load(folder / _FILE, allow_pickle=False), now - int(settings["window"]) * DAY_S, now)


@dataclass(frozen=True, eq=False)
class Totals:
    """For each requested item, (n,): the number of events and of clicks, and the sum of the ratings."""

    events: NDArray[np.int64]
    clicks: NDArray[np.int64]
    stars: NDArray[np.float64]


class ItemStatistics:
    """Implements `Work` over items. events: EVENT records in chronological order, of which those in [start, end) count.
    Item ids are not negative."""

    def __init__(self, events: NDArray[np.void], start: int, end: int) -> None:
        first, last = np.searchsorted(events["time"], (start, end))
        self._item = np.ascontiguousarray(events["item"][first:last])
        self._stars = events["rating"][first:last].astype(np.float64)
        self._clicked = np.flatnonzero(self._stars >= LIKED)
        self._size = int(self._item.max(initial=0)) + 1
        self._most = int(np.bincount(self._item).max(initial=0))

    def __call__(self, inputs: Values) -> Values:
        items = inputs["items"]
        totals = self.totals(np.asarray(items["item_id"], dtype=np.int64))
        popularity = np.log1p(totals.events) / np.log1p(max(1, self._most))
        return {"items": {**items, "popularity": popularity.tolist()}, "report": {"text": self._said(totals)}}

    def totals(self, ids: NDArray[np.int64]) -> Totals:
        """ids: (n,), without duplicates."""
        place = np.full(self._size, len(ids), dtype=np.int64)  # item id → its position in ids; len(ids) for all other items
        known = ids < self._size
        place[ids[known]] = np.flatnonzero(known)
        where = place[self._item]
        clicked = where[self._clicked]
        events, clicks = np.bincount(where, minlength=len(ids) + 1), np.bincount(clicked, minlength=len(ids) + 1)
        stars = np.bincount(where, weights=self._stars, minlength=len(ids) + 1).astype(np.float64)
        return Totals(events[:-1], clicks[:-1], stars[:-1])

    @staticmethod
    def _said(totals: Totals) -> str:
        events, clicks = int(totals.events.sum()), int(totals.clicks.sum())
        if not events:
            return f"{len(totals.events)} goods, 0 events"
        mean, through = float(totals.stars.sum()) / events, clicks / events
        return f"{len(totals.events)} goods, {events} events, {clicks} clicks, click-through {through:.4f}, mean rating {mean:.3f}"


class QueryStatistics:
    """Implements `Work` over queries: statistics of all queries that this process has seen. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queries = 0
        self._terms: Counter[str] = Counter()
        self._more = 0  # occurrences of terms that first appeared after MOST_TERMS were known

    def __call__(self, inputs: Values) -> Values:
        with self._lock:
            self._queries += 1
            for term in inputs["query"]["term"]:
                if term in self._terms or len(self._terms) < MOST_TERMS:
                    self._terms[term] += 1
                else:
                    self._more += 1
            mean = (self._terms.total() + self._more) / self._queries
            often = ", ".join(f"{term} {count}" for term, count in self._terms.most_common(3))
        return {"report": {"text": f"{self._queries} queries, {mean:.2f} terms each, most often: {often or 'none'}"}}
