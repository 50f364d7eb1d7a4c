"""Serves the recognition of faces in three dimensions: from a picture of a face and its depth to a vector of unit length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.face_recognition_3d.relief import relief, simple_features
from aibenchrt.serve.depth import depth_levels
from aibenchrt.serve.models import Settings, read_metadata
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.serve.vectors import random_direction, vector_of
from aibenchrt.values import Values, Work

SIDE = 64  # pixels
BASELINE = "fisherfaces"  # the name of its graph


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    colour = int(read_metadata(folder)["serving"]["channels"]) > 1
    return vector_of(folder, "model", "pixels", lambda inputs: as_input(_relief(inputs), _picture(inputs) if colour else None))


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The coordinates of the face's relief (relief.py) along fisherfaces, learned from training persons. Errors as `open_work`."""
    return vector_of(folder, BASELINE, "features", lambda inputs: simple_features(_relief(inputs))[None])


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    return random_direction(folder, ("image", "png"), ("depth", "png"))


def as_input(nearness: NDArray[np.float32], picture: NDArray[np.uint8] | None) -> NDArray[Any]:
    """(SIDE, SIDE) of `relief`, and (SIDE, SIDE, 3) for a network of colour and depth → (1, 1 or 4, SIDE, SIDE) float32."""
    if picture is None:
        alone: NDArray[np.float32] = nearness[None, None]
        return alone
    colours = picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    both: NDArray[np.float32] = np.concatenate([colours, nearness[None]])[None]
    return both


def _relief(inputs: Values) -> NDArray[np.float32]:
    return relief(depth_levels(inputs["depth"]["png"], SIDE))


def _picture(inputs: Values) -> NDArray[np.uint8]:
    return colour_pixels(inputs["image"]["png"], SIDE)
