"""Composed photos: one or two rendered things, turned and scaled, on a background; where each is, is known to the pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.draws import Rng
from aibenchrt.datasets.rasteriser import Light, Solid, view

Picture = NDArray[np.uint8]
Frame = tuple[int, int, int, int]  # left, top, right, bottom in pixels; the last two are the first beyond
VISIBLE = 96  # the alpha from which a pixel belongs to a thing; of one that is glass all over, half of its largest
TRIES = 8  # places that are tried for a second thing
LEAST = 0.75  # the part of it that must be seen


@dataclass(frozen=True)
class Conditions:
    """How photos are made. side, render: pixels of a photo's and a rendering's side. wanted, other: ranges of the longer side of the thing
    and of a second one, upright, in parts of the photo's side. yaw, pitch, turned: ranges in degrees, the last within the picture, to
    either side. grain: the largest standard deviation of the noise, in grey levels; step: between the levels that are stored.
    """

    side: int
    render: int
    wanted: tuple[float, float]
    other: tuple[float, float]
    yaw: float
    pitch: tuple[float, float]
    turned: float
    grain: float
    step: int


def rendering(solid: Solid, how: Conditions, rng: Rng) -> Picture:
    """A thing seen from a drawn side in drawn light, upright, (height, width, 4) without empty margins; 1 × 1 if it cannot be seen."""
    light = Light(
        (float(rng.uniform(-1.2, 1.2)), float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.6, 1.4))),
        float(rng.uniform(0.45, 0.75)),
        (float(rng.uniform(0.95, 1.15)), float(rng.uniform(0.95, 1.1)), float(rng.uniform(0.85, 1.1))),
    )
    picture = view(solid, float(rng.uniform(-how.yaw, how.yaw)), float(rng.uniform(*how.pitch)), light, how.render)
    return _trimmed(picture)


def photo(background: Picture, things: Sequence[Picture], how: Conditions, rng: Rng) -> tuple[Picture, tuple[tuple[Frame, float], ...]]:
    """A (side, side, 3) photo of the first thing, and of the second where there is room, with each one's frame and degrees (clockwise).

    background: (side, side, 3). things: (height, width, 4), at most two; the first is the larger and in front.
    """
    degrees = [round(float(rng.uniform(-how.turned, how.turned)), 1) for _ in things]
    ranges = (how.wanted, how.other)
    sizes = [float(rng.uniform(*span)) * how.side for span, _ in zip(ranges, things, strict=False)]
    drawn = [_drawn(*given, how.side) for given in zip(things, sizes, degrees, strict=True)]
    places = [_place(thing, how.side, rng) for thing in drawn]
    front = _mask(drawn[0], places[0], how.side)
    frames = [(frame_of(front), degrees[0])]
    shown = background.astype(np.float64)
    for thing, place, angle in zip(drawn[1:], places[1:], degrees[1:], strict=True):
        for _ in range(TRIES):
            seen = _mask(thing, place, how.side) & ~front
            if seen.sum() >= LEAST * _solid(thing).sum() > 0:
                _paste(shown, thing, place)
                frames.append((frame_of(seen), angle))
                break
            place = _place(thing, how.side, rng)
    _paste(shown, drawn[0], places[0])
    shown += rng.normal(0.0, float(rng.uniform(0.0, how.grain)), shown.shape)
    return np.clip(np.rint(shown / how.step) * how.step, 0, 255).astype(np.uint8), tuple(frames)


def cut_out(picture: Picture, frame: Frame, degrees: float, side: int) -> Picture:
    """The square around a thing, 10 % wider than its longer side, turned back by `degrees` around its middle, (side, side, 3).

    What lies outside of the picture is its mean colour.
    """
    left, top, right, bottom = frame
    half = 0.55 * max(right - left, bottom - top)
    middle = ((left + right) / 2, (top + bottom) / 2)
    mean = tuple(round(float(level)) for level in picture.mean((0, 1)))
    whole = Image.fromarray(picture)
    if degrees:  # Image.rotate turns anticlockwise, which undoes degrees clockwise
        whole = whole.rotate(degrees, Image.Resampling.BILINEAR, center=middle, fillcolor=mean)
    near, far = [round(value - half) for value in middle], [round(value + half) for value in middle]
    cut = Image.new("RGB", (far[0] - near[0], far[1] - near[1]), mean)
    cut.paste(whole, (-near[0], -near[1]))
    return np.asarray(cut.resize((side, side), Image.Resampling.BILINEAR), dtype=np.uint8)


def part_of(wallpaper: Picture, side: int, rng: Rng) -> Picture:
    """A square part of a wallpaper, perhaps mirrored, lighter or darker, (side, side, 3)."""
    height, width = wallpaper.shape[:2]
    most = min(height, width)
    size = int(rng.integers(min(side, most), most + 1))
    left, top = int(rng.integers(0, width - size + 1)), int(rng.integers(0, height - size + 1))
    part = Image.fromarray(wallpaper[top : top + size, left : left + size]).resize((side, side), Image.Resampling.BOX)
    pixels = np.asarray(part, dtype=np.float64)
    pixels = pixels[:, ::-1] if rng.random() < 0.5 else pixels
    lit: Picture = np.clip(np.rint(pixels * rng.uniform(0.7, 1.15)), 0, 255).astype(np.uint8)
    return lit


def clouds(side: int, rng: Rng) -> Picture:
    """A background without a photograph: smooth patches of a few drawn colours, (side, side, 3)."""
    patches = rng.integers(40, 216, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC), dtype=np.uint8)


def _drawn(thing: Picture, longer: float, degrees: float, side: int) -> Picture:
    """A thing in its size and turned clockwise, without margins, no larger than the photo."""
    picture = Image.fromarray(thing, "RGBA")
    scale = longer / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.BOX)
    turned = _trimmed(np.asarray(picture.rotate(-degrees, Image.Resampling.BICUBIC, expand=True), dtype=np.uint8))
    return np.ascontiguousarray(turned[:side, :side])


def _trimmed(picture: Picture) -> Picture:
    solid = _solid(picture)
    if not solid.any():
        return np.zeros((1, 1, 4), dtype=np.uint8)
    left, top, right, bottom = frame_of(solid)
    return picture[top:bottom, left:right]


def _solid(picture: Picture) -> NDArray[np.bool_]:
    alpha = picture[:, :, 3]
    least = max(1, min(VISIBLE, int(alpha.max()) // 2))
    solid: NDArray[np.bool_] = alpha >= least
    return solid


def _place(thing: Picture, side: int, rng: Rng) -> tuple[int, int]:
    height, width = thing.shape[:2]
    return int(rng.integers(0, side - width + 1)), int(rng.integers(0, side - height + 1))


def _mask(thing: Picture, place: tuple[int, int], side: int) -> NDArray[np.bool_]:
    mask = np.zeros((side, side), dtype=np.bool_)
    left, top = place
    mask[top : top + thing.shape[0], left : left + thing.shape[1]] = _solid(thing)
    return mask


def frame_of(mask: NDArray[np.bool_]) -> Frame:
    """The smallest frame around what is set; all zero if nothing is."""
    lines, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (int(columns[0]), int(lines[0]), int(columns[-1]) + 1, int(lines[-1]) + 1) if len(lines) else (0, 0, 0, 0)


def _paste(shown: NDArray[np.float64], thing: Picture, place: tuple[int, int]) -> None:
    left, top = place
    under = shown[top : top + thing.shape[0], left : left + thing.shape[1]]
    share = thing[:, :, 3:] / 255.0
    under[:] = under * (1 - share) + thing[:, :, :3] * share
