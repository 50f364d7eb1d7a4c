"""Image memory: recognises a picture of the catalogue by its difference hash (dHash; Krawetz 2013, Kind of Like That).

One bit for each two neighbours in a row of a 9 × 8 grey copy of the picture: whether the right one is brighter. Of the known pictures that
differ in few enough bits the one is taken whose 4 × 4 colours are nearest, since things of one shape have one hash in every colour.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.serve.pictures import opened
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import CatalogueWorld, ItemWorld

    class Shown(CatalogueWorld, ItemWorld, Protocol):
        """A catalogue, and what is told of its items."""


SIDE, COLOURS = 8, 4
_NOTHING: dict[str, list[object]] = {"item_id": [], "title": [], "category": [], "price": []}
_FILE = "known.json"


def prepare(world: Shown, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - the hashes do not depend on them
    item = {item.item_id: item for item in world.items}
    known = [
        {
            "hash": f"{difference_hash(entry.png):016x}",
            "colours": colours(opened(entry.png)).tolist(),
            "shown": [entry.item_id, item[entry.item_id].title, entry.label, item[entry.item_id].price],
        }
        for entry in sorted(world.catalogue, key=lambda entry: entry.item_id)
    ]
    (folder / _FILE).write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    known, most = json.loads((folder / _FILE).read_bytes()), int(settings["bits"])
    codes = np.array([int(row["hash"], 16) for row in known], dtype=np.uint64)
    thumbnails = np.array([row["colours"] for row in known])

    def work(inputs: Values) -> Values:
        """OSError or ValueError: it is no picture, or too large a one."""
        picture = opened(inputs["image"]["png"])
        apart = np.unpackbits((codes ^ np.uint64(hash_of(picture)))[:, None].view(np.uint8), axis=1).sum(axis=1)
        close = np.flatnonzero(apart <= most)
        if not len(close):
            return {"details": _NOTHING, "hit": {"value": False}}
        distance = np.abs(thumbnails[close] - colours(picture)).sum(axis=1)
        item, title, category, price = known[int(close[distance.argmin()])]["shown"]
        return {"details": {"item_id": [item], "title": [title], "category": [category], "price": [price]}, "hit": {"value": True}}

    return work


def difference_hash(png: bytes) -> int:
    """`hash_of` the picture. OSError or ValueError as `opened`."""
    return hash_of(opened(png))


def hash_of(picture: Image.Image) -> int:
    """64 bits, row by row."""
    grey = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits((grey[:, 1:] > grey[:, :-1]).ravel()).tobytes(), "big")


def colours(picture: Image.Image) -> NDArray[np.int64]:
    """(COLOURS · COLOURS · 3,) levels of a small copy."""
    return np.asarray(picture.resize((COLOURS, COLOURS), Image.Resampling.BOX), dtype=np.int64).ravel()
