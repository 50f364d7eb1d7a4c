"""From a network's maps to boxes, and from boxes to the thing that is wanted. Needs numpy, never torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.answers import Boxes

Array = NDArray[np.float64]
MOST = 20  # boxes of a photo
LEAST = 0.01  # the score of a box


@dataclass(frozen=True, eq=False)
class Found:
    """Boxes, surest first. corners: (n, 4), left, top, right, bottom in pixels. labels, scores: (n,)."""

    corners: Array
    labels: NDArray[np.int64]
    scores: Array

    def within(self, width: int, height: int, scale: float = 1.0) -> Found:
        """The boxes in the photo of which the picture was `scale` times as large, cut off at its edges, at least a pixel in size."""
        beyond = np.array([width, height, width, height], dtype=np.float64)
        corners = np.clip(self.corners / scale, 0.0, beyond)
        corners[:, :2] = np.minimum(corners[:, :2], beyond[:2] - 1.0)
        corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1.0)
        return Found(corners, self.labels, self.scores)

    def answer(self) -> Boxes:
        return Boxes(tuple(map(tuple, self.corners.tolist())), tuple(self.labels.tolist()), tuple(self.scores.tolist()))

    def value(self) -> dict[str, list[Any]]:
        """As a Boxes port holds it."""
        left, top, right, bottom = self.corners.T.tolist()
        return {"left": left, "top": top, "right": right, "bottom": bottom, "label": self.labels.tolist(), "score": self.scores.tolist()}


def found(corners: NDArray[Any], labels: NDArray[Any], scores: NDArray[Any]) -> Found:
    """The MOST surest of these boxes with a score of at least LEAST."""
    order = np.argsort(-scores, kind="stable")[:MOST]
    order = order[scores[order] >= LEAST]
    return Found(
        np.asarray(corners, dtype=np.float64).reshape(-1, 4)[order], labels[order].astype(np.int64), scores[order].astype(np.float64)
    )


def peaks(heat: NDArray[np.float32], offset: NDArray[np.float32], size: NDArray[np.float32], stride: int) -> Found:
    """The boxes at the peaks of the heat of all nouns, each once for every noun. A peak is a cell that none of its eight neighbours exceeds
    (Zhou et al. 2019, section 3.1).

    heat: (labels, rows, columns). offset, size: (2, rows, columns), x before y, in pixels.
    """
    _, rows, columns = heat.shape
    whole = heat.sum(axis=0)
    padded = np.pad(whole, 1, constant_values=-1.0)
    around = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)]).max(0)
    row, column = np.nonzero((whole >= around) & (whole >= LEAST))
    middle = np.stack([column, row]) * float(stride) + offset[:, row, column]
    half = size[:, row, column] / 2
    corners, nouns = np.concatenate([middle - half, middle + half]).T, heat[:, row, column].T
    return found(np.repeat(corners, nouns.shape[1], axis=0), np.tile(np.arange(nouns.shape[1]), len(corners)), nouns.ravel())


def answered(scores: NDArray[np.float32], boxes: NDArray[np.float32], side: int) -> Found:
    """The boxes that queries found, each once for every noun. scores: (queries, labels). boxes: (queries, 4), middle and size, in parts of
    the picture's side."""
    middle, half = boxes[:, :2] * float(side), boxes[:, 2:] * (side / 2.0)
    corners, nouns = np.concatenate([middle - half, middle + half], axis=1), scores.shape[1]
    return found(np.repeat(corners, nouns, axis=0), np.tile(np.arange(nouns), len(corners)), scores.ravel())


def read(outputs: Mapping[str, NDArray[np.float32]], side: int) -> Found:
    """What a network's outputs for one picture of that side mean, whichever network."""
    if "scores" in outputs:
        return answered(outputs["scores"], outputs["boxes"], side)
    heat = outputs["heat"]
    return peaks(heat, outputs["offset"], outputs["size"], side // heat.shape[1])


@dataclass(frozen=True)
class Choice:
    """How the wanted box is chosen: by its score times its share of the photo to the power `larger`; of a box whose noun is not among
    those named, times `unnamed`. Both are learnt on validation photos."""

    larger: float
    unnamed: float

    def of(self, boxes: Found, width: int, height: int, named: Collection[int] = ()) -> int | None:
        """The row of the wanted box; None if there is no box. named: the labels whose nouns are in the query; empty: any may be meant."""
        if not len(boxes.scores):
            return None
        sides = boxes.corners[:, 2:] - boxes.corners[:, :2]
        worth = boxes.scores * (sides.prod(axis=1) / (width * height)) ** self.larger
        if named:
            worth = worth * np.where(np.isin(boxes.labels, list(named)), 1.0, self.unnamed)
        return int(np.argmax(worth))


def named_in(words: Collection[str], nouns: Collection[str]) -> set[int]:
    """The labels of the nouns that are among the words, in singular or plural."""
    said = set(words)
    return {label for label, noun in enumerate(nouns) if not said.isdisjoint((noun, f"{noun}s", f"{noun}es"))}
