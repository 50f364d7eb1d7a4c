"""Photographs to put behind things: wallpapers of two Debian packages, each picture with its author's licence."""

from __future__ import annotations

import io
import tarfile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.sources.fetch import Package, Selection, fetch
from aibenchrt.progress import Progress, silent

WIDTH = 480  # pixels of a picture's longer side: a part of it is the background of a small photo

LOMIRI = Package(
    client="apt",
    name="lomiri-wallpapers-16.04",
    version="20.04.0-2",
    files=(
        Selection(
            "wallpapers.tar", r"usr/share/backgrounds/[^/]*\.jpg", "9e59957204352877ee7ec1276f2c2157327aa53424eb2fac8f0c0238eff3a25e"
        ),
    ),
)
MATE = Package(
    client="apt",
    name="mate-backgrounds",
    version="1.26.0-1",
    files=(
        Selection(
            "wallpapers.tar",
            r"usr/share/backgrounds/mate/nature/[^/]*\.jpg",
            "46c27bba489c87191869b005431b9456fb4372a83cac779d6206ad585f6be4d0",
        ),
    ),
)
LICENCES = {LOMIRI.name: "CC-BY 4.0, CC-BY-SA 4.0 and CC0, by picture", MATE.name: "GPL-2+"}


def load_wallpapers(progress: Progress = silent) -> list[NDArray[np.uint8]]:
    """The pictures, (height, width, 3) uint8 with a longer side of WIDTH, in order of packages and names. EnvironmentFailure: as for
    `fetch`."""
    pictures = []
    for package in (LOMIRI, MATE):
        with tarfile.open(fetch(package, progress)["wallpapers.tar"]) as archive:
            for member in archive.getmembers():
                stream = archive.extractfile(member)
                assert stream is not None  # a selection holds files only
                pictures.append(_small(stream.read()))
    return pictures


def _small(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("RGB", (WIDTH, WIDTH))
        small = picture.convert("RGB")
        small.thumbnail((WIDTH, WIDTH), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.uint8)
