"""A cheap camera in a dim room, as a model: what it makes of a frame. One model for the component that captures and for the pairs that a
restoring model learns from; their draws differ.

    levels × exposure × tint × vignette  ──▶  + noise of the light and of the sensor  ──▶  8 bits

The noise is that of Foi et al. 2008 (Practical Poissonian-Gaussian Noise Modeling and Fitting), its Poisson part taken as a normal one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aibenchrt.datasets.draws import rng_of

Frame = NDArray[np.uint8]  # (height, width, 3), red, green, blue
EXPOSURE = (0.78, 0.94)  # of a stream; 1 would be the true levels
TINT = (0.94, 1.05)  # of each colour of a stream
VIGNETTE = (0.10, 0.25)  # by how much the corners are darker
FLICKER = 0.04  # by how much a lamp makes the exposure swing, to either side
SWING = (11.0, 37.0)  # frames of one such swing
SHOT = 2.5  # variance of the light's noise, in levels squared per level
READ = 12.0  # standard deviation of the sensor's noise, in levels


@dataclass(frozen=True, eq=False)
class Room:
    """What one stream's frames have in common. factors: (3,) of red, green and blue; vignette: depth; swing: frames of a flicker."""

    factors: NDArray[np.float32]
    vignette: float
    swing: float
    phase: float


class Camera:
    """seed, purpose: cameras with another of either draw other noise. All of it follows from these, the stream and the frame's number."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._seed, self._purpose = seed, purpose
        self._room = lru_cache(maxsize=256)(self._drawn_room)

    def seen(self, frame: Frame, stream: int, number: int) -> Frame:
        """(height, width, 3) uint8 as the camera sees it. stream, number: not negative."""
        room = self._room(stream)
        flicker = 1.0 + FLICKER * round(math.sin(2 * math.pi * number / room.swing + room.phase), 9)
        light = frame * (room.factors * np.float32(flicker))
        light *= _vignette(*frame.shape[:2], room.vignette)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, *self._purpose.encode(), stream, number])))
        noise = rng.standard_normal(frame.shape, dtype=np.float32)
        noise *= np.sqrt(SHOT * light + np.float32(READ * READ))
        light += noise
        seen: Frame = np.clip(np.rint(light, out=light), 0, 255, out=light).astype(np.uint8)
        return seen

    def _drawn_room(self, stream: int) -> Room:
        rng = rng_of(self._seed, f"{self._purpose}: room of stream {stream}")
        factors = rng.uniform(*EXPOSURE) * rng.uniform(*TINT, 3)
        vignette, swing, phase = (float(rng.uniform(*span)) for span in (VIGNETTE, SWING, (0.0, 2 * math.pi)))
        return Room(factors.round(6).astype(np.float32), round(vignette, 6), round(swing, 6), round(phase, 6))


@lru_cache(maxsize=256)
def _vignette(height: int, width: int, depth: float) -> NDArray[np.float32]:
    """(height, width, 1): 1 in the middle, 1 - depth in the corners, as the square of the distance."""
    y = (np.arange(height) - (height - 1) / 2) / (height / 2)
    x = (np.arange(width) - (width - 1) / 2) / (width / 2)
    return (1.0 - depth * (y[:, None] ** 2 + x[None, :] ** 2) / 2.0)[:, :, None].astype(np.float32)
