"""The baseline: what differs from the background, estimated from the photo's border. Needs numpy and scipy, never torch.

A plane or quadric of colour is fitted to a strip along the border, twice, the second time without what lies far from the first. Pixels
whose colour is farther from it than a threshold are opened and gathered into connected blobs; the largest are things. A blob's noun is that
whose training things have the nearest means of five features: colour, shape and size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from aibenchrt.components.object_detection.finding import Array, Found, found
from aibenchrt.components.object_detection.picture import Pixels

STRIP = 3  # pixels of the border's strip
SMALLEST = 0.004  # the part of the photo that a blob has at least
BLOBS = 3  # the most things of a photo


@dataclass(frozen=True, eq=False)
class BlobRule:
    """degree: of the background's polynomial. threshold: of the colour distance, in grey levels. nearest: whether nouns are told by their
    means, otherwise each has its share of the training things. shares: (nouns,). means: (nouns, 5); scale: (5,), standard deviations."""

    degree: int
    threshold: float
    nearest: bool
    shares: Array
    means: Array
    scale: Array

    def stored(self) -> dict[str, Any]:
        """As `serving` metadata holds it."""
        arrays = {name: np.round(getattr(self, name), 6).tolist() for name in ("shares", "means", "scale")}
        return {"degree": self.degree, "threshold": self.threshold, "nearest": self.nearest} | arrays

    @staticmethod
    def of(stored: Mapping[str, Any]) -> BlobRule:
        arrays = {name: np.asarray(stored[name], dtype=np.float64) for name in ("shares", "means", "scale")}
        return BlobRule(int(stored["degree"]), float(stored["threshold"]), bool(stored["nearest"]), **arrays)


def find_blobs(photo: Pixels, rule: BlobRule) -> Found:
    """The photo's largest blobs, each once for every noun."""
    return judged(*blobs(distance(photo, rule.degree), photo, rule.threshold), photo, rule)


def judged(corners: Array, features: Array, photo: Pixels, rule: BlobRule) -> Found:
    """Blobs with nouns: a score is the blob's share of the photo times how well the noun fits. corners: (n, 4); features: (n, 5)."""
    fits = np.tile(rule.shares, (len(corners), 1))
    if rule.nearest and len(corners):
        far = (((features[:, None] - rule.means[None]) / rule.scale) ** 2).sum(axis=2)
        fits = fits * np.exp((far.min(axis=1, keepdims=True) - far) / 2)
        fits = fits / fits.sum(axis=1, keepdims=True)
    scores = (fits * areas(corners, photo)[:, None]).ravel()
    nouns = len(rule.shares)
    return found(np.repeat(corners, nouns, axis=0), np.tile(np.arange(nouns), len(corners)), scores)


def distance(photo: Pixels, degree: int) -> Array:
    """(height, width): how far each pixel's colour is from the background's."""
    height, width = photo.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([x**a * y**b for a in range(degree + 1) for b in range(degree + 1 - a)], axis=-1)
    border = np.ones((height, width), dtype=np.bool_)
    border[STRIP:-STRIP, STRIP:-STRIP] = False
    known, colours = terms[border], photo[border].astype(np.float64)
    fitted = np.linalg.lstsq(known, colours, rcond=None)[0]
    far = np.linalg.norm(colours - known @ fitted, axis=1)
    near = far <= 2 * np.median(far) + 1
    fitted = np.linalg.lstsq(known[near], colours[near], rcond=None)[0]
    apart: Array = np.linalg.norm(photo - terms @ fitted, axis=2)
    return apart


def blobs(apart: Array, photo: Pixels, threshold: float) -> tuple[Array, Array]:
    """The BLOBS largest blobs: corners (n, 4) and features (n, 5)."""
    mask = ndimage.binary_opening(apart > threshold, iterations=1)
    numbered, count = ndimage.label(mask)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
    largest = [row for row in np.argsort(-sizes, kind="stable")[:BLOBS].tolist() if sizes[row] >= SMALLEST * mask.size]
    frames = ndimage.find_objects(numbered)
    corners = [(frames[row][1].start, frames[row][0].start, frames[row][1].stop, frames[row][0].stop) for row in largest]
    inside = [photo[frames[row]][numbered[frames[row]] == row + 1] for row in largest]
    boxes = np.array(corners, dtype=np.float64).reshape(-1, 4)
    return boxes, np.array([_features(*pair, photo) for pair in zip(boxes, inside, strict=True)]).reshape(-1, 5)


def features(corners: Sequence[float], photo: Pixels) -> Array:
    """(5,) of a thing whose box is known: the mean colour of the middle of it, in [0, 1], the logarithms of its shape and its size."""
    left, top, right, bottom = (int(value) for value in corners)
    across, down = (right - left) // 4, (bottom - top) // 4
    middle = photo[top + down : max(bottom - down, top + down + 1), left + across : max(right - across, left + across + 1)]
    return _features(np.asarray(corners, dtype=np.float64), middle.reshape(-1, 3), photo)


def _features(corners: Array, inside: NDArray[np.uint8], photo: Pixels) -> Array:
    sides = np.maximum(corners[2:] - corners[:2], 1.0)
    return np.array([*(inside.mean(axis=0) / 255), np.log(sides[0] / sides[1]), np.log(areas(corners[None], photo)[0])])


def areas(corners: Array, photo: Pixels) -> Array:
    """(n,): the part of the photo that each box has."""
    shares: Array = np.maximum((corners[:, 2:] - corners[:, :2]).prod(axis=1), 1.0) / (photo.shape[0] * photo.shape[1])
    return shares
