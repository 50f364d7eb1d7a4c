"""What generated pictures are judged by: a classifier of the real ones, trained before any generator and changed by none.

Accuracy: the share of pictures of which it reads the class that they were wished to be of: trained on real pictures and tested on
generated ones, as GAN-test of Shmelkov, Schmid, Alahari 2018. Distance: the Fréchet distance of Heusel et al. 2017 (FID), with this
classifier's features in place of Inception's, which are of photos of 299 × 299: its figures compare generators of one world only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.train.trained import batches, copy_of, predict

FEATURES = 64
EPOCHS, RATE, BATCH = 12, 4e-3, 64
SHIFT = 2  # pixels by which training pictures are moved, to either side


class Evaluator(nn.Module):
    """(b, 3, 32, 32) in [0, 1] → logits (b, labels). `features`: (b, FEATURES), what the last layer sees."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering, leaving in ((3, 32), (32, 64), (64, FEATURES)):  # maps of 16, 8, 4
            layers += [nn.Conv2d(entering, leaving, 3, 2, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
            layers += [nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(FEATURES, labels)

    def features(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.layers(pixels * 4 - 2).mean(dim=(2, 3))
        return out

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.out(self.dropout(self.features(pixels)))
        return out


class _Features(nn.Module):
    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__()
        self.evaluator = evaluator

    def forward(self, pixels: Tensor) -> Tensor:
        return self.evaluator.features(pixels)


def trained_evaluator(
    pixels: Tensor, labels: Tensor, choosing: Tensor, chosen: Tensor, count: int, generator: torch.Generator
) -> Evaluator:  # fmt: skip
    """Trained on real pictures (n, 3, 32, 32) in [0, 1] of `count` classes; the epoch is chosen on (choosing, chosen), other things."""
    evaluator = Evaluator(count)
    steps = -(-len(pixels) // BATCH)
    optimizer = torch.optim.AdamW(evaluator.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * steps + 1, pct_start=0.2)
    best, most = copy_of(evaluator), -1.0
    for _ in range(EPOCHS):
        evaluator.train()
        for rows in batches(len(pixels), BATCH, generator):
            loss = functional.cross_entropy(evaluator(moved(pixels[rows], generator)), labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        right = float((read(evaluator, choosing) == chosen.numpy()).mean())
        if right > most:
            best, most = copy_of(evaluator), right
    evaluator.load_state_dict(best)
    return evaluator.eval()


def moved(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the pictures mirrored, all moved by up to SHIFT pixels together; beyond the edge are the nearest pixels."""
    mirrored = torch.rand(len(pixels), 1, 1, 1, generator=generator) < 0.5
    pixels = torch.where(mirrored, pixels.flip(3), pixels)
    down, across = torch.randint(0, 2 * SHIFT + 1, (2,), generator=generator).tolist()
    height, width = pixels.shape[2:]
    return functional.pad(pixels, (SHIFT,) * 4, mode="replicate")[:, :, down : down + height, across : across + width]


def read(evaluator: Evaluator, pixels: Tensor) -> NDArray[np.int64]:
    """(n,) the most probable class of each picture."""
    classes: NDArray[np.int64] = predict(evaluator, pixels).argmax(dim=1).numpy()
    return classes


def features_of(evaluator: Evaluator, pixels: Tensor) -> NDArray[np.float64]:
    """(n, FEATURES)."""
    return predict(_Features(evaluator), pixels).double().numpy()


def frechet_distance(features: NDArray[Any], others: NDArray[Any]) -> float:
    """|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½), of normal distributions with the features' means and covariances (Heusel et al. 2017,
    equation 6). features, others: (n, width) each."""
    from scipy.linalg import sqrtm

    apart = features.mean(axis=0) - others.mean(axis=0)
    first, second = np.cov(features, rowvar=False), np.cov(others, rowvar=False)
    # Of singular covariances the root is not defined; a little of the identity makes them regular.
    little = 1e-6 * np.eye(len(first))
    root = np.real(sqrtm((first + little) @ (second + little)))
    return max(0.0, float(apart @ apart + np.trace(first) + np.trace(second) - 2 * np.trace(root)))
