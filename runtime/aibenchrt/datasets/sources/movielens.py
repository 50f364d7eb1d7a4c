"""MovieLens-100k (Harper and Konstan 2015, ACM TiiS 5:4), from the `recbole` wheel: 943 users, 1,682 films, 100,000 ratings.

GroupLens' terms allow research use and forbid redistribution: the data are fetched on each machine and never committed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.progress import Progress, silent

_FOLDER = "recbole/dataset_example/ml-100k"

PACKAGE = Package(
    client="pip",
    name="recbole",
    version="1.2.1",
    files=(
        PackageFile(f"{_FOLDER}/ml-100k.inter", "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff"),
        PackageFile(f"{_FOLDER}/ml-100k.item", "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532"),
        PackageFile(f"{_FOLDER}/ml-100k.user", "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972"),
    ),
)

_YEAR_IN_TITLE = re.compile(r"^(?P<title>.*?) \((?P<year>\d{4})\)$")


@dataclass(frozen=True)
class RawItem:
    item_id: int
    title: str
    year: int
    genres: tuple[str, ...]


@dataclass(frozen=True)
class RawUser:
    user_id: int
    age: int
    gender: str
    occupation: str


@dataclass(frozen=True, eq=False)
class Ratings:
    """Observed or generated items, users and ratings. user, item, rating, time: (n,), sorted by (time, user, item); time in Unix
    seconds."""

    items: tuple[RawItem, ...]
    users: tuple[RawUser, ...]
    user: NDArray[np.int64]
    item: NDArray[np.int64]
    rating: NDArray[np.float32]
    time: NDArray[np.int64]


def load_ratings(progress: Progress = silent) -> Ratings:
    """Fetches and reads the data set. The one film without title and year (id 267) is left out with its ratings."""
    paths = fetch(PACKAGE, progress)
    items = tuple(_item(row) for row in _rows(paths["ml-100k.item"]) if row[1] != "unkonwn")
    users = tuple(RawUser(int(row[0]), int(row[1]), row[2], row[3]) for row in _rows(paths["ml-100k.user"]))
    known = {item.item_id for item in items}
    ratings = np.array([[int(float(cell)) for cell in row] for row in _rows(paths["ml-100k.inter"])], dtype=np.int64)
    ratings = ratings[np.isin(ratings[:, 1], sorted(known))]
    ratings = ratings[np.lexsort((ratings[:, 1], ratings[:, 0], ratings[:, 3]))]
    return Ratings(items, users, ratings[:, 0], ratings[:, 1], ratings[:, 2].astype(np.float32), ratings[:, 3])


def _rows(path: Path) -> list[list[str]]:
    """Tab-separated rows without the header line."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def _item(row: list[str]) -> RawItem:
    title, year = row[1], row[2]
    if not year.isdigit():  # one row keeps its year in the title: "... (1995)", with "V" (a video release) as the year
        match = _YEAR_IN_TITLE.match(title)
        if match is None:
            raise ValueError(f"item {row[0]} has no year: {title!r}")
        title, year = match["title"], match["year"]
    return RawItem(int(row[0]), title, int(year), tuple(row[3].split()))
