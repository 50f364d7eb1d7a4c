"""What a picture's edges say of its turn: the baseline, and a voice beside the network's. Needs numpy, never torch.

How often edges run in each direction, weighted by their strength, is a histogram (Freeman and Roth 1995, Orientation Histograms for Hand
Gesture Recognition). A turned thing has the histogram of an upright one, shifted; how likely a shift is, the mean histogram of upright
training pictures says. The baseline answers the median of the shifts, weighted by their likelihoods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 72  # of 180 degrees: an edge has no head
STEP = 180.0 / BINS
# The best on training pictures: pixels by which is smoothed, the circle that is looked at, in halves of the side, and how many independent
# edges a picture counts for.
SMOOTHED, RADIUS, SURENESS = 0.7, 0.84, 20.0
TURNS = STEP * np.arange(-18, 19)  # degrees, up to 45 to either side

_AT = np.arange(-3, 4)
_SMOOTH = np.exp(-(_AT**2) / (2 * SMOOTHED**2))
_SMOOTH /= _SMOOTH.sum()
_SLOPE = _AT * _SMOOTH / (_AT**2 * _SMOOTH).sum()  # of a plane, its slope


def directions(picture: NDArray[np.uint8]) -> Array:
    """(BINS,) summing to 1 of a (side, side, 3) picture; all alike for one without edges. Bin 0: edges from top to bottom."""
    grey = picture.mean(axis=2)
    across, down = _filtered(grey, _SMOOTH, _SLOPE), _filtered(grey, _SLOPE, _SMOOTH)
    axis = (np.arange(len(grey)) + 0.5) * (2 / len(grey)) - 1
    strength = np.hypot(across, down) * (np.hypot(axis[:, None], axis[None, :]) < RADIUS)
    place = np.degrees(np.arctan2(down, across)) % 180 / STEP
    below = np.floor(place).astype(np.int64)
    above = place - below
    histogram = np.bincount(below.ravel() % BINS, (strength * (1 - above)).ravel(), BINS)
    histogram += np.bincount((below.ravel() + 1) % BINS, (strength * above).ravel(), BINS)
    whole = histogram.sum()
    return histogram / whole if whole > 1e-6 else np.full(BINS, 1 / BINS)


def _filtered(grey: Array, along_lines: Array, along_columns: Array) -> Array:
    """grey (height, width) filtered downwards by the first and across by the second; beyond the edge is the nearest pixel."""
    padded = np.pad(grey, 3, mode="edge")
    height, width = grey.shape
    lines = np.sum([weight * padded[k : k + height] for k, weight in enumerate(along_lines)], axis=0)
    out: Array = np.sum([weight * lines[:, k : k + width] for k, weight in enumerate(along_columns)], axis=0)
    return out


def upright(histograms: Sequence[Array], degrees: Sequence[float]) -> Array:
    """(BINS,) summing to 1, the mean histogram of pictures, each turned back by its degrees (clockwise)."""
    total = np.sum([_shifted(histogram, -turned) for histogram, turned in zip(histograms, degrees, strict=True)], axis=0)
    mean: Array = total / total.sum()
    return mean


def expected(template: Array, degrees: Array) -> Array:
    """(n, BINS) logarithms of the histograms that things turned by each of (n,) degrees have. template: of upright ones; nothing in it is
    zero."""
    known = np.log(template)
    return np.stack([_shifted(known, float(turned)) for turned in degrees])


def likelihoods(histogram: Array, expectations: Array) -> Array:
    """(n,) logarithms, the largest 0: how likely each of the expectations is, were a picture made of one edge."""
    likely = expectations @ histogram
    relative: Array = likely - likely.max()
    return relative


def turn_of(histogram: Array, expectations: Array) -> float:
    """Degrees, clockwise. expectations: for TURNS."""
    weights = np.exp(SURENESS * likelihoods(histogram, expectations))
    reached = np.cumsum(weights / weights.sum())
    return float(TURNS[min(int(np.searchsorted(reached, 0.5)), len(TURNS) - 1)])


def _shifted(values: Array, degrees: float) -> Array:
    """(BINS,), what they are of a picture that is turned further, clockwise."""
    below = int(np.floor(degrees / STEP))
    above = degrees / STEP - below
    return np.roll(values, below) * (1 - above) + np.roll(values, below + 1) * above
