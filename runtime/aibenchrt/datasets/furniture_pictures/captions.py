"""What is said of a thing: its colour by name, a caption, and what a user types beside a photo of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng, choose

COLOURS = ("black", "grey", "white", "red", "orange", "brown", "beige", "yellow", "green", "blue", "purple", "pink")
_SOLID = 128  # the alpha from which a pixel belongs to the thing


def colour_of(picture: NDArray[np.uint8]) -> str:
    """The colour that most pixels of a (height, width, 4) picture have, by hue, saturation and value; 'grey' of an empty one."""
    pixels = picture[picture[:, :, 3] >= _SOLID][:, :3].astype(np.int64)
    names = np.bincount(_names(pixels), minlength=len(COLOURS)) if len(pixels) else np.array([0, 1])
    return COLOURS[int(names.argmax())]


def _names(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 3) → (n,) places in COLOURS. Thresholds set by eye on the catalogue's pictures; brown and beige are dark and pale orange."""
    red, green, blue = pixels[:, 0], pixels[:, 1], pixels[:, 2]
    most, least = pixels.max(1), pixels.min(1)
    spread = np.maximum(most - least, 1)
    sector = np.select([most == red, most == green], [(green - blue) / spread, 2 + (blue - red) / spread], 4 + (red - green) / spread)
    hue = np.mod(sector * 60.0, 360.0)
    saturation = (most - least) / np.maximum(most, 1)
    warm = (hue >= 15) & (hue < 50)
    tests = [
        (most < 50, "black"),
        ((saturation < 0.13) & (most > 190), "white"),
        (saturation < 0.13, "grey"),
        (warm & (saturation < 0.45) & (most > 150), "beige"),
        (warm & ((most < 190) | (saturation < 0.55)), "brown"),
        ((hue < 15) & (most < 130) & (saturation < 0.7), "brown"),
        (((hue < 15) | (hue >= 320)) & (saturation < 0.5) & (most > 150), "pink"),
        ((hue < 15) | (hue >= 340), "red"),
        (hue < 45, "orange"),
        (hue < 70, "yellow"),
        (hue < 170, "green"),
        (hue < 260, "blue"),
        (hue < 320, "purple"),
    ]
    return np.select([test for test, _ in tests], [COLOURS.index(name) for _, name in tests], COLOURS.index("pink"))


def caption(noun: str, colour: str, material: str) -> str:
    """'a brown wooden chair', 'an orange lamp'."""
    words = " ".join(filter(None, (colour, material, noun)))
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def words(noun: str, colour: str, material: str, rng: Rng) -> str:
    """What a user types beside a photo: the noun, and often what it looks like or is made of."""
    told = [noun, f"{colour} {noun}", f"{noun} in {colour}", f"a {noun} like this one", f"this {colour} {noun}"]
    if material:
        told += [f"{material} {noun}", f"{colour} {material} {noun}"]
    return choose(told, rng)
