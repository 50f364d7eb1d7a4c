"""Serves an image embedding: from a picture of a thing, a view or a catalogue's picture alike, to a vector of unit length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.image_embedding.simple import simple_vector, unit
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work

SIDE = 64  # pixels


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    session = open_session(folder)

    def embed(inputs: Values) -> Values:
        pixels = as_input(colour_pixels(inputs["image"]["png"], SIDE)[None])
        ((vector,),) = session.run(["vector"], {"pixels": pixels})
        return {"vector": {"value": vector.tolist()}}

    return embed


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The counted colours and coarse pixels of the picture (simple.py)."""
    return lambda inputs: {"vector": {"value": simple_vector(colour_pixels(inputs["image"]["png"], SIDE)).tolist()}}


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """A direction drawn at random, of as many dimensions as the model's."""
    width = int(read_metadata(folder)["serving"]["width"])

    def guess(inputs: Values) -> Values:
        return {"vector": {"value": unit(random_generator("image", inputs["image"]["png"]).normal(size=width)).tolist()}}

    return guess


def as_input(pictures: NDArray[np.uint8]) -> NDArray[Any]:
    """(n, SIDE, SIDE, 3) → (n, 3, SIDE, SIDE) float32 in [0, 1]."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)
