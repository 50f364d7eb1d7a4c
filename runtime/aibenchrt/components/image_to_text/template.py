"""The best simple caption that we found: that which fits training pictures of the same colour best. Needs only numpy.

The colour of a picture is the most frequent one in its middle, of 64. For each, the caption is the one of a training picture of that colour
that agrees best with those of all of them, by the metric itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LEVELS = 4  # of each channel
MIDDLE = 0.25  # radius of the middle, in parts of the side
OTHERWISE = "otherwise"  # key of the caption for a colour that no training picture has


def colour_of(picture: NDArray[np.uint8]) -> str:
    """(side, side, 3) → '0' … '63'."""
    side = picture.shape[0]
    place = (np.arange(side) + 0.5) / side - 0.5
    middle = picture[(place[:, None] ** 2 + place[None, :] ** 2) < MIDDLE**2].astype(np.int64) * LEVELS // 256
    return str(int(np.bincount((middle[:, 0] * LEVELS + middle[:, 1]) * LEVELS + middle[:, 2]).argmax()))


def captions_by_colour(colours: Sequence[str], texts: Sequence[str], agreement: Callable[[str, str], float]) -> dict[str, str]:
    """Colour → caption. agreement: (reference, text) → the higher, the better."""
    by_colour: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for colour, text in zip(colours, texts, strict=True):
        by_colour[colour][text] += 1
    by_colour[OTHERWISE] = Counter(texts)
    return {colour: _most_central(counted, agreement) for colour, counted in sorted(by_colour.items())}


def caption(picture: NDArray[np.uint8], captions: Mapping[str, str]) -> str:
    return captions.get(colour_of(picture), captions[OTHERWISE])


def _most_central(counted: Counter[str], agreement: Callable[[str, str], float]) -> str:
    """The first in order of spelling of those that agree best."""
    return max(sorted(counted), key=lambda text: sum(count * agreement(reference, text) for reference, count in counted.items()))
