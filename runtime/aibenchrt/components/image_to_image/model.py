"""Networks from a picture to a picture of the same size.

`unet_small` is a U-Net (Ronneberger, Fischer, Brox 2015) of two scales, (h/2, w/2) and (h/4, w/4), with residual blocks at the coarser one;
what it computes is added to the picture. The mean of the coarse maps is put beside them, so that the light of the whole picture is known
everywhere.

    picture ─ 2×2 pixels as channels ─ conv ─ block ─────────────────── + ─ block ─ conv ─ channels as 2×2 pixels ─ + ─▶
       │                                        └ conv, stride 2 ─ mean ─ blocks ─┘                                 │
       └───────────────────────────────────────────────────────────────────────────────────────────────────────────┘

`resnet_9blocks` is the generator of Zhu, Park, Isola, Efros 2017 (CycleGAN), appendix 7.2, after Johnson et al. 2016: c7s1-64, d128, d256,
R256 × 9, u128, u64, c7s1-3, with instance normalisation and reflected edges. `Patches` is the discriminator of Isola et al. 2017 that sees
70 × 70 pixels, given the picture before (C64-C128-C256-C512, appendix 6.1.2); it is for training alone.

Pixels are (batch, 3, h, w) float32 in [0, 1], h and w multiples of 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class SmallNumbers:
    """fine, coarse: filters of the two scales. blocks: of two convolutions each, at the coarse scale."""

    fine: int
    coarse: int
    blocks: int


@dataclass(frozen=True)
class PublishedNumbers:
    """filters: of c7s1; doubled by each of two strides. blocks: residual. patches: filters of the discriminator's first layer."""

    filters: int = 64
    blocks: int = 9
    patches: int = 64


def unet_small() -> SmallNumbers:
    return SmallNumbers(fine=32, coarse=64, blocks=2)


def resnet_9blocks() -> PublishedNumbers:
    return PublishedNumbers()


MODELS: dict[str, Callable[[], SmallNumbers | PublishedNumbers]] = {"unet_small": unet_small, "resnet_9blocks": resnet_9blocks}
Translator = nn.Module


def build(model: str) -> Translator:
    """The network of that name; of the published one, with the paper's initialisation (normal, deviation 0.02)."""
    numbers = MODELS[model]()
    return SmallUNet(numbers) if isinstance(numbers, SmallNumbers) else published(ResnetGenerator(numbers))


def published(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
    return network


class Block(nn.Module):
    """x + conv(relu(conv(x))), 3×3; no normalisation, which would take the light away that is to be judged."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(filters, filters, 3, 1, 1), nn.Conv2d(filters, filters, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.second(functional.relu(self.first(x)))
        return x + residual


class SmallUNet(nn.Module):
    """(b, 3, h, w) → the same; not clipped."""

    def __init__(self, numbers: SmallNumbers) -> None:
        super().__init__()
        fine, coarse = numbers.fine, numbers.coarse
        self.enter = nn.Conv2d(12, fine, 3, 1, 1)  # (b, 12, h/2, w/2), four pixels of three channels
        self.seen = Block(fine)
        self.down = nn.Conv2d(fine, coarse, 2, 2)  # → (b, coarse, h/4, w/4)
        self.light = nn.Linear(coarse, coarse)
        self.blocks = nn.Sequential(*(Block(coarse) for _ in range(numbers.blocks)))
        self.up = nn.ConvTranspose2d(coarse, fine, 2, 2)
        self.drawn = Block(fine)
        self.leave = nn.Conv2d(fine, 12, 3, 1, 1)
        nn.init.zeros_(self.leave.weight)  # at first every picture stays as it is
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        fine = self.seen(functional.relu(self.enter(functional.pixel_unshuffle(pixels * 2 - 1, 2))))
        coarse = functional.relu(self.down(fine))
        coarse = self.blocks(coarse + self.light(coarse.mean(dim=(2, 3)))[:, :, None, None])
        change: Tensor = functional.pixel_shuffle(self.leave(self.drawn(fine + self.up(coarse))), 2)
        return pixels + change


class Residual(nn.Module):
    """R256: two 3×3 convolutions within reflected edges."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(filters, filters, 3), nn.InstanceNorm2d(filters), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(filters, filters, 3), nn.InstanceNorm2d(filters),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.layers(x)
        return x + residual


class ResnetGenerator(nn.Module):
    """(b, 3, h, w) → the same, in [0, 1]."""

    def __init__(self, numbers: PublishedNumbers) -> None:
        super().__init__()
        k = numbers.filters
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, k, 7), nn.InstanceNorm2d(k), nn.ReLU()]
        for entering in (k, 2 * k):  # d128, d256
            layers += [nn.Conv2d(entering, 2 * entering, 3, 2, 1), nn.InstanceNorm2d(2 * entering), nn.ReLU()]
        layers += [Residual(4 * k) for _ in range(numbers.blocks)]
        for entering in (4 * k, 2 * k):  # u128, u64
            layers += [nn.ConvTranspose2d(entering, entering // 2, 3, 2, 1, 1), nn.InstanceNorm2d(entering // 2), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(k, 3, 7), nn.Tanh())

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.layers(pixels * 2 - 1)
        return (out + 1) / 2


class Patches(nn.Module):
    """Pictures before and after, (b, 3, h, w) each → (b, 1, h/8 - 2, w/8 - 2): how real each patch of the second is, given the first."""

    def __init__(self, numbers: PublishedNumbers) -> None:
        super().__init__()
        k = numbers.patches
        layers: list[nn.Module] = [nn.Conv2d(6, k, 4, 2, 1), nn.LeakyReLU(0.2)]  # C64, without normalisation
        for entering, stride in ((k, 2), (2 * k, 2), (4 * k, 1)):  # C128, C256, C512
            layers += [nn.Conv2d(entering, 2 * entering, 4, stride, 1), nn.InstanceNorm2d(2 * entering), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * k, 1, 4, 1, 1))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        out: Tensor = self.layers(torch.cat([before, after], dim=1) * 2 - 1)
        return out
