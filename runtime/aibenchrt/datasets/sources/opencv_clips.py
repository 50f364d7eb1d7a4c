"""Recordings: four clips that Debian's `opencv-doc` carries beside OpenCV's samples and tutorials. Its film clip is not among them.

vtest: people on a crossing, a fixed camera (a scene of PETS 2009). tree: leaves in the wind. box, cup: a hand turns a thing. Debian's
copyright file has no paragraph of their own for them: they are under that of all files.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.progress import Progress, silent

_FOLDER = "usr/share/doc/opencv-doc"
PACKAGE = Package(
    client="apt",
    name="opencv-doc",
    version="4.6.0+dfsg-12",
    files=(
        PackageFile(f"{_FOLDER}/examples/data/vtest.avi", "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"),
        PackageFile(f"{_FOLDER}/examples/data/tree.avi", "4666099d0f704e310047b2f0a5ec9f936cb76a7271de9a2e70a0c57f82ac82dc"),
        PackageFile(f"{_FOLDER}/opencv4/html/box.mp4.gz", "2c38968ca5216a9d9d152913b583c501333f30578f9eedebe6e6d88768754737"),
        PackageFile(f"{_FOLDER}/opencv4/html/cup.mp4.gz", "d63f6bca6b0722c64486672614351d94dcd7d37a8104dc6e55e12f40fa582a9b"),
    ),
)
LICENCE = "Apache-2.0 and BSD-3-Clause, as Debian's copyright file says of all files of OpenCV"
# File → of how many frames one is taken: the hands are recorded at 30 frames a second, and become 15.
_EVERY = {"vtest.avi": 1, "tree.avi": 1, "box.mp4.gz": 2, "cup.mp4.gz": 2}


@dataclass(frozen=True)
class Recording:
    """frames: (n, height, width, 3) uint8, consecutive."""

    name: str
    frames: NDArray[np.uint8]


def load_recordings(width: int, height: int, progress: Progress = silent) -> list[Recording]:
    """vtest, tree, box and cup in this order, resampled to this size by areas. EnvironmentFailure: as for `fetch`."""
    files = fetch(PACKAGE, progress)
    recordings = []
    for number, (name, every) in enumerate(_EVERY.items()):
        content = files[name].read_bytes()
        frames = _decoded(gzip.decompress(content) if name.endswith(".gz") else content, every, (width, height))
        recordings.append(Recording(name.partition(".")[0], np.stack(list(frames))))
        progress("decoding recordings", (number + 1) / len(_EVERY))
    return recordings


def _decoded(content: bytes, every: int, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    import av  # loads FFmpeg, which is needed only to make this data

    with av.open(io.BytesIO(content), mode="r") as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                yield np.asarray(frame.to_image().convert("RGB").resize(size, Image.Resampling.BOX), dtype=np.uint8)
