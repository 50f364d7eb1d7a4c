"""Textures without a source, four kinds drawn by seed; and the square parts of a texture that are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from aibenchrt.datasets.arcade.drawing import Picture
from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.looks import Floats
from aibenchrt.datasets.sources.furniture_textures import NAMES, Texture

TEXELS = 32  # of a side of a part
DRAWN = 64  # pixels of a side of a made texture


def part_of(pixels: Picture, rng: Rng) -> Picture:
    """A square part of a texture, half of its shorter side or more, perhaps mirrored, (TEXELS, TEXELS, 3)."""
    height, width = pixels.shape[:2]
    most = min(height, width)
    size = int(rng.integers(most // 2, most + 1))
    left, top = int(rng.integers(0, width - size + 1)), int(rng.integers(0, height - size + 1))
    part = Image.fromarray(np.ascontiguousarray(pixels[top : top + size, left : left + size]))
    small = np.asarray(part.resize((TEXELS, TEXELS), Image.Resampling.BOX), dtype=np.uint8)
    return np.ascontiguousarray(small[:, ::-1]) if rng.random() < 0.5 else small


def made(each: int, seed: int) -> Iterator[Texture]:
    """`each` textures of each kind."""
    for kind in NAMES:
        rng = rng_of(seed, f"textures of {kind}")
        for number in range(each):
            pixels: Picture = np.clip(np.rint(MADE[kind](rng) * 255), 0, 255).astype(np.uint8)
            yield Texture(f"synthetic {kind} {number}", f"{kind} {number}", kind, pixels)


def _wood(rng: Rng) -> Floats:
    return _coloured(_noise(rng, 24, 2), (0.6, 0.4, 0.2), rng)


def _stone(rng: Rng) -> Floats:
    return _coloured(_noise(rng, 22, 22), (0.6, 0.6, 0.62), rng)


def _foliage(rng: Rng) -> Floats:
    return _coloured(_noise(rng, 7, 7), (0.25, 0.6, 0.15), rng)


def _fabric(rng: Rng) -> Floats:
    """Stripes both ways."""
    wide, high = rng.integers(2, 9, 2)
    down, across = np.mgrid[0:DRAWN, 0:DRAWN]
    stripes = (down // high % 2)[..., None] * rng.uniform(0.2, 0.5, 3) + (across // wide % 2)[..., None] * rng.uniform(0.2, 0.5, 3)
    return np.asarray(stripes, dtype=np.float64)


def _coloured(noise: Floats, colour: tuple[float, float, float], rng: Rng) -> Floats:
    levels: Floats = noise * np.array(colour) * rng.uniform(0.6, 1.4)
    return levels


def _noise(rng: Rng, high: int, wide: int) -> Floats:
    """(DRAWN, DRAWN, 1) smooth from about 0.5 to 1.3, with that many patches down and across."""
    patches = Image.fromarray(rng.integers(130, 332, (high, wide)).clip(0, 255).astype(np.uint8))
    return np.asarray(patches.resize((DRAWN, DRAWN), Image.Resampling.BICUBIC), dtype=np.float64)[..., None] / 200.0


MADE: dict[str, Callable[[Rng], Floats]] = {"fabric": _fabric, "foliage": _foliage, "stone": _stone, "wood": _wood}
