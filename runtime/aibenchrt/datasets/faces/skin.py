"""How a person's face is coloured: skin, hair, brows, beard, lips, eyes and moles, by the place on the head (head_model.py)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import Rng, choose
from aibenchrt.datasets.rasteriser import Floats
from aibenchrt.datasets.sources.head_model import LEFT_EYE, RIGHT_EYE, SKIN

Colour = tuple[float, float, float]
EYE = 30.8  # mm from the middle to each eye's
PALE, DARK = (0.93, 0.76, 0.67), (0.38, 0.24, 0.17)
HAIR: tuple[Colour, ...] = (
    (0.09, 0.07, 0.06), (0.16, 0.11, 0.08), (0.28, 0.18, 0.11), (0.42, 0.28, 0.16), (0.62, 0.47, 0.28), (0.48, 0.22, 0.11),
    (0.55, 0.54, 0.52),
)  # fmt: skip
IRIS: tuple[Colour, ...] = ((0.22, 0.13, 0.07), (0.38, 0.25, 0.12), (0.30, 0.42, 0.26), (0.30, 0.45, 0.60), (0.45, 0.50, 0.52))
# Beards: shares of moustache, chin and cheeks that are covered.
BEARDS: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0), (1.0, 1.0, 1.0))
SPOTS = 10  # at most
INSIDE = (0.25, 0.09, 0.09)  # of the mouth


@dataclass(frozen=True)
class Look:
    """Colours are red, green, blue in [0, 1]; lengths in mm. hairline: y of its middle; receding: how far it rises to the sides; brows: y,
    slope, arch, half height, inner and outer end; beard: shares of moustache, chin and cheeks; spots: x, y, radius, strength."""

    skin: Colour
    hair: Colour
    hairline: float
    receding: float
    hair_shown: float
    brows: tuple[float, float, float, float, float, float]
    brow_strength: float
    beard: tuple[float, float, float]
    lips: Colour
    iris: Colour
    blush: float
    rings: float
    spots: tuple[tuple[float, float, float, float], ...]


def drawn_look(rng: Rng) -> Look:
    """A person's look. All of it is drawn without regard to the shape of the head."""
    dark = float(rng.beta(0.9, 1.3))
    skin = _mixed(PALE, DARK, dark, rng.normal(0.0, 0.02, 3))
    hair = _mixed(choose(HAIR, rng), choose(HAIR[:3], rng), float(rng.uniform(0.0, 0.6)) + 0.4 * dark, rng.normal(0.0, 0.02, 3))
    brows = (
        float(rng.normal(24.5, 1.5)), float(rng.normal(0.03, 0.07)), float(rng.uniform(0.0, 6.0)), float(rng.uniform(1.6, 4.6)),
        float(rng.uniform(7.0, 14.0)), float(rng.uniform(44.0, 53.0)),
    )  # fmt: skip
    strength = float(rng.uniform(0.35, 0.9)) if rng.random() < 0.4 else 0.0
    moustache, chin, cheeks = choose(BEARDS, rng)
    lips = _mixed(skin, (0.62, 0.20, 0.22), float(rng.uniform(0.2, 0.6)), rng.normal(0.0, 0.02, 3))
    spots = tuple(
        (float(rng.uniform(-60.0, 60.0)), float(rng.uniform(-100.0, 75.0)), float(rng.uniform(1.8, 3.6)), float(rng.uniform(0.35, 0.9)))
        for _ in range(min(SPOTS, int(rng.poisson(3.0))))
    )
    return Look(
        skin, hair, float(rng.normal(84.0, 7.0)), float(rng.uniform(-12.0, 25.0)), float(rng.random() < 0.9), brows,
        float(rng.uniform(0.45, 0.95)), (moustache * strength, chin * strength, cheeks * strength), lips, choose(IRIS, rng),
        float(rng.uniform(0.0, 0.14)), float(rng.uniform(0.0, 0.3)), spots,
    )  # fmt: skip


def paint(look: Look, places: Floats, part: NDArray[np.int8]) -> Floats:
    """(k, 3) unlit colours. places: (k, 3), on the head without displacements. part: (k,), as in HeadModel."""
    colours = np.tile(np.array(INSIDE), (len(places), 1))
    skin = part == SKIN
    colours[skin] = _skin(look, places[skin])
    for number, middle in ((LEFT_EYE, EYE), (RIGHT_EYE, -EYE)):
        eye = part == number
        colours[eye] = _eye(look, places[eye] - np.array([middle, 0.0, 0.0]))
    return colours


