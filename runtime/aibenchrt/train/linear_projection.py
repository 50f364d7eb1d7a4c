"""Linear projections of pictures: eigenfaces (Turk and Pentland 1991, Eigenfaces for Recognition; cosine of coordinates as they are or of
equal variance) and fisherfaces (Belhumeur, Hespanha, Kriegman 1997, Eigenfaces vs. Fisherfaces: of eigenfaces those directions count most
in which captures of one person differ least). Imports torch, so never for serving."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
from torch import Tensor, nn
from torch.nn import functional

COMPONENTS = (32, 64, 128, 256)
EIGENFACES, FISHERFACES = "eigenfaces", "fisherfaces"


class Projection(nn.Module):
    """(n, features) float32 → (n, components), of unit length. kind: EIGENFACES or FISHERFACES; settings: in words."""

    def __init__(self, mean: NDArray[np.float64], basis: NDArray[np.float64], kind: str, settings: str) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("basis", torch.from_numpy(basis.astype(np.float32)))
        self.kind, self.settings = kind, settings

    def forward(self, features: Tensor) -> Tensor:
        return functional.normalize((features - self.get_buffer("mean")) @ self.get_buffer("basis"), dim=1)


def chosen_projections(
    features: NDArray[np.float32], persons: NDArray[np.int64], error: Callable[[Projection], float]
) -> dict[str, Projection]:
    """Of each kind the projection with the least error; of equals the first. features: (n, width) of training persons; persons: (n,)."""
    made = list(projections(features, persons))
    return {kind: min((one for one in made if one.kind == kind), key=error) for kind in (EIGENFACES, FISHERFACES)}


def projections(features: NDArray[np.float32], persons: NDArray[np.int64]) -> Iterator[Projection]:
    """All that are tried."""
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    width = centred.shape[1]
    # As many as the most that are asked for: all axes of 32×32 pixels in colour would take four times as long.
    rising, ascending = eigh(centred.T @ centred / len(centred), subset_by_index=(max(0, width - max(COMPONENTS)), width - 1))
    variances, axes = rising[::-1], ascending[:, ::-1]
    known = int((variances > 1e-9 * variances[0]).sum())
    for components in COMPONENTS:
        first = min(components, known)
        basis = axes[:, :first]
        yield Projection(mean, basis, EIGENFACES, f"{first} components")
        yield Projection(mean, basis / np.sqrt(variances[:first]), EIGENFACES, f"{first} components, of equal variance")
        yield Projection(mean, basis @ _white_within(centred @ basis, persons), FISHERFACES, f"of {first} components")


def _white_within(projected: NDArray[np.float64], persons: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, k): what gives equal variance in all directions to what varies among the captures of one person."""
    _, own = np.unique(persons, return_inverse=True)
    counts = np.bincount(own)
    means = np.stack([np.bincount(own, weights=column) for column in projected.T], axis=1) / counts[:, None]
    apart = projected - means[own]
    variances, axes = np.linalg.eigh(apart.T @ apart / len(apart))
    white: NDArray[np.float64] = axes / np.sqrt(np.maximum(variances, 1e-6 * variances[-1]))
    return white
