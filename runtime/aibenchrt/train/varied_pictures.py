"""Pictures of things as they could have been taken, so that few of them teach more. Imports torch, so it is never imported for serving.

Pictures are (batch, 3, side, side) float32 in [0, 1]; what is drawn comes from a CPU generator, each picture's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

CORNER = 0.375  # part of a picture's side that is background, in each corner


@dataclass(frozen=True)
class Variety:
    """Largest changes to either side. degrees: of turn; scale: as the logarithm; shift: in halves of the side; light: of the whole, of
    single channels 0.4 of it; saturation: of the difference between channels."""

    degrees: float
    scale: float
    shift: float
    light: float
    saturation: float

    def times(self, much: float) -> Variety:
        return Variety(self.degrees * much, self.scale * much, self.shift * much, self.light * much, self.saturation * much)


def varied(pictures: Tensor, how: Variety, generator: torch.Generator) -> Tensor:
    """The pictures turned, scaled, shifted, half of them mirrored, and in other light."""
    return relit(_moved(pictures, how, generator), how, generator)


def relit(pictures: Tensor, how: Variety, generator: torch.Generator) -> Tensor:
    def drawn(*shape: int) -> Tensor:
        return _drawn(pictures, generator, *shape)

    light = how.light
    lit = pictures * (1 + light * drawn(1, 1, 1)) * (1 + 0.4 * light * drawn(3, 1, 1)) + 0.3 * light * drawn(1, 1, 1)
    grey = lit.mean(dim=1, keepdim=True)
    return (grey + (lit - grey) * (1 + how.saturation * drawn(1, 1, 1))).clamp(0, 1)


def pasted(pictures: Tensor, on_white: Tensor, grounds: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """`pictures`, a share of them replaced by the things of `on_white` before a background: a corner of `grounds`, mirrored or not.

    What is white in a picture on white counts as background. All are of the same shape.
    """
    chosen = torch.rand(len(pictures), generator=generator) < share
    mirror = torch.rand(len(pictures), 2, generator=generator) < 0.5
    across, down = (mirror[:, place, None, None, None].to(pictures.device) for place in (0, 1))
    grounds = torch.where(across, grounds.flip(3), grounds)
    grounds = torch.where(down, grounds.flip(2), grounds)
    corner = round(CORNER * grounds.shape[3])
    size = list(pictures.shape[2:])
    ground = functional.interpolate(grounds[:, :, :corner, :corner], size=size, mode="bilinear", align_corners=False)
    solid = ((1 - on_white).amax(dim=1, keepdim=True) * 12).clamp(0, 1)
    return torch.where(chosen[:, None, None, None].to(pictures.device), on_white * solid + ground * (1 - solid), pictures)


def _moved(pictures: Tensor, how: Variety, generator: torch.Generator) -> Tensor:
    turn = torch.deg2rad(how.degrees * _drawn(pictures, generator))
    scale = torch.exp(how.scale * _drawn(pictures, generator))
    shift = how.shift * _drawn(pictures, generator, 2)
    mirror = torch.where(_drawn(pictures, generator) < 0, -1.0, 1.0)
    cos, sin = torch.cos(turn) * scale, torch.sin(turn) * scale
    across = torch.stack([cos * mirror, -sin, shift[:, 0]], dim=1)
    down = torch.stack([sin * mirror, cos, shift[:, 1]], dim=1)
    grid = functional.affine_grid(torch.stack([across, down], dim=1), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _drawn(pictures: Tensor, generator: torch.Generator, *shape: int) -> Tensor:
    """(batch, *shape), evenly in [-1, 1)."""
    return (torch.rand(len(pictures), *shape, generator=generator) * 2 - 1).to(pictures.device)
