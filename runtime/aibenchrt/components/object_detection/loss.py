"""What CenterNet's maps should be, and how far from it they are: Zhou et al. 2019, section 3, with Liu et al. 2020's weights near a middle.

Boxes are corners (batch, most, 4) in pixels, and labels (batch, most), −1 where there is none.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

STRIDE = 4  # pixels of the picture to a cell of the maps
UNIT = 32.0  # pixels that a size of 1 stands for
NEAR = 0.3  # the true heat from which a cell learns noun, size and offset of a box
SPREAD = 0.1  # standard deviation of a middle's heat, in parts of the box's sides
NOUNS, SIZES, OFFSETS = 1.0, 1.0, 0.3  # weights of the losses beside that of the heat


def centernet_loss(heat: Tensor, noun: Tensor, frame: Tensor, corners: Tensor, labels: Tensor) -> Tensor:
    """The loss per box. heat, noun, frame: as CenterNet.maps gives them."""
    cells = heat.shape[-1]
    bumps = bumps_of(cells, corners, labels)
    weight = torch.where(bumps >= NEAR, bumps, 0.0)
    weight = weight / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
    whole = heat_loss(heat[:, 0], bumps.amax(1)) + NOUNS * noun_loss(noun, weight, labels) + frame_loss(frame, weight, corners)
    return whole / (labels >= 0).sum().clamp(min=1)


def bumps_of(cells: int, corners: Tensor, labels: Tensor) -> Tensor:
    """The true heat of each box, (batch, most, cells, cells): 1 at its middle's cell; 0 where there is no box."""
    middle = (corners[..., :2] + corners[..., 2:]) / 2 / STRIDE
    cell = middle.floor().clamp(0, cells - 1)
    spread = ((corners[..., 2:] - corners[..., :2]) / STRIDE * SPREAD).clamp(min=0.5)
    axis = torch.arange(cells, device=corners.device, dtype=torch.float32)
    across = torch.exp(-((axis - cell[..., :1]) ** 2) / (2 * spread[..., :1] ** 2))  # (batch, most, cells)
    down = torch.exp(-((axis - cell[..., 1:]) ** 2) / (2 * spread[..., 1:] ** 2))
    return down[..., :, None] * across[..., None, :] * (labels >= 0)[..., None, None]


def heat_loss(heat: Tensor, truth: Tensor) -> Tensor:
    """The penalty-reduced focal loss, equation 1, with α = 2 and β = 4, summed. heat: logits; truth: alike, 1 at middles."""
    probability, middles = heat.sigmoid(), (truth == 1).float()
    right = middles * (1 - probability) ** 2 * functional.logsigmoid(heat)
    wrong = (1 - middles) * (1 - truth) ** 4 * probability**2 * functional.logsigmoid(-heat)
    return -(right + wrong).sum()


def noun_loss(noun: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy, summed over boxes; a box's is the weighted mean of the cells near its middle.

    noun: logits (batch, nouns, cells, cells). weight: (batch, most, cells, cells).
    """
    logs = noun.log_softmax(1)
    rows = torch.arange(len(labels), device=labels.device)[:, None]
    own = logs[rows, labels.clamp(min=0)]  # (batch, most, cells, cells)
    return -(weight * own).sum()


def frame_loss(frame: Tensor, weight: Tensor, corners: Tensor) -> Tensor:
    """L1 of offsets, in cells, and sizes, in UNITs, summed as `noun_loss`. frame: (batch, 4, cells, cells)."""
    axis = torch.arange(frame.shape[-1], device=frame.device, dtype=torch.float32)
    middle, size = (corners[..., :2] + corners[..., 2:]) / 2 / STRIDE, (corners[..., 2:] - corners[..., :2]) / UNIT
    across = (frame[:, None, 0] - (middle[..., 0, None, None] - axis[None, None, None, :])).abs()
    down = (frame[:, None, 1] - (middle[..., 1, None, None] - axis[None, None, :, None])).abs()
    sizes = (frame[:, None, 2:] - size[..., None, None]).abs().sum(2)
    return (weight * (OFFSETS * (across + down) + SIZES * sizes)).sum()
