"""Serves a spatial transformer: from a picture of a thing to the same picture turned upright, and by how much it was turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.components.spatial_transformer.gradients import TURNS, directions, expected, likelihoods, turn_of
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.serve.models import Settings, open_session, random_generator, read_metadata
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.values import Values, Work

SIDE = 64  # pixels of the pictures that are read and handed on
WIDEST = 54.0  # degrees
DIRECTED = np.linspace(-WIDEST, WIDEST, 37)  # the directions that the network scores
EDGES = 8.0  # how many edges' likelihoods count beside the scores; the best on validation pictures


def open_work(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """folder: of a model version. EnvironmentFailure AIB603: it is missing or corrupted."""
    localisation, expectations = open_session(folder, "localisation"), expected(_template(folder), DIRECTED)

    def degrees(picture: NDArray[np.uint8], png: bytes) -> float:  # noqa: ARG001
        (scores,) = localisation.run(["scores"], {"pixels": as_input(picture)})
        return float(joined(scores, edges_of([picture], expectations))[0])

    return _turning(folder, degrees)


def edges_of(pictures: Sequence[NDArray[np.uint8]], expectations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, directions): what the edges of each picture say of each direction."""
    return np.stack([likelihoods(directions(picture), expectations) for picture in pictures])


def joined(scores: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) degrees: the mean of the directions, weighted with the softmax of the network's scores and what the edges say, both (n,
    directions)."""
    total = scores + EDGES * edges
    weights = np.exp(total - total.max(axis=1, keepdims=True))
    angles = np.radians(DIRECTED)
    turned: NDArray[np.float64] = np.degrees(np.arctan2(weights @ np.sin(angles), weights @ np.cos(angles)))
    return turned


def open_baseline(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """The turn at which the picture's edges run as those of upright training pictures (gradients.py)."""
    expectations = expected(_template(folder), TURNS)
    return _turning(folder, lambda picture, _png: turn_of(directions(picture), expectations))


def open_random(folder: Path, settings: Settings) -> Work:  # noqa: ARG001
    """A turn drawn between the largest of the training pictures to either side, whatever is shown."""
    widest = float(read_metadata(folder)["serving"]["widest"])
    return _turning(folder, lambda _picture, png: float(random_generator("image", png).uniform(-widest, widest)))


def _template(folder: Path) -> NDArray[np.float64]:
    return np.asarray(read_metadata(folder)["serving"]["upright_directions"], dtype=np.float64)


def _turning(folder: Path, degrees: Callable[[NDArray[np.uint8], bytes], float]) -> Work:
    """The work that turns a picture back by what `degrees` says of it, with the model's own sampler."""
    sampler = open_session(folder, "sampler")

    def straighten(inputs: Values) -> Values:
        png = inputs["image"]["png"]
        picture = colour_pixels(png, SIDE)
        turned = degrees(picture, png)
        angle = np.radians(turned)
        direction = np.array([[np.cos(angle), np.sin(angle)]], dtype=np.float32)
        ((upright,),) = sampler.run(["upright"], {"pixels": as_input(picture), "direction": direction})
        levels = np.clip(np.rint(upright.transpose(1, 2, 0) * 255), 0, 255).astype(np.uint8)
        return {"image": {"png": colour_png(levels)}, "turn": {"degrees": turned}}

    return straighten


def as_input(pictures: NDArray[np.uint8]) -> NDArray[Any]:
    """(SIDE, SIDE, 3) or (n, SIDE, SIDE, 3) → (n, 3, SIDE, SIDE) float32 in [0, 1]."""
    rows = pictures.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(rows, dtype=np.float32) / np.float32(255)
