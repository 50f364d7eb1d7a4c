"""Trains a face embedding to tell the training persons apart (ArcFace); train/recognisers.py says how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aibenchrt.components.face_embedding.model import build
from aibenchrt.components.face_embedding.serve import SIDE
from aibenchrt.components.face_embedding.simple import simple_features
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Tell
from aibenchrt.train.recognisers import Effort, Faces, Recipe, train_recogniser
from aibenchrt.train.trained import Trained
from aibenchrt.train.varied_captures import covered, shifted
from aibenchrt.train.varied_pictures import Variety, relit

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Captured
    from aibenchrt.train.recognisers import World

LIGHT = Variety(degrees=0.0, scale=0.0, shift=0.0, light=0.25, saturation=0.2)
SHIFT = 2  # pixels

EFFORTS = {
    ("tiny", "arcface_small"): Effort(6, 5e-3, 32),
    ("small", "arcface_small"): Effort(12, 5e-3),
    ("full", "arcface_small"): Effort(60, 5e-3),
    ("tiny", "iresnet50"): Effort(1, 1e-3, 4, captures=8),
    ("small", "iresnet50"): Effort(10, 1e-3, 64),
    ("full", "iresnet50"): Effort(40, 1e-3, 64),
}


def train(world: World, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs."""
    return train_recogniser(world, lambda: build(model), Recipe(faces, varied), EFFORTS[size, model], seed, tell, device)


def faces(captures: Sequence[Captured]) -> Faces:
    pictures = np.stack([colour_pixels(capture.png, SIDE) for capture in captures])
    levels = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
    return Faces(levels, np.stack([simple_features(one) for one in pictures]), np.array([c.person for c in captures], dtype=np.int64))


def varied(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Moved a little, mirrored or not, in other light, and something before a part of some."""
    return covered(relit(shifted(pixels, SHIFT, generator), LIGHT, generator), 0.3, 0.4, 0.5, generator)
