"""Drawn heads: a person's at rest, and as it looks for a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aibenchrt.datasets.draws import Rng
from aibenchrt.datasets.rasteriser import Floats
from aibenchrt.datasets.sources.head_model import Axis, HeadModel


def person(model: HeadModel, spread: float, rng: Rng) -> Floats:
    """(n, 3) mm: a drawn person's head at rest. spread: the standard deviation of the weights of shapes, which end at ±1."""
    points = model.points.copy()
    if model.ancestries:
        shares = rng.gamma(0.5, 1.0, len(model.ancestries))
        _displace(points, model.ancestries, (shares / max(float(shares.sum()), 1e-9)).tolist())
    _displace(points, model.shapes, np.clip(rng.normal(0.0, spread, len(model.shapes)), -1.0, 1.0).tolist())
    return points


def with_expression(model: HeadModel, rest: Floats, strength: float, rng: Rng) -> Floats:
    """(n, 3) mm: the head with up to three expressions, each of a weight of at most `strength`."""
    points = rest.copy()
    weights = np.zeros(len(model.expressions))
    chosen = rng.permutation(len(weights))[: int(rng.integers(0, 4))]
    weights[chosen] = rng.uniform(0.0, strength, len(chosen))
    _displace(points, model.expressions, weights.tolist())
    return points


def _displace(points: Floats, axes: Sequence[Axis], weights: Sequence[float]) -> None:
    for axis, weight in zip(axes, weights, strict=True):
        for part in axis.more if weight > 0 else axis.less:
            points[part.rows] += abs(weight) * part.by
