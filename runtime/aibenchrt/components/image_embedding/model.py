"""Residual networks that make a vector of unit length of a picture: He, Zhang, Ren, Sun 2016, Deep Residual Learning (CVPR).

`resnet50` is table 1 up to its global average, with a linear layer of 128 outputs in place of the 1,000 classes; pictures are resized to
224×224 inside the model. `residual_small` has three residual blocks of two 3×3 convolutions; in place of the average over places it has
the generalised mean of Radenović, Tolias, Chum 2019 (Fine-tuning CNN Image Retrieval, section 3.2) with an exponent of 3.

The input is (batch, 3, 64, 64) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_classification.model import Bottleneck

MEAN, DEVIATION = 0.5, 0.25  # of pixels, roughly
EXPONENT, LEAST = 3.0, 1e-4  # of the generalised mean; LEAST keeps its gradient finite


@dataclass(frozen=True)
class SmallNumbers:
    """stem: filters of the first convolution (5×5, stride 2, then 3×3 max pooling, stride 2). filters: of each block; all but the first
    halve the maps. width: of the vector."""

    stem: int
    filters: tuple[int, ...]
    width: int = 128


@dataclass(frozen=True)
class BottleneckNumbers:
    """As those of image_classification. width: of the vector."""

    blocks: tuple[int, int, int, int]
    filters: tuple[int, int, int, int] = (64, 128, 256, 512)
    expansion: int = 4
    resized: int = 224
    width: int = 128


def residual_small() -> SmallNumbers:
    return SmallNumbers(24, (32, 64, 128))


def resnet50() -> BottleneckNumbers:
    return BottleneckNumbers((3, 4, 6, 3))


MODELS: dict[str, Callable[[], SmallNumbers | BottleneckNumbers]] = {"residual_small": residual_small, "resnet50": resnet50}


def build(model: str) -> Embedder:
    """The network of that name, with the initialisation of He et al. 2015."""
    numbers = MODELS[model]()
    network = Embedder(SmallTrunk(numbers) if isinstance(numbers, SmallNumbers) else BottleneckTrunk(numbers), numbers.width)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


class Embedder(nn.Module):
    """(batch, 3, 64, 64) → (batch, width), of unit length. `features` gives what the last layer sees, for another head in training."""

    def __init__(self, trunk: SmallTrunk | BottleneckTrunk, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.out = nn.Linear(trunk.leaving, width)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.vector(self.features(pixels))

    def features(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.trunk((pixels - MEAN) / DEVIATION)
        return out

    def vector(self, features: Tensor) -> Tensor:
        return functional.normalize(self.out(features), dim=1)


class Block(nn.Module):
    """Figure 5 left: two 3×3 convolutions; the shortcut is a projection (option B), behind an average where the maps are halved."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, leaving, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(leaving)
        smaller: list[nn.Module] = [nn.AvgPool2d(stride)] if stride > 1 else []
        self.shortcut = nn.Sequential(*smaller, nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        residual = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.shortcut(x) + self.norm2(self.conv2(residual)))


class SmallTrunk(nn.Module):
    """(b, 3, 64, 64) → (b, leaving)."""

    def __init__(self, numbers: SmallNumbers) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, numbers.stem, 5, 2, 2, bias=False)  # (b, 3, 64, 64) → (b, 24, 32, 32)
        self.norm = nn.BatchNorm2d(numbers.stem)
        self.pool = nn.MaxPool2d(3, 2, 1)  # → (b, 24, 16, 16)
        entering = (numbers.stem, *numbers.filters)
        pairs = enumerate(zip(entering, numbers.filters, strict=False))
        self.blocks = nn.Sequential(*(Block(first, then, 1 if place == 0 else 2) for place, (first, then) in pairs))  # maps of 16, 8, 4
        self.leaving = numbers.filters[-1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.pool(functional.relu(self.norm(self.conv(x)))))
        return torch.pow(x.clamp(min=LEAST).pow(EXPONENT).mean(dim=(2, 3)), 1 / EXPONENT)


class BottleneckTrunk(nn.Module):
    """(b, 3, any, any) → (b, 2048)."""

    def __init__(self, numbers: BottleneckNumbers) -> None:
        super().__init__()
        self.resized = numbers.resized
        first = numbers.filters[0]
        self.conv = nn.Conv2d(3, first, 7, 2, 3, bias=False)  # conv1: (b, 3, 224, 224) → (b, 64, 112, 112)
        self.norm = nn.BatchNorm2d(first)
        self.pool = nn.MaxPool2d(3, 2, 1)  # → (b, 64, 56, 56)
        blocks: list[nn.Module] = []
        entering = first
        for stage, (filters, count) in enumerate(zip(numbers.filters, numbers.blocks, strict=True)):
            for place in range(count):  # conv2_x … conv5_x: maps of 56, 28, 14, 7
                blocks.append(Bottleneck(entering, filters, numbers.expansion, 2 if stage > 0 and place == 0 else 1))
                entering = filters * numbers.expansion
        self.blocks = nn.Sequential(*blocks)
        self.leaving = entering

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(x, size=(self.resized, self.resized), mode="bilinear", align_corners=False)
        out: Tensor = self.blocks(self.pool(functional.relu(self.norm(self.conv(x))))).mean(dim=(2, 3))
        return out
