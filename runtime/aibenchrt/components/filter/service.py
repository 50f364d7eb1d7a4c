"""Filter: drops items that the user has seen, that no user has interacted with for a long time, or that are not popular enough."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.interactions.recency import last_met, load_last_met, save_last_met
from aibenchrt.values import Value, Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld

DAY_S = 86400
_SEEN, _NOW = "seen.npy", "now"


def prepare(world: InteractionWorld, settings: Mapping[str, str | int], folder: Path) -> None:
    """Writes the items that each user interacted with in the training period, liked or not; the time of each item's last interaction;
    and the end of the period, which counts as "now"."""
    if settings["seen"] == "drop":
        training = world.interactions.of("train")
        pairs = np.unique(np.stack([training.user, training.item], axis=1), axis=0)
        np.save(folder / _SEEN, pairs, allow_pickle=False)
    if settings["max_age"]:
        save_last_met(last_met(world), folder)
        (folder / _NOW).write_text(str(world.validation_start))


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    days = int(settings["max_age"])
    times = load_last_met(folder) if days else {}
    oldest = int((folder / _NOW).read_text()) - days * DAY_S if days else 0
    seen = _seen(np.load(folder / _SEEN, allow_pickle=False)) if settings["seen"] == "drop" else {}
    return Filter(seen, times, oldest, int(settings["minimum"]) / 1000)


def _seen(pairs: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """User → ids of the items that the user interacted with, ascending. pairs: (n, 2), user and item id, sorted."""
    users, starts = np.unique(pairs[:, 0], return_index=True)
    return dict(zip(users.tolist(), np.split(pairs[:, 1], starts[1:]), strict=True))


class Filter:
    """Implements `Work`; the remaining items keep their order. times: item id → its last interaction; empty if age does not matter."""

    def __init__(self, seen: Mapping[int, NDArray[np.int64]], times: Mapping[int, int], oldest: int, minimum: float) -> None:
        self._seen, self._times, self._oldest, self._minimum = seen, times, oldest, minimum

    def __call__(self, inputs: Values) -> Values:
        items = inputs["items"]
        ids = np.asarray(items["item_id"], dtype=np.int64)
        stays = np.asarray(items["popularity"], dtype=np.float64) >= self._minimum
        if self._times:
            stays &= np.array([self._times.get(item, 0) >= self._oldest for item in ids.tolist()], dtype=np.bool_)
        if "profile" in inputs:
            stays &= ~np.isin(ids, self._met(inputs["profile"]))
        return {"items": {name: np.asarray(values)[stays].tolist() for name, values in items.items()}}

    def _met(self, profile: Value) -> list[Any]:
        """Ids of the items in the user's history and of all others that the user interacted with."""
        own = self._seen.get(profile["user_id"])
        return [*profile["history"], *(own.tolist() if own is not None else ())]
