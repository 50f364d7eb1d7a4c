"""The best simple change of a picture that we found: smoothed by a filter of the trade, then an affine map of its colours.

A rule is chosen for each data set: the filter and its strength whose pictures of the validation pairs are nearest to what they are to be,
each with the map that least squares fits on the training pairs. The map takes a pixel's colour and the mean colour of its whole picture, so
that it can make dark pictures light. Needs numpy, scipy and scikit-image, never torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]  # (height, width, 3) in [0, 1]

# Non-local means, Buades et al. 2005; total variation, Rudin et al. 1992, by Chambolle 2004. Strengths are in pixels, the weight of
# smoothness, or the difference of patches, in parts of the whole range, that counts as noise.
FILTERS: dict[str, tuple[float, ...]] = {
    "none": (0.0,),
    "gaussian": (0.5, 0.8, 1.2),
    "median": (3.0, 5.0),
    "total variation": (0.05, 0.1, 0.2),
    "non-local means": (0.05, 0.1, 0.2),
}
INPUTS = 7  # of the map: a pixel's colour, its picture's mean colour, 1


@dataclass(frozen=True)
class Rule:
    """filter: of FILTERS. colours: (INPUTS, 3)."""

    filter: str
    strength: float
    colours: tuple[tuple[float, float, float], ...]

    def stored(self) -> dict[str, Any]:
        return {"filter": self.filter, "strength": self.strength, "colours": [list(row) for row in self.colours]}


def read_rule(stored: dict[str, Any]) -> Rule:
    """What `Rule.stored` returned."""
    return Rule(stored["filter"], float(stored["strength"]), tuple(tuple(map(float, row)) for row in stored["colours"]))  # type: ignore[misc]


def changed(picture: Pixels, rule: Rule) -> Pixels:
    """The picture under the rule, in [0, 1]."""
    smooth = smoothed(picture, rule.filter, rule.strength)
    out: Pixels = np.clip(_inputs(smooth) @ np.array(rule.colours), 0, 1).reshape(picture.shape).astype(np.float32)
    return out


def smoothed(picture: Pixels, name: str, strength: float) -> Pixels:
    """KeyError: no such filter."""
    return _FILTERS[name](picture, strength).astype(np.float32)


def best_rule(
    before: Sequence[Pixels],
    after: Sequence[Pixels],
    choosing: Sequence[Pixels],
    chosen: Sequence[Pixels],
    names: Sequence[str] = tuple(FILTERS),
) -> Rule:
    """The rule of these filters with the least mean squared error on the pairs (choosing, chosen), fitted on (before, after)."""
    tried: list[tuple[float, Rule]] = []
    target = np.concatenate([picture.reshape(-1, 3) for picture in after])
    for name, strength in [(one, value) for one in names for value in FILTERS[one]]:
        given = np.concatenate([_inputs(smoothed(picture, name, strength)) for picture in before])
        colours = np.linalg.lstsq(given, target, rcond=None)[0]
        rule = Rule(name, strength, tuple(tuple(round(float(x), 6) for x in row) for row in colours))  # type: ignore[misc]
        errors = [float(np.mean((changed(picture, rule) - wanted) ** 2)) for picture, wanted in zip(choosing, chosen, strict=True)]
        tried.append((float(np.mean(errors)), rule))
    return min(tried, key=lambda row: row[0])[1]


def _inputs(picture: Pixels) -> NDArray[np.float64]:
    """(pixels, INPUTS)."""
    pixels = picture.reshape(-1, 3).astype(np.float64)
    return np.hstack([pixels, np.broadcast_to(pixels.mean(axis=0), pixels.shape), np.ones((len(pixels), 1))])


def _gaussian(picture: Pixels, strength: float) -> NDArray[Any]:
    from scipy.ndimage import gaussian_filter

    out: NDArray[Any] = gaussian_filter(picture, (strength, strength, 0))
    return out


def _median(picture: Pixels, strength: float) -> NDArray[Any]:
    from scipy.ndimage import median_filter

    out: NDArray[Any] = median_filter(picture, (int(strength), int(strength), 1))
    return out


def _total_variation(picture: Pixels, strength: float) -> NDArray[Any]:
    from skimage.restoration import denoise_tv_chambolle

    out: NDArray[Any] = denoise_tv_chambolle(picture, strength, max_num_iter=50, channel_axis=2)
    return out


def _non_local_means(picture: Pixels, strength: float) -> NDArray[Any]:
    from skimage.restoration import denoise_nl_means

    out: NDArray[Any] = denoise_nl_means(picture, 5, 6, h=strength, fast_mode=True, channel_axis=2)
    return out


_FILTERS: dict[str, Callable[[Pixels, float], NDArray[Any]]] = {
    "none": lambda picture, _strength: picture,
    "gaussian": _gaussian,
    "median": _median,
    "total variation": _total_variation,
    "non-local means": _non_local_means,
}
