"""Residual networks that make a vector of unit length of a face: Deng, Guo, Xue, Zafeiriou 2019, ArcFace (CVPR).

`iresnet50` is the network of section 3.1 and of the authors' code: 3×3 convolutions with stride 1 at first, to keep the face's detail,
residual blocks of batch norm, convolution, batch norm, PReLU, convolution, batch norm (stage sizes 3, 4, 14, 3; widths 64, 128, 256, 512),
and after the last maps of 7×7 batch norm, a linear layer of 512 outputs and batch norm without a scale. Pictures are resized to 112×112
inside the model. `arcface_small` has three of the residual blocks of image_embedding, and the same end: it sees where in the face each
feature is.

The input is (batch, 3, 64, 64) float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_embedding.model import Block

MEAN, DEVIATION = 0.5, 0.25  # of pixels, roughly


@dataclass(frozen=True)
class SmallNumbers:
    """stem: filters of the first convolution (5×5, stride 2). filters: of each block, which halve the maps. side: of the pictures.
    dropout: of the last maps."""

    stem: int
    filters: tuple[int, ...]
    width: int = 128
    channels: int = 3
    side: int = 64
    dropout: float = 0.2


@dataclass(frozen=True)
class ImprovedNumbers:
    """blocks: residual blocks of each stage. resized: side of the pictures in the network. width: of the vector."""

    blocks: tuple[int, int, int, int]
    filters: tuple[int, int, int, int] = (64, 128, 256, 512)
    width: int = 512
    resized: int = 112


def arcface_small() -> SmallNumbers:
    return SmallNumbers(24, (32, 64, 128))


def iresnet50() -> ImprovedNumbers:
    return ImprovedNumbers((3, 4, 14, 3))


MODELS: dict[str, Callable[[], SmallNumbers | ImprovedNumbers]] = {"arcface_small": arcface_small, "iresnet50": iresnet50}


def build(model: str) -> nn.Module:
    """The network of that name: (batch, 3, 64, 64) → (batch, width), of unit length."""
    numbers = MODELS[model]()
    return Standardised(small_network(numbers) if isinstance(numbers, SmallNumbers) else ImprovedResNet(numbers))


class Standardised(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.network((pixels - MEAN) / DEVIATION)
        return out


def small_network(numbers: SmallNumbers) -> SmallFaceNetwork:
    """With the initialisation of He et al. 2015."""
    network = SmallFaceNetwork(numbers)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


class End(nn.Module):
    """(b, filters, side, side) → (b, width), of unit length: batch norm, dropout, linear layer, batch norm whose scale is not learned."""

    def __init__(self, filters: int, side: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(filters)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(filters * side * side, width)
        self.features = nn.BatchNorm1d(width)
        self.features.weight.requires_grad = False

    def forward(self, maps: Tensor) -> Tensor:
        return functional.normalize(self.features(self.out(self.dropout(self.norm(maps).flatten(1)))), dim=1)


class SmallFaceNetwork(nn.Module):
    def __init__(self, numbers: SmallNumbers) -> None:
        super().__init__()
        self.conv = nn.Conv2d(numbers.channels, numbers.stem, 5, 2, 2, bias=False)  # (b, 3, 64, 64) → (b, 24, 32, 32)
        self.norm = nn.BatchNorm2d(numbers.stem)
        entering = (numbers.stem, *numbers.filters)
        self.blocks = nn.Sequential(*(Block(a, b, 2) for a, b in zip(entering, numbers.filters, strict=False)))  # maps of 16, 8, 4
        self.end = End(numbers.filters[-1], numbers.side >> (1 + len(numbers.filters)), numbers.width, numbers.dropout)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.end(self.blocks(functional.relu(self.norm(self.conv(x)))))
        return out


class ImprovedBlock(nn.Module):
    """The second convolution carries the stride; a projection where the shape changes, and no activation after the sum."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(entering)
        self.conv1 = nn.Conv2d(entering, leaving, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(leaving)
        self.slope = nn.PReLU(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, stride, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(leaving)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or entering != leaving:
            self.shortcut = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        residual = self.slope(self.norm2(self.conv1(self.norm1(x))))
        out: Tensor = self.shortcut(x) + self.norm3(self.conv2(residual))
        return out


class ImprovedResNet(nn.Module):
    def __init__(self, numbers: ImprovedNumbers) -> None:
        super().__init__()
        self.resized = numbers.resized
        entering = numbers.filters[0]
        self.conv = nn.Conv2d(3, entering, 3, 1, 1, bias=False)  # (b, 3, 112, 112) → (b, 64, 112, 112)
        self.norm = nn.BatchNorm2d(entering)
        self.slope = nn.PReLU(entering)
        blocks: list[nn.Module] = []
        for filters, count in zip(numbers.filters, numbers.blocks, strict=True):
            for place in range(count):  # maps of 56, 28, 14, 7
                blocks.append(ImprovedBlock(entering, filters, 2 if place == 0 else 1))
                entering = filters
        self.blocks = nn.Sequential(*blocks)
        self.end = End(entering, numbers.resized // 16, numbers.width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0.0, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(x, size=(self.resized, self.resized), mode="bilinear", align_corners=False)
        out: Tensor = self.end(self.blocks(self.slope(self.norm(self.conv(x)))))
        return out
