"""Captures of faces as they could have been taken, pixel by pixel: nothing is mixed, since in a picture of depth nothing lies between a
face and the ground behind it. Imports torch, so it is never imported for serving."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def shifted(captures: Tensor, most: int, generator: torch.Generator, mirrored: bool = True) -> Tensor:
    """(batch, channels, side, side), each moved by up to `most` pixels down or up and to a side, edges repeated; half of them mirrored."""
    count, _, side, _ = captures.shape
    padded = functional.pad(captures, (most, most, most, most), mode="replicate")
    down, across = (torch.randint(2 * most + 1, (count, 1), generator=generator) for _ in range(2))
    columns = torch.arange(side)[None, :].repeat(count, 1)
    if mirrored:
        flip = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flip, columns.flip(1), columns)
    rows = (torch.arange(side)[None, :] + down).to(captures.device)
    columns = (columns + across).to(captures.device)
    every = torch.arange(count, device=captures.device)[:, None, None]
    return padded.movedim(1, 3)[every, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def covered(captures: Tensor, share: float, largest: float, value: float, generator: torch.Generator) -> Tensor:
    """A share of the captures with a rectangle of `value` somewhere, of up to `largest` of the side (random erasing, Zhong et al. 2020)."""
    count, _, side, _ = captures.shape
    size = torch.rand(count, 2, generator=generator) * largest * side
    start = torch.rand(count, 2, generator=generator) * (side - size)
    chosen = torch.rand(count, 1, generator=generator) < share
    place = torch.arange(side)[None, :] + 0.5
    down, across = ((place > start[:, [k]]) & (place < start[:, [k]] + size[:, [k]]) for k in (0, 1))
    hidden = (down[:, :, None] & across[:, None, :] & chosen[:, :, None])[:, None].to(captures.device)
    return torch.where(hidden, torch.full_like(captures[:1, :1, :1, :1], value), captures)
