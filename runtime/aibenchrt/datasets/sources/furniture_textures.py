"""Textures of the models in Debian's `sweethome3d-furniture`: pictures that their materials name, by what they are a picture of.

A material's file name says what it shows (CLASSES); pictures of whole things, wrapped around one model, have no such name and are left out.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.sources import sweethome3d
from aibenchrt.datasets.sources.fetch import fetch
from aibenchrt.progress import Progress, silent

# Class → what a file's name contains; the first that fits counts. Bumps and the like are no colours.
CLASSES: Mapping[str, str] = {
    "": r"bump|normal|displacement|shadow|border|band|reflec|bowl|logs|basketball|chopping|steak|snow|bambootexture|washing|papertowel|"
    r"baked|clothes|jupe|armchair_tex|speakers|stem",
    "foliage": r"leaf|leaves|hedge|grass|poplart|mapletexture|ficustreet|cypressl|copperbeecht|sabalpalmetot|palmtexture|coconuttreet|"
    r"pinetexture",
    "wood": r"wood|oak|\bpine|teak|teca|madera|bois|walnut|beech|cherry|bamboo|maho|moho|parquet|burl|butcherblock|alder|fustapija|\bash\.",
    "stone": r"rock|stone|marble|granite|brick|pebble|soil|ground\.|teules|swimming-pool-tiles",
    "fabric": r"fabric|cloth|tela|tecido|denim|leather|towel|tatami|carpet|\brug|cushion|sheet|stripes|plain001|chaise|checked|"
    r"bathmat|doormat|rattan|pattern|wallpaper|puff",
}
NAMES = tuple(sorted(name for name in CLASSES if name))
LEAST, MOST = 100, 2.5  # pixels of a side; of the longer one to the shorter


@dataclass(frozen=True, eq=False)
class Texture:
    """key: unique in the source. pixels: (height, width, 3) uint8."""

    key: str
    name: str
    kind: str
    pixels: NDArray[np.uint8]


def load_textures(progress: Progress = silent) -> Iterator[Texture]:
    """The textures that have a class, in order of the catalogues, each distinct picture once. EnvironmentFailure: as for `fetch`."""
    known: set[str] = set()
    for catalogue, path in fetch(sweethome3d.PACKAGE, progress).items():
        with zipfile.ZipFile(path) as archive:
            for place in _named(archive):
                kind = kind_of(posixpath.basename(place))
                content = archive.read(place) if kind else b""
                digest = hashlib.sha256(content).hexdigest()
                if kind and digest not in known:
                    known.add(digest)
                    with Image.open(io.BytesIO(content)) as picture:
                        if min(picture.size) >= LEAST and max(picture.size) <= MOST * min(picture.size):
                            yield Texture(f"{catalogue}/{place}", posixpath.basename(place), kind, np.asarray(picture.convert("RGB")))


def kind_of(name: str) -> str:
    """The class of a picture by its file's name: 'pine-wood.jpg' → 'wood'; '' for none."""
    return next((kind for kind, words in CLASSES.items() if re.search(words, name.lower())), "")


def _named(archive: zipfile.ZipFile) -> Iterator[str]:
    """The pictures that the catalogue's materials name as their colour, as far as they are there."""
    there = set(archive.namelist())
    for file in sorted(there):
        if file.lower().endswith(".mtl"):
            for line in archive.read(file).decode("latin-1").splitlines():
                words = line.split()
                place = posixpath.join(posixpath.dirname(file), words[-1]) if words[:1] == ["map_Kd"] else ""
                if place in there:
                    yield place
