"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747), from Debian's `dataset-fashion-mnist`: 70,000 product photos. MIT."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.sources.fetch import Package, PackageFile, fetch
from aibenchrt.progress import Progress, silent

_FOLDER = "usr/share/datasets/fashion-mnist"

PACKAGE = Package(
    client="apt",
    name="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    files=(
        PackageFile(f"{_FOLDER}/t10k-images-idx3-ubyte.gz", "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa"),
        PackageFile(f"{_FOLDER}/t10k-labels-idx1-ubyte.gz", "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05"),
        PackageFile(f"{_FOLDER}/train-images-idx3-ubyte.gz", "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"),
        PackageFile(f"{_FOLDER}/train-labels-idx1-ubyte.gz", "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"),
    ),
)

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
VALIDATION = 5000  # the last photos of the training file are held out for model selection

Images = NDArray[np.uint8]


def load_photos(progress: Progress = silent) -> tuple[Images, NDArray[np.int64], NDArray[np.int8]]:
    """(70000, 28, 28) uint8 images, (70000,) class labels, (70000,) split: 0 train, 1 validation, 2 test (the published test file)."""
    paths = fetch(PACKAGE, progress)
    images = np.concatenate([_idx(paths["train-images-idx3-ubyte.gz"]), _idx(paths["t10k-images-idx3-ubyte.gz"])])
    labels = np.concatenate([_idx(paths["train-labels-idx1-ubyte.gz"]), _idx(paths["t10k-labels-idx1-ubyte.gz"])])
    split = np.full(len(labels), 2, dtype=np.int8)
    split[:60000] = 0
    split[60000 - VALIDATION : 60000] = 1
    return images, labels.astype(np.int64), split


def _idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes: magic 0x0000 08 nd, then nd big-endian sizes, then the data."""
    content = gzip.decompress(path.read_bytes())
    dimensions = content[3]
    shape = tuple(int.from_bytes(content[4 + 4 * k : 8 + 4 * k], "big") for k in range(dimensions))
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions).reshape(shape)
