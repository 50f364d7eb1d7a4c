"""Ad selection: the ads that win an auction for a user's attention.

Each ad promotes one item and has a bid (for a click) and a budget. An ad takes part in the auction if it has budget left and the user has
not liked its item yet. Its score is bid · affinity, where affinity is the fraction of the user's likes that are in the ad's category,
smoothed by adding one like to each category. The `slots` best ads are shown, and each pays the lowest bid that would have kept its place
(generalised second price, Edelman, Ostrovsky and Schwarz 2007), here for every impression. Each process keeps its own budgets, in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ItemWorld

    class Shop(ItemWorld, Protocol):
        """seed: the seed that the world was made with."""

        @property
        def seed(self) -> int: ...


BID = (-1.5, 0.6)  # mean and standard deviation of the bid's logarithm
SHOWN = (50, 500)  # range of an ad's budget, in multiples of its bid
_ADS, _GOODS = "ads.npy", "goods.npy"
AD = np.dtype([("item", np.int64), ("category", np.int64), ("popularity", np.float64), ("bid", np.float64), ("budget", np.float64)])


def prepare(world: Shop, settings: Mapping[str, str | int], folder: Path) -> None:
    """Writes the table of ads, for distinct items drawn from all items with the world's seed, and the category of every item."""
    rng = np.random.default_rng([world.seed, 8])
    chosen = [world.items[k] for k in np.sort(rng.permutation(len(world.items))[: int(settings["ads"])]).tolist()]
    ads = np.empty(len(chosen), dtype=AD)
    ads["item"] = [item.item_id for item in chosen]
    ads["category"] = [item.category for item in chosen]
    ads["popularity"] = [item.popularity for item in chosen]
    ads["bid"] = rng.lognormal(*BID, len(chosen))
    ads["budget"] = ads["bid"] * rng.integers(*SHOWN, len(chosen))
    np.save(folder / _ADS, ads, allow_pickle=False)
    goods = np.array([(item.item_id, item.category) for item in world.items], dtype=np.int64)
    np.save(folder / _GOODS, goods, allow_pickle=False)
    (folder / "categories").write_text(str(len(world.categories)))


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing on disk
    goods = dict(np.load(folder / _GOODS, allow_pickle=False).tolist())
    categories = int((folder / "categories").read_text())
    return Auction(np.load(folder / _ADS, allow_pickle=False), goods, categories, int(settings["slots"]))


class Auction:
    """Implements `Work`. ads: (n,) AD records; category_of: item id → category. Thread-safe."""

    def __init__(self, ads: NDArray[np.void], category_of: Mapping[int, int], categories: int, slots: int) -> None:
        self._ads, self._category_of, self._categories, self._slots = ads, category_of, categories, slots
        self._left = ads["budget"].copy()
        self._lock = threading.Lock()

    def __call__(self, inputs: Values) -> Values:
        liked = [int(item) for item in inputs["profile"]["history"]]
        affinity = self._affinity(liked)[self._ads["category"]]
        score = self._ads["bid"] * affinity
        with self._lock:
            score[(self._left < self._ads["bid"]) | np.isin(self._ads["item"], liked)] = 0.0
            order = np.argsort(-score, kind="stable")
            shown = order[: self._slots][score[order[: self._slots]] > 0]
            next_best = np.append(score[order], 0.0)[1 : len(shown) + 1]
            self._left[shown] -= next_best / affinity[shown]
        best = self._ads[shown]
        nothing = [0.0] * len(shown)
        return {
            "items": {
                "item_id": best["item"].tolist(),
                "category": best["category"].tolist(),
                "popularity": best["popularity"].tolist(),
                "search_score": nothing,
                "recommend_score": score[shown].tolist(),
                "rank_score": nothing,
            }
        }

    def _affinity(self, liked: Sequence[int]) -> NDArray[np.float64]:
        """The user's affinity for each category: (categories,), summing to 1."""
        known = [self._category_of[item] for item in liked if item in self._category_of]
        counts = np.bincount(known, minlength=self._categories) + 1.0 if known else np.ones(self._categories)
        share: NDArray[np.float64] = counts / counts.sum()
        return share
