"""When any user last interacted with each item in the training period, which is what `recency` and `age` mean in sort and filter.

MovieLens says when a film was rated, not when within the months of the data it was published. An item that nobody interacted with in the
training period counts as new: its time is the end of that period.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aibenchrt.datasets.rows import Interactions  # at run time too: what is stored changes with its code

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import InteractionWorld

_FILE = "last_met.npy"


def last_met(world: InteractionWorld) -> dict[int, int]:
    """Item id → Unix seconds, at most `validation_start`."""
    training: Interactions = world.interactions.of("train")
    ids = np.array([item.item_id for item in world.items], dtype=np.int64)
    latest = np.zeros(int(max(ids.max(), training.item.max(initial=0))) + 1, dtype=np.int64)
    np.maximum.at(latest, training.item, training.time)
    times = np.where(latest[ids] > 0, latest[ids], world.validation_start)
    return dict(zip(ids.tolist(), times.tolist(), strict=True))


def save_last_met(times: dict[int, int], folder: Path) -> None:
    np.save(folder / _FILE, np.array(sorted(times.items()), dtype=np.int64).reshape(-1, 2), allow_pickle=False)


def load_last_met(folder: Path) -> dict[int, int]:
    return dict(np.load(folder / _FILE, allow_pickle=False).tolist())
