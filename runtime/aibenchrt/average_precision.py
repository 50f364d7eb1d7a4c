"""Mean average precision of detections as COCO computes it (Lin et al. 2014; pycocotools' COCOeval), with weighted pictures.

Detections of one picture and class are matched with true boxes, surest first, each with the free true box that it overlaps most, if by at
least the threshold (intersection over union). That does not depend on other pictures, so it is done once; how often each picture counts
enters only the precision and recall, and a bootstrap over pictures is cheap. As in COCO, at most MOST detections of a picture count, and
average precision is the mean of the interpolated precision at 101 values of recall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.answers import Boxes

Array = NDArray[np.float64]
MOST = 100  # detections of a picture
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class _Class:
    """One class. picture, right: of each detection, surest first: its picture, and whether it matched. true: (pictures,), the number of
    true boxes."""

    picture: NDArray[np.int64]
    right: NDArray[np.bool_]
    true: NDArray[np.int64]

    def average_precision(self, counts: Array) -> float:
        """NaN if no true box counts."""
        whole = float(counts @ self.true)
        if not whole:
            return float("nan")
        weight = counts[self.picture]
        hits, shown = np.cumsum(weight * self.right), np.cumsum(weight)
        precision = np.divide(hits, shown, out=np.zeros_like(hits), where=shown > 0)
        best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(hits / whole, RECALLS, side="left")
        return float(np.where(at < len(best_from_here), np.append(best_from_here, 0.0)[np.minimum(at, len(best_from_here))], 0.0).mean())


def mean_average_precision(truths: Sequence[Boxes], answers: Sequence[Boxes], threshold: float) -> Callable[[Array], float]:
    """(how often each picture counts) → the mean over the classes with true boxes; NaN if there is none.

    truths, answers: one for each picture. threshold: the least intersection over union of a match.
    """
    labels = sorted({label for truth in truths for label in truth.labels})
    classes = [_of_class(label, truths, answers, threshold) for label in labels]

    def statistic(counts: Array) -> float:
        values = np.array([one.average_precision(np.asarray(counts, dtype=np.float64)) for one in classes])
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else float("nan")

    return statistic


def _of_class(label: int, truths: Sequence[Boxes], answers: Sequence[Boxes], threshold: float) -> _Class:
    picture, right, score, true = [], [], [], np.zeros(len(truths), dtype=np.int64)
    for number, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        wanted, _ = _boxes_of(truth, label)
        found, scores = _boxes_of(answer, label)
        true[number] = len(wanted)
        picture += [number] * len(found)
        score += scores.tolist()
        right += matches(found, wanted, threshold)
    order = np.argsort(-np.asarray(score, dtype=np.float64), kind="stable")
    return _Class(np.asarray(picture, dtype=np.int64)[order], np.asarray(right, dtype=np.bool_)[order], true)


def _boxes_of(boxes: Boxes, label: int) -> tuple[Array, Array]:
    """Corners (n, 4) and scores (n,) of a class among the MOST surest of all, surest first; a NaN is no score."""
    scores = np.nan_to_num(np.asarray(boxes.scores, dtype=np.float64), nan=-np.inf)
    chosen = [row for row in np.argsort(-scores, kind="stable").tolist() if boxes.labels[row] == label][:MOST]
    return np.asarray(boxes.corners, dtype=np.float64).reshape(-1, 4)[chosen], scores[chosen]


def matches(found: Array, wanted: Array, threshold: float) -> list[bool]:
    """Whether each of the boxes found (n, 4), surest first, gets a true box of its own of `wanted` (m, 4)."""
    overlaps, free, matched = overlap(found, wanted), np.ones(len(wanted), dtype=np.bool_), []
    for row in overlaps:
        best = int(np.argmax(np.where(free, row, -1.0))) if free.any() else -1
        matched.append(best >= 0 and bool(row[best] >= threshold))
        if matched[-1]:
            free[best] = False
    return matched


def overlap(boxes: Array, others: Array) -> Array:
    """Intersection over union of boxes (n, 4) with others (m, 4): (n, m); 0 with a box without area."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    beyond = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(beyond - corner, 0.0, None).prod(axis=2)
    areas, other_areas = (np.clip(part[:, 2:] - part[:, :2], 0.0, None).prod(axis=1) for part in (boxes, others))
    union = areas[:, None] + other_areas[None, :] - shared
    shares: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return shares
