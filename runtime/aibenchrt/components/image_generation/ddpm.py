"""The denoising network of Ho, Jain, Abbeel 2020 (DDPM) for CIFAR-10, appendix B: 35.7 million parameters, here with classes.

A U-Net of four scales, 32 to 4, with two residual blocks at each on the way down and three on the way up, group normalisation, and
self-attention at 16 × 16; the step is told to every block as a sinusoidal embedding. To the step's embedding that of the class is added, as
in Dhariwal, Nichol 2021, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_generation.serve import SIDE, STEPS

GROUPS = 32


@dataclass(frozen=True)
class DdpmNumbers:
    """filters: of the finest scale; multiples: of them, scale by scale. blocks: at each. attended: sides of maps with self-attention."""

    filters: int
    multiples: tuple[int, ...]
    blocks: int
    attended: tuple[int, ...]
    dropout: float


def ddpm_cifar() -> DdpmNumbers:
    return DdpmNumbers(filters=128, multiples=(1, 2, 2, 2), blocks=2, attended=(16,), dropout=0.1)


class Block(nn.Module):
    """Two 3×3 convolutions, the step's embedding between them."""

    def __init__(self, entering: int, leaving: int, told: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(GROUPS, entering), nn.Conv2d(entering, leaving, 3, 1, 1)
        self.told = nn.Linear(told, leaving)
        self.norm2, self.conv2 = nn.GroupNorm(GROUPS, leaving), nn.Conv2d(leaving, leaving, 3, 1, 1)
        self.dropout = nn.Dropout(dropout)
        self.shortcut: nn.Module = nn.Identity() if entering == leaving else nn.Conv2d(entering, leaving, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x))) + self.told(functional.silu(told))[:, :, None, None]
        h = self.conv2(self.dropout(functional.silu(self.norm2(h))))
        out: Tensor = self.shortcut(x) + h
        return out


class Attention(nn.Module):
    """Of one head, between all places of a map."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, filters)
        self.asked, self.known, self.told = (nn.Conv2d(filters, filters, 1) for _ in range(3))
        self.out = nn.Conv2d(filters, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        asked, known, told = (part(h).flatten(2) for part in (self.asked, self.known, self.told))
        weights = torch.softmax(asked.transpose(1, 2) @ known / math.sqrt(x.shape[1]), dim=2)
        seen = (told @ weights.transpose(1, 2)).view_as(x)
        out: Tensor = x + self.out(seen)
        return out


class Stage(nn.Module):
    """A block, and self-attention behind it at some scales."""

    def __init__(self, entering: int, leaving: int, told: int, dropout: float, attended: bool) -> None:
        super().__init__()
        self.block = Block(entering, leaving, told, dropout)
        self.attention: nn.Module = Attention(leaving) if attended else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        out: Tensor = self.attention(self.block(x, told))
        return out


class Ddpm(nn.Module):
    """pixels (b, 3, SIDE, SIDE) in [-1, 1] with noise, step (b,) int64 from 0 to STEPS - 1, label (b,) → the noise, (b, 3, SIDE, SIDE)."""

    frequencies: Tensor

    def __init__(self, numbers: DdpmNumbers, labels: int) -> None:
        super().__init__()
        first, told = numbers.filters, 4 * numbers.filters
        half = first // 2
        self.register_buffer("frequencies", torch.exp(-math.log(10_000.0) / (half - 1) * torch.arange(half)), persistent=False)
        self.step = nn.Sequential(nn.Linear(first, told), nn.SiLU(), nn.Linear(told, told))
        self.labels = nn.Embedding(labels, told)
        self.enter = nn.Conv2d(3, first, 3, 1, 1)
        self.down, self.smaller = nn.ModuleList(), nn.ModuleList()
        entering, kept, side = first, [first], SIDE
        for scale, multiple in enumerate(numbers.multiples):
            for _ in range(numbers.blocks):
                self.down.append(Stage(entering, first * multiple, told, numbers.dropout, side in numbers.attended))
                entering = first * multiple
                kept.append(entering)
            if scale < len(numbers.multiples) - 1:
                self.smaller.append(nn.Conv2d(entering, entering, 3, 2, 1))
                kept.append(entering)
                side //= 2
        self.middle = nn.ModuleList([Stage(entering, entering, told, numbers.dropout, attended) for attended in (True, False)])
        self.up, self.larger = nn.ModuleList(), nn.ModuleList()
        for scale, multiple in reversed(list(enumerate(numbers.multiples))):
            for _ in range(numbers.blocks + 1):
                self.up.append(Stage(entering + kept.pop(), first * multiple, told, numbers.dropout, side in numbers.attended))
                entering = first * multiple
            if scale > 0:
                self.larger.append(nn.Conv2d(entering, entering, 3, 1, 1))
                side *= 2
        self.norm, self.leave = nn.GroupNorm(GROUPS, entering), nn.Conv2d(entering, 3, 3, 1, 1)
        self.blocks = numbers.blocks

    def forward(self, pixels: Tensor, step: Tensor, label: Tensor) -> Tensor:
        angle = step[:, None].float() * self.frequencies
        told = self.step(torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)) + self.labels(label)
        x = self.enter(pixels)
        kept = [x]
        for number, stage in enumerate(self.down, start=1):
            x = stage(x, told)
            kept.append(x)
            if number % self.blocks == 0 and number < len(self.down):
                x = self.smaller[number // self.blocks - 1](x)
                kept.append(x)
        for stage in self.middle:
            x = stage(x, told)
        each = self.blocks + 1
        for number, stage in enumerate(self.up, start=1):
            x = stage(torch.cat([x, kept.pop()], dim=1), told)
            if number % each == 0 and number < len(self.up):
                x = self.larger[number // each - 1](functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        out: Tensor = self.leave(functional.silu(self.norm(x)))
        return out


def kept_share() -> Tensor:
    """(STEPS,) float64: ᾱ of each step, the share of the picture's variance that is left (section 4: β from 10⁻⁴ to 0.02, linear)."""
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64), dim=0)
