"""Trains a network to tell the training persons apart by their faces in depth (ArcFace); train/recognisers.py says how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aibenchrt.components.face_recognition_3d.model import build, channels
from aibenchrt.components.face_recognition_3d.relief import NOTHING, relief, simple_features
from aibenchrt.components.face_recognition_3d.serve import SIDE, as_input
from aibenchrt.serve.depth import depth_levels
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Tell
from aibenchrt.train.recognisers import Effort, Faces, Recipe, train_recogniser
from aibenchrt.train.trained import Trained
from aibenchrt.train.varied_captures import covered, shifted

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Captured
    from aibenchrt.train.recognisers import World

SHIFT = 2  # pixels

EFFORTS = {
    ("tiny", "depth_small"): Effort(6, 5e-3, 32),
    ("small", "depth_small"): Effort(12, 5e-3),
    ("full", "depth_small"): Effort(60, 5e-3),
    ("tiny", "rgbd_resnet50"): Effort(1, 1e-3, 4, captures=8),
    ("small", "rgbd_resnet50"): Effort(10, 1e-3, 64),
    ("full", "rgbd_resnet50"): Effort(40, 1e-3, 64),
}


def train(world: World, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs."""
    recipe = Recipe(lambda captures: faces(captures, channels(model)), varied)
    return train_recogniser(world, lambda: build(model), recipe, EFFORTS[size, model], seed, tell, device)


def faces(captures: Sequence[Captured], given: int) -> Faces:
    """given: channels of the network."""
    reliefs = [relief(depth_levels(capture.depth, SIDE)) for capture in captures]
    pictures = [colour_pixels(capture.png, SIDE) if given > 1 else None for capture in captures]
    inputs = np.concatenate([as_input(*both) for both in zip(reliefs, pictures, strict=True)])
    features = np.stack([simple_features(one) for one in reliefs])
    return Faces(torch.from_numpy(inputs), features, np.array([c.person for c in captures], dtype=np.int64))


def varied(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Moved a little, mirrored or not, and something missing of some."""
    moved = shifted(inputs, SHIFT, generator)
    return covered(moved, 0.3, 0.4, NOTHING, generator)
