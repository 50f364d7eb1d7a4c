"""Pictures of text: rendered, not photographed. Fonts come with matplotlib; size, tilt, blur, light and noise are drawn by seed.

Fonts: DejaVu 2.37 (Bitstream Vera licence) and STIX (OFL 1.1), 16 styles. The same seed gives the same bytes with the same release of
Pillow, whose FreeType renders the letters.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from aibenchrt.datasets.png import png

LICENCE = "text as its source; fonts DejaVu (Bitstream Vera) and STIX (OFL 1.1)"
SANS = "DejaVuSans.ttf"
FONTS = (
    SANS, "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSans-BoldOblique.ttf",
    "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSerif-Italic.ttf", "DejaVuSerif-BoldItalic.ttf",
    "DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSansMono-Oblique.ttf", "DejaVuSansMono-BoldOblique.ttf",
    "STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "STIXGeneralBolIta.ttf",
)  # fmt: skip
STEP = 8  # between the grey levels of a picture; finer ones would only add noise and twice the bytes


@dataclass(frozen=True)
class Line:
    """png: a picture of one line of text, 8-bit greyscale. text: what it says."""

    png: bytes
    text: str


@dataclass(frozen=True)
class Conditions:
    """Ranges from which a picture's properties are drawn. sizes: of the font, in pixels; ink, paper: grey levels, 0 to 255; tilt: degrees
    to either side; noise: standard deviation, in grey levels."""

    fonts: tuple[str, ...]
    sizes: tuple[int, int]
    ink: tuple[int, int]
    paper: tuple[int, int]
    tilt: float
    stretch: tuple[float, float]
    blur: tuple[float, float]
    shade: float
    noise: tuple[float, float]


CONDITIONS = {
    "real": Conditions(FONTS, (17, 28), (0, 100), (165, 255), 1.5, (0.9, 1.1), (0.0, 0.9), 40.0, (2.0, 14.0)),
    "synthetic": Conditions((SANS,), (20, 22), (0, 40), (210, 255), 0.0, (1.0, 1.0), (0.0, 0.3), 0.0, (2.0, 6.0)),
}


def picture(text: str, rng: np.random.Generator, variant: Literal["real", "synthetic"] = "real") -> bytes:
    """One line of text as a PNG, dark on light. The synthetic variant is cleaner, in one font. ValueError: no text."""
    if not text.strip():
        raise ValueError("there is no text to draw")
    how = CONDITIONS[variant]
    face = _font(how.fonts[int(rng.integers(len(how.fonts)))], int(rng.integers(how.sizes[0], how.sizes[1] + 1)))
    ink, paper = int(rng.integers(*how.ink)), int(rng.integers(*how.paper))
    left, top, right, bottom = face.getbbox(text)
    margins = rng.integers(3, 9, 4)
    image = Image.new("L", (int(right - left + margins[0] + margins[1]), int(bottom - top + margins[2] + margins[3])), paper)
    ImageDraw.Draw(image).text((int(margins[0] - left), int(margins[2] - top)), text, fill=ink, font=face)
    tilt, stretch, blur = rng.uniform(-how.tilt, how.tilt), rng.uniform(*how.stretch), rng.uniform(*how.blur)
    if how.tilt:
        image = image.rotate(tilt, Image.Resampling.BICUBIC, expand=True, fillcolor=paper)
        image = image.resize((max(1, round(image.width * stretch)), image.height), Image.Resampling.BILINEAR)
    grey = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), dtype=np.float64)
    light = np.linspace(0.0, rng.uniform(-how.shade, how.shade), grey.shape[1])
    grey = grey + light[None, :] + rng.normal(0.0, rng.uniform(*how.noise), grey.shape)
    return png(np.clip(np.rint(grey / STEP) * STEP, 0, 255).astype(np.uint8))


@functools.lru_cache(maxsize=256)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(fonts_folder() / name), size, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def fonts_folder() -> Path:
    """Where matplotlib keeps its fonts; matplotlib itself is not imported."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None
    assert package.submodule_search_locations is not None
    return Path(package.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
