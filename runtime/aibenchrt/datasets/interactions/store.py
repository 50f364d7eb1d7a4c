"""Stores a world on disk: arrays as .npy (memory-mapped, never unpickled), the rest as JSON. Its version is the hash of both."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.rows import Interactions, Item, PhotoQuery, Photos, Provenance, Query, User

_ROWS: dict[str, type[Any]] = {
    "items": Item,
    "users": User,
    "queries": Query,
    "photo_queries": PhotoQuery,
    "provenance": Provenance,
}
_ARRAYS: dict[str, type[Any]] = {"interactions": Interactions, "photos": Photos}
W = TypeVar("W", bound=World)
Rows = Mapping[str, type[Any]]
NO_MORE: Rows = {}
# Field → its key in world.json. The variant is stored as `form`: a rename would change the versions, which published figures name.
_SCALARS = {"variant": "form"} | {name: name for name in ("seed", "rank_start", "validation_start", "test_start")}


def save(world: W, folder: Path, more: Rows = NO_MORE) -> W:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written.

    more: additional fields of a subclass of World, field → the dataclass of its rows.
    """

    def write(partial: Path) -> None:
        text = json.dumps(_document(world, more), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        (partial / "world.json").write_bytes(text)
        for name in _ARRAYS:
            part = getattr(world, name)
            for field in dataclasses.fields(part):
                content = io.BytesIO()  # not np.save to the file: on a full disk that raises an OSError without an errno
                np.save(content, np.ascontiguousarray(getattr(part, field.name)), allow_pickle=False)
                (partial / f"{name}.{field.name}.npy").write_bytes(content.getbuffer())

    return dataclasses.replace(world, version=save_whole(folder, write))


@overload
def load(folder: Path) -> World | None: ...
@overload
def load(folder: Path, kind: type[W], more: Rows = NO_MORE) -> W | None: ...
def load(folder: Path, kind: type[Any] = World, more: Rows = NO_MORE) -> Any:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since.

    kind, more: the class of the world and its additional fields, as given to save().
    """
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    parts: dict[str, Any] = {name: document[key] for name, key in _SCALARS.items()}
    parts |= {name: tuple(_row(row_kind, row) for row in document[name]) for name, row_kind in (_ROWS | dict(more)).items()}
    parts |= {name: part_kind(**_arrays(folder, name, part_kind)) for name, part_kind in _ARRAYS.items()}
    return kind(version=version, categories=tuple(document["categories"]), **parts)


def _document(world: World, more: Rows) -> dict[str, Any]:
    document: dict[str, Any] = {key: getattr(world, name) for name, key in (*_SCALARS.items(), ("categories", "categories"))}
    for name, kind in (_ROWS | dict(more)).items():
        names = [field.name for field in dataclasses.fields(kind)]
        document[name] = [[getattr(row, field) for field in names] for row in getattr(world, name)]
    return document


def _row(kind: type[Any], row: list[Any]) -> Any:
    return kind(*(tuple(cell) if isinstance(cell, list) else cell for cell in row))


def _arrays(folder: Path, name: str, kind: type[Any]) -> dict[str, Any]:
    return {
        field.name: np.load(folder / f"{name}.{field.name}.npy", mmap_mode="r", allow_pickle=False) for field in dataclasses.fields(kind)
    }
