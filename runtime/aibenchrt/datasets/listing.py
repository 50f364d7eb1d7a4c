"""The data sets on this machine: the rows of `aibenchc data`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchrt.component import DatasetSpec
from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.sources.fetch import SourcePackage, is_whole
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.datasets.worlds import WorldModule, module_of


@dataclass(frozen=True)
class DataRow:
    """One variant of a data set, or a package that one is made from. bytes: size on disk, 0 if it is not stored here.

    variant: "real", "synthetic", "source", "derived" or "specification only". state: "here", "not made yet" or "not fetched yet"; for a
    derived data set, which is never stored, what it is made from.
    """

    name: str
    variant: str
    version: str
    licence: str
    state: str
    sizes: str
    bytes: int


def data_rows(home: Path, names: Collection[str] = ()) -> list[DataRow]:
    """Each variant of each data set in the catalogue (or of those named), then their packages, each once. Fetches and makes nothing."""
    rows = []
    chosen = [spec for spec in DATASETS.values() if not names or spec.name in names]
    for spec in chosen:
        if not spec.implemented:
            rows.append(DataRow(spec.name, "specification only", "", spec.licence, "", "", 0))
            continue
        if spec.made_from:
            rows.append(DataRow(spec.name, "derived", "", spec.licence, f"made from {' or '.join(spec.made_from)}", "", 0))
            continue
        module = module_of(spec.name)
        rows += [_world_row(module, spec.name, variant, _licence(spec, variant), home) for variant in module.WORLDS.variants]
    own = [module_of(spec.name) for spec in chosen if spec.implemented and not spec.made_from]
    sources = {source.package.folder: source for module in own for source in module.PACKAGES}
    return [*rows, *(_source_row(source, home) for source in sources.values())]


def _licence(spec: DatasetSpec, variant: str) -> str:
    """The licence of a variant. A synthetic variant beside a real one has ours, since it uses no other data."""
    return "Apache-2.0" if variant == "synthetic" and spec.name in DATASETS.own else spec.licence


def _world_row(module: WorldModule[Any], name: str, variant: str, licence: str, home: Path) -> DataRow:
    folder = module.WORLDS.folder(home, variant, DEFAULT_SEED)
    world = module.WORLDS.stored(folder)
    if world is None:
        return DataRow(name, variant, "", licence, "not made yet", "", 0)
    return DataRow(name, variant, world.version[:12], licence, "here", module.sizes(world), _bytes(folder))


def _source_row(source: SourcePackage, home: Path) -> DataRow:
    package = source.package
    folder = home / "downloads" / package.folder
    state = "here" if all(is_whole(folder / file.name, file) for file in package.files) else "not fetched yet"
    said = f"{package.client}: {package.name} {package.version}"
    return DataRow(source.name, "source", said, source.licence, state, f"{len(package.files)} files", _bytes(folder))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
