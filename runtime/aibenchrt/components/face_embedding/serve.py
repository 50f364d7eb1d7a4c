"""Serves a face embedding: from a picture of a face to a vector of unit length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.face_embedding.simple import simple_features
from aibenchrt.serve.models import Settings
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.serve.vectors import random_direction, vector_of
from aibenchrt.values import Values, Work

SIDE = 64  # pixels
BASELINE = "fisherfaces"  # the name of its graph


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    return vector_of(folder, "model", "pixels", lambda inputs: as_input(_picture(inputs)[None]))


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The coordinates of the picture (simple.py) along fisherfaces, learned from the training persons. Errors as `open_work`."""
    return vector_of(folder, BASELINE, "features", lambda inputs: simple_features(_picture(inputs))[None])


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    return random_direction(folder, ("image", "png"))


def as_input(pictures: NDArray[np.uint8]) -> NDArray[Any]:
    """(n, SIDE, SIDE, 3) → (n, 3, SIDE, SIDE) float32 in [0, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def _picture(inputs: Values) -> NDArray[np.uint8]:
    return colour_pixels(inputs["image"]["png"], SIDE)
