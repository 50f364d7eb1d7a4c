"""Two similarities as one decision: logistic regression (Cox 1958), fitted by Newton's method, and a threshold at a false accept rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PENALTY = (
    1e-3  # on the squares of the weights, of similarities that were put on one scale: where the classes can be told apart without error
)
STEPS, ENOUGH = 100, 1e-9
ROUNDING = 1e-9  # what scores at the threshold may be above it, relative to it

Similarities = NDArray[np.float64]  # (trials, 2): of the face, and of its shape


@dataclass(frozen=True)
class Trials:
    """Comparisons whose truth is known. Strangers: another person's face; printed: a photo of the person's own, on paper."""

    genuine: Similarities
    strangers: Similarities
    printed: Similarities


@dataclass(frozen=True)
class Fusion:
    """score = face · cosine + shape · cosine + bias: log odds that it is the payer, above the threshold; accepted if it is above 0."""

    face: float
    shape: float
    bias: float

    def scores(self, similarities: Similarities) -> NDArray[np.float64]:
        return similarities[:, 0] * self.face + similarities[:, 1] * self.shape + self.bias

    def document(self) -> dict[str, float]:
        return asdict(self)


def fusion_of(document: Mapping[str, Any]) -> Fusion:
    """ValueError, KeyError: it is none."""
    found = Fusion(float(document["face"]), float(document["shape"]), float(document["bias"]))
    if not np.isfinite([found.face, found.shape, found.bias]).all():
        raise ValueError("a fusion has finite weights")
    return found


def fit(trials: Trials, false_accepts: float) -> Fusion:
    """Genuine trials weigh half of all, strangers and printed photos a quarter each, however many there are. false_accepts: the largest
    share of strangers, and of printed photos, that is accepted. ValueError: there are no trials of a kind."""
    kinds = (trials.genuine, trials.strangers, trials.printed)
    if not all(len(kind) for kind in kinds):
        raise ValueError("to learn from, there are trials of customers, of strangers and of printed photos")
    every = np.concatenate(kinds)
    mean, scale = every.mean(axis=0), np.maximum(every.std(axis=0), 1e-9)
    truth = np.concatenate([np.ones(len(kinds[0])), np.zeros(len(kinds[1]) + len(kinds[2]))])
    weight = np.concatenate([np.full(len(kind), share / len(kind)) for kind, share in zip(kinds, (0.5, 0.25, 0.25), strict=True)])
    found = _regression((every - mean) / scale, truth, weight)
    face, shape = found[:2] / scale
    odds = Fusion(float(face), float(shape), float(found[2] - (found[:2] * mean / scale).sum()))
    limit = max(_limit(odds.scores(kind), false_accepts) for kind in kinds[1:])
    return Fusion(odds.face, odds.shape, odds.bias - limit - ROUNDING * (1 + abs(limit)))


def accepted_shares(fusion: Fusion, trials: Trials) -> dict[str, float]:
    """Kind of trials → the share that is accepted."""
    return {kind: float((fusion.scores(getattr(trials, kind)) > 0).mean()) for kind in ("genuine", "strangers", "printed")}


def _limit(scores: NDArray[np.float64], share: float) -> float:
    """The lowest threshold that at most this share of the scores is above."""
    return float(np.sort(scores)[::-1][min(int(share * len(scores)), len(scores) - 1)])


def _regression(similarities: Similarities, truth: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,): the weights of the two similarities, and the bias, of the largest penalised likelihood."""
    design = np.column_stack([similarities, np.ones(len(similarities))])
    penalty = np.array([PENALTY, PENALTY, 0.0])
    found = np.zeros(3)
    for _ in range(STEPS):
        odds = 1.0 / (1.0 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = design.T @ (weight * (odds - truth)) + penalty * found
        curvature = (design * (weight * odds * (1 - odds))[:, None]).T @ design + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))  # no step beyond where the likelihood is flat
        if np.abs(step).max() < ENOUGH:
            break
    return found
