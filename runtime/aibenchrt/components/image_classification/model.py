"""Residual networks: He, Zhang, Ren, Sun 2016, Deep Residual Learning for Image Recognition (CVPR).

resnet20/56/110: section 4.2, the CIFAR-10 networks: 3×3 convolutions, 6n+2 layers with 16, 32, 64 filters on maps of 28, 14, 7
(32, 16, 8 in the paper and of resnet20_colour), shortcuts of option A (identity, subsampled and padded with zero channels: no parameters).
resnet50/152: table 1, bottleneck blocks of 1×1, 3×3, 1×1 with an expansion of 4, projection shortcuts (option B).

The input is (batch, 1, 28, 28) float32, standardised greyscale pixels; of resnet20_colour (batch, 3, 32, 32), red, green and blue as in
the paper. Adapted: of the others the first convolution reads one channel, not three, and the last layer has 10 outputs. For resnet50/152
the picture is resized to 224×224 (bilinear) inside the model, so that all later shapes are those of table 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXELS = 28
LABELS = 10


@dataclass(frozen=True)
class CifarNumbers:
    """blocks: residual blocks per stage, the paper's n; layers = 6n + 2. channels, pixels: of the picture and of its side."""

    blocks: int
    channels: int = 1
    pixels: int = PIXELS
    filters: tuple[int, int, int] = (16, 32, 64)


@dataclass(frozen=True)
class BottleneckNumbers:
    """blocks: residual blocks of conv2_x … conv5_x (table 1); layers = 3 · sum + 2."""

    blocks: tuple[int, int, int, int]
    filters: tuple[int, int, int, int] = (64, 128, 256, 512)
    expansion: int = 4
    resized: int = 224
    channels: int = 1
    pixels: int = PIXELS


def resnet20() -> CifarNumbers:
    return CifarNumbers(blocks=3)


def resnet20_colour() -> CifarNumbers:
    return CifarNumbers(blocks=3, channels=3, pixels=32)


def resnet56() -> CifarNumbers:
    return CifarNumbers(blocks=9)


def resnet110() -> CifarNumbers:
    return CifarNumbers(blocks=18)


def resnet50() -> BottleneckNumbers:
    return BottleneckNumbers(blocks=(3, 4, 6, 3))


def resnet152() -> BottleneckNumbers:
    return BottleneckNumbers(blocks=(3, 8, 36, 3))


MODELS: dict[str, Callable[[], CifarNumbers | BottleneckNumbers]] = {
    "resnet20": resnet20,
    "resnet20_colour": resnet20_colour,
    "resnet56": resnet56,
    "resnet110": resnet110,
    "resnet50": resnet50,
    "resnet152": resnet152,
}


def build(model: str, labels: int = LABELS) -> nn.Module:
    """The network of that name, (batch, channels, side, side) → logits (batch, labels), initialised as the paper does (He et al. 2015)."""
    numbers = MODELS[model]()
    network: nn.Module = CifarResNet(numbers, labels) if isinstance(numbers, CifarNumbers) else BottleneckResNet(numbers, labels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


class BasicBlock(nn.Module):
    """Figure 5 left: two 3×3 convolutions. Where the maps are halved, the shortcut subsamples and pads with zero channels (option A)."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.stride = leaving // entering  # the filters double exactly where the maps halve
        self.padded = leaving - entering
        self.conv1 = nn.Conv2d(entering, leaving, 3, self.stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(leaving)

    def forward(self, x: Tensor) -> Tensor:
        residual = functional.relu(self.norm1(self.conv1(x)))
        residual = self.norm2(self.conv2(residual))
        if self.stride > 1:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.padded))
        return functional.relu(x + residual)


class CifarResNet(nn.Module):
    def __init__(self, numbers: CifarNumbers, labels: int) -> None:
        super().__init__()
        first = numbers.filters[0]
        self.conv = nn.Conv2d(numbers.channels, first, 3, 1, 1, bias=False)  # (b, 1, 28, 28) → (b, 16, 28, 28)
        self.norm = nn.BatchNorm2d(first)
        blocks: list[nn.Module] = []
        entering = first
        for leaving in numbers.filters:  # (b, 16, 28, 28), (b, 32, 14, 14), (b, 64, 7, 7)
            for _ in range(numbers.blocks):
                blocks.append(BasicBlock(entering, leaving))
                entering = leaving
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(entering, labels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(functional.relu(self.norm(self.conv(x))))
        out: Tensor = self.out(x.mean(dim=(2, 3)))  # global average pooling, then a 10-way fully-connected layer
        return out


class Bottleneck(nn.Module):
    """Figure 5 right: 1×1, 3×3, 1×1; a projection where the shape changes (option B). The first 1×1 carries the stride, as in the paper."""

    def __init__(self, entering: int, filters: int, expansion: int, stride: int) -> None:
        super().__init__()
        leaving = filters * expansion
        self.conv1 = nn.Conv2d(entering, filters, 1, stride, bias=False)
        self.norm1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        self.conv3 = nn.Conv2d(filters, leaving, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(leaving)
        self.shortcut: nn.Module = nn.Identity()
        if entering != leaving:
            self.shortcut = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        residual = functional.relu(self.norm1(self.conv1(x)))
        residual = functional.relu(self.norm2(self.conv2(residual)))
        residual = self.norm3(self.conv3(residual))
        return functional.relu(self.shortcut(x) + residual)


class BottleneckResNet(nn.Module):
    def __init__(self, numbers: BottleneckNumbers, labels: int) -> None:
        super().__init__()
        self.resized = numbers.resized
        first = numbers.filters[0]
        self.conv = nn.Conv2d(1, first, 7, 2, 3, bias=False)  # conv1: (b, 1, 224, 224) → (b, 64, 112, 112)
        self.norm = nn.BatchNorm2d(first)
        self.pool = nn.MaxPool2d(3, 2, 1)  # → (b, 64, 56, 56)
        blocks: list[nn.Module] = []
        entering = first
        for stage, (filters, count) in enumerate(zip(numbers.filters, numbers.blocks, strict=True)):
            for block in range(count):  # conv2_x … conv5_x: maps of 56, 28, 14, 7
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(Bottleneck(entering, filters, numbers.expansion, stride))
                entering = filters * numbers.expansion
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Linear(entering, labels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(x, size=(self.resized, self.resized), mode="bilinear", align_corners=False)
        x = self.pool(functional.relu(self.norm(self.conv(x))))
        out: Tensor = self.out(self.blocks(x).mean(dim=(2, 3)))
        return out


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def example(model: str = "resnet20") -> Tensor:
    numbers = MODELS[model]()
    return torch.zeros(2, numbers.channels, numbers.pixels, numbers.pixels)
