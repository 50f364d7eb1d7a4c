"""What data there is on this machine: the rows of `aibenchc data`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aibenchrt.datasets import fashion_mnist, movielens
from aibenchrt.datasets.fetch import Package, is_whole
from aibenchrt.datasets.movielens_shop import DEFAULT_SEED, FORMS, world_folder
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.datasets.store import load
from aibenchrt.datasets.world import World


@dataclass(frozen=True)
class DataRow:
    """A data set in one form, or a package that one is made from. bytes: on disk, 0 where it is not here.

    form: "real", "synthetic", "source" or "specification only". state: "here", "not made yet" or "not fetched yet".
    """

    name: str
    form: str
    version: str
    licence: str
    state: str
    sizes: str
    bytes: int


def describe(home: Path) -> list[DataRow]:
    """Every data set of the catalogue in each of its forms, then the packages; nothing is fetched or made."""
    rows = []
    for spec in DATASETS:
        if not spec.implemented:
            rows.append(DataRow(spec.name, "specification only", "", spec.licence, "", "", 0))
            continue
        rows += [_world_row(spec.name, form, _licence(form, spec.licence), world_folder(home, form, DEFAULT_SEED)) for form in FORMS]
    return [
        *rows,
        _source_row("MovieLens-100k", movielens.PACKAGE, "GroupLens terms: fetched, never redistributed", home),
        _source_row("Fashion-MNIST", fashion_mnist.PACKAGE, "MIT", home),
    ]


def _licence(form: str, real: str) -> str:
    return real if form == "real" else "Apache-2.0"


def _world_row(name: str, form: str, licence: str, folder: Path) -> DataRow:
    world = load(folder)
    if world is None:
        return DataRow(name, form, "", licence, "not made yet", "", 0)
    return DataRow(name, form, world.version[:12], licence, "here", _sizes(world), _bytes(folder))


def _sizes(world: World) -> str:
    goods = f"{len(world.items):,} goods, {len(world.users):,} users, {len(world.interactions):,} interactions"
    requests = f"{len(world.queries_of('test')):,} text and {len(world.photo_queries_of('test')):,} photo requests held out"
    return f"{goods}, {len(world.photos.label):,} photos; {requests}"


def _source_row(name: str, package: Package, licence: str, home: Path) -> DataRow:
    folder = home / "downloads" / package.folder
    here = all(is_whole(folder / file.name, file) for file in package.files)
    said = f"{package.client}: {package.name} {package.version}"
    return DataRow(name, "source", said, licence, "here" if here else "not fetched yet", f"{len(package.files)} files", _bytes(folder))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
