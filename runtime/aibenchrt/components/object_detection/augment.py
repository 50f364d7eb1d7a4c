"""Training photos made anew for each epoch: mirrored, moved, scaled, in other colours. Torch; used by train.py alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

NEAREST, FARTHEST = 0.9, 1.12  # the range of scales
VISIBLE = 0.5  # the part of a box that must be left in the photo
MOVED = 0.08  # the largest move, in parts of the side


@dataclass(frozen=True, eq=False)
class Batch:
    """pixels: (batch, 3, side, side) in [0, 1]. corners: (batch, most, 4) in pixels. labels: (batch, most), −1 where there is no box."""

    pixels: Tensor
    corners: Tensor
    labels: Tensor


def varied(batch: Batch, generator: torch.Generator) -> Batch:
    """The photos mirrored or not, scaled, moved and recoloured, each in its own way; a box that leaves the photo is none."""
    device, count, side = batch.pixels.device, len(batch.pixels), batch.pixels.shape[-1]

    def drawn(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    scale = NEAREST * (FARTHEST / NEAREST) ** drawn(count, 1)
    mirror = (drawn(count, 1) < 0.5).float() * -2 + 1
    across = torch.cat([scale * mirror, scale], dim=1)  # (count, 2): how a coordinate in [−1, 1] is stretched
    move = (drawn(count, 2) * 2 - 1) * 2 * MOVED
    theta = torch.zeros(count, 2, 3)  # from the new photo's coordinates to the old one's
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = 1 / across[:, 0], 1 / across[:, 1], -move / across
    grid = functional.affine_grid(theta, [count, 3, side, side], align_corners=False).to(device)
    pixels = functional.grid_sample(batch.pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
    points = batch.corners.cpu().reshape(count, -1, 2, 2) * (2 / side) - 1
    points = points * across[:, None, None] + move[:, None, None]
    corners = (torch.cat([points.amin(2), points.amax(2)], dim=-1) + 1) * (side / 2)
    seen = corners.clamp(0, side)
    left = _areas(seen) >= VISIBLE * _areas(corners)
    labels = torch.where(left, batch.labels.cpu(), -1)
    return Batch(recoloured(pixels, drawn), seen.to(device), labels.to(device))


def recoloured(pixels: Tensor, drawn: Callable[..., Tensor]) -> Tensor:
    """Each photo with its own brightness, contrast and tint; a fifth of them with channels exchanged, a tenth grey."""
    count, device = len(pixels), pixels.device
    gain, shift = (0.7 + 0.6 * drawn(count, 3, 1, 1)).to(device), (0.3 * drawn(count, 1, 1, 1) - 0.15).to(device)
    exchanged = torch.where((drawn(count, 1) < 0.2), drawn(count, 3).argsort(1), torch.arange(3)).to(device)
    pixels = pixels.gather(1, exchanged[:, :, None, None].expand_as(pixels))
    grey = (drawn(count, 1, 1, 1) < 0.1).to(device)
    pixels = torch.where(grey, pixels.mean(1, keepdim=True), pixels)
    return (pixels * gain + shift).clamp(0, 1)


def _areas(corners: Tensor) -> Tensor:
    return (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