def _skin(look: Look, places: Floats) -> Floats:
    x, y, z = places[:, 0], places[:, 1], places[:, 2]
    side = np.abs(x)
    colours = np.tile(np.array(look.skin), (len(places), 1))
    cheek = _bump((side - 42.0) / 24.0, (y + 38.0) / 24.0)
    _cover(colours, (0.75, 0.25, 0.22), look.blush * cheek)
    below = _bump((side - EYE) / 20.0, (y + 13.0) / 9.0)
    _cover(colours, (0.22, 0.13, 0.15), look.rings * below)
    for left, up, radius, strength in look.spots:
        _cover(colours, (0.16, 0.09, 0.06), np.where(z > 0, strength * _bump((x - left) / radius, (y - up) / radius), 0.0))
    _cover(colours, look.hair, _beard(look, side, y, z))
    _cover(colours, look.lips, 0.9 * _lips(side, y) * (z > 10))
    _cover(colours, (0.12, 0.05, 0.05), 0.8 * _ramp((1.6 - np.abs(y + 68.0)) / 1.6) * _ramp((25.0 - side) / 3.0) * (z > 0))
    _cover(colours, (0.10, 0.06, 0.05), 0.5 * _bump((side - 7.0) / 5.0, (y + 45.5) / 3.5))  # nostrils
    lids = np.sqrt((side - EYE) * (side - EYE) * 0.55 + (y - 1.0) * (y - 1.0) + z * z * 0.25)
    _cover(colours, (0.10, 0.06, 0.05), 0.55 * _ramp((14.0 - lids) / 6.0))
    height, slope, arch, half, inner, outer = look.brows
    along = (side - inner) / (outer - inner)
    middle = height + slope * (side - EYE) + arch * (4.0 * along * (1.0 - along) - 0.5)
    thin = half * (1.15 - 0.6 * np.clip(along, 0.0, 1.0))
    brow = _ramp(1.6 - np.abs(y - middle) / thin) * _ramp((side - inner) / 4.0) * _ramp((outer - side) / 5.0) * (z > -25)
    _cover(colours, _darker(look.hair), look.brow_strength * brow)
    _cover(colours, look.hair, look.hair_shown * _scalp(look, side, y, z))
    return colours


def _beard(look: Look, side: Floats, y: Floats, z: Floats) -> Floats:
    moustache, chin, cheeks = look.beard
    above = _ramp((7.0 - 0.06 * side - np.abs(y + 55.5 + 0.12 * side)) / 3.0) * _ramp((32.0 - side) / 8.0)
    below = _ramp((30.0 - side) / 8.0) * _ramp((-81.0 - y) / 5.0)
    jaw = _ramp((-52.0 - y + 0.9 * (side - 40.0)) / 12.0) * _ramp((side - 20.0) / 8.0) * _ramp((62.0 + z) / 10.0)
    fade = _ramp((130.0 + y) / 8.0)  # ends at the neck
    return np.maximum(np.maximum(moustache * above, chin * below), cheeks * np.maximum(jaw, below)) * fade


def _lips(side: Floats, y: Floats) -> Floats:
    """Where the lips are: 1 inside."""
    narrow = np.sqrt(np.clip(1.0 - (side / 25.0) * (side / 25.0), 0.0, 1.0))
    upper, lower = -68.0 + 10.0 * narrow - 1.5 * _ramp(1.0 - side / 4.0), -68.0 - 13.0 * narrow
    return _ramp((upper - y) / 2.0) * _ramp((y - lower) / 2.0) * (side < 25.0)


def _scalp(look: Look, side: Floats, y: Floats, z: Floats) -> Floats:
    """Where hair grows: above a line that falls to the ears, and behind them."""
    temples = np.clip((side - 45.0) / 25.0, 0.0, 1.0)
    line = look.hairline + look.receding * np.clip(side / 45.0, 0.0, 1.0) * (1.0 - temples) - 75.0 * temples * temples
    ears = (side > 72.0) & (np.abs(y + 18.0) < 45.0) & (z > -105.0)
    return np.where(ears, 0.0, _ramp((y - line) / 5.0))


def _eye(look: Look, places: Floats) -> Floats:
    """places: from the middle of the eye."""
    x, y = places[:, 0], places[:, 1]
    radius = np.sqrt(x * x + y * y)
    colours = np.tile(np.array((0.86, 0.84, 0.82)), (len(places), 1))
    _cover(colours, look.iris, _ramp((6.4 - radius) / 0.8))
    _cover(colours, (0.03, 0.03, 0.03), _ramp((2.6 - radius) / 0.6))
    return colours


def _cover(colours: Floats, colour: Colour, share: Floats) -> None:
    colours += share[:, None] * (np.array(colour) - colours)


def _ramp(value: Floats) -> Floats:
    """0 below 0, 1 above 1, smooth between."""
    inside = np.clip(value, 0.0, 1.0)
    return np.asarray(inside * inside * (3.0 - 2.0 * inside), dtype=np.float64)


def _bump(x: Floats, y: Floats) -> Floats:
    """1 at the origin, 0 from a distance of 1."""
    return _ramp(1.0 - np.sqrt(x * x + y * y))


def _darker(colour: Colour) -> Colour:
    red, green, blue = colour
    return red * 0.7, green * 0.7, blue * 0.7


def _mixed(one: Colour, other: Colour, share: float, noise: Floats) -> Colour:
    red, green, blue = (min(max(a + min(share, 1.0) * (b - a) + float(n), 0.02), 0.98) for a, b, n in zip(one, other, noise, strict=True))
    return red, green, blue
