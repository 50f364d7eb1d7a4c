"""CenterNet: Zhou, Wang, Krähenbühl 2019, Objects as Points (arXiv 1904.07850), reduced.

A thing is the peak of a heat map at its box's middle; beside the heat, every cell of the map says how far the middle is from the cell's
corner and how large the box is. The map has a quarter of the picture's resolution, as in the paper (section 3).

    picture ─▶ /2 ─▶ /4 ─▶ /8 ─▶ /16 ─▶ /32       residual blocks, as in the paper's ResNet-18
                     │     │      │      │
              heat ◀─┴──◀──┴───◀──┴───◀──┘        1×1 laterals and sums going up (Lin et al. 2017) in place of deconvolutions

The input is (batch, 3, side, side) float32, red, green, blue in [0, 1]; side is a multiple of 32. Adapted, as nothing was trained on
ImageNet before and few photos must do: the paper's map of each class is one map of all things times a softmax over the classes (Redmon et
al. 2016, You Only Look Once, section 2); and cells near a middle learn too, as in Liu et al. 2020, Training-Time-Friendly Network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.object_detection.loss import STRIDE, UNIT, centernet_loss
from aibenchrt.components.object_detection.rtdetr import RtDetr, RtDetrNumbers

COARSEST = 32  # pixels of the picture to a cell of the coarsest map
PRIOR = 0.02  # the heat of every cell before training: few are middles (Lin et al. 2017, Focal Loss, section 4.1)


@dataclass(frozen=True)
class CenterNetNumbers:
    """stem: filters at stride 2. filters, blocks: of the stages at strides 4, 8, 16, 32. joined: of the maps going up. head: of the heads'
    hidden layer."""

    stem: int
    filters: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    joined: int
    head: int
    dropout: float = 0.1


def centernet() -> CenterNetNumbers:
    return CenterNetNumbers(16, (24, 64, 128, 192), (1, 1, 1, 1), 64, 64)


def rtdetr_r18() -> RtDetrNumbers:
    return RtDetrNumbers()


MODELS: dict[str, Callable[[], CenterNetNumbers | RtDetrNumbers]] = {"centernet": centernet, "rtdetr_r18": rtdetr_r18}


def build(model: str, labels: int) -> CenterNet | RtDetr:
    """The network of that name. It reads (batch, 3, side, side), gives OUTPUTS, and has `loss(pixels, corners, labels)`, where boxes are as
    in loss.py."""
    numbers = MODELS[model]()
    return CenterNet(numbers, labels) if isinstance(numbers, CenterNetNumbers) else RtDetr(numbers, labels)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


class Residual(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016, figure 5 left)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.norm2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(x + inner)


def _convolution(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(entering, leaving, 3, stride, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU())


class CenterNet(nn.Module):
    """(batch, 3, side, side) → heat (batch, labels, cells, cells) in [0, 1], offset and size (batch, 2, cells, cells), x before y, in
    pixels; cells = side / STRIDE."""

    OUTPUTS = ("heat", "offset", "size")

    def __init__(self, numbers: CenterNetNumbers, labels: int) -> None:
        super().__init__()
        self.stem = _convolution(3, numbers.stem, 2)
        entering, stages, laterals = numbers.stem, [], []
        for leaving, blocks in zip(numbers.filters, numbers.blocks, strict=True):
            stages.append(nn.Sequential(_convolution(entering, leaving, 2), *(Residual(leaving) for _ in range(blocks))))
            laterals.append(nn.Sequential(nn.Conv2d(leaving, numbers.joined, 1, bias=False), nn.BatchNorm2d(numbers.joined)))
            entering = leaving
        self.stages, self.laterals = nn.ModuleList(stages), nn.ModuleList(laterals)
        self.smooth = nn.ModuleList(_convolution(numbers.joined, numbers.joined) for _ in numbers.filters[1:])
        self.hidden = _convolution(numbers.joined, numbers.head)
        self.heat = nn.Conv2d(numbers.head, 1, 1)
        self.noun = nn.Sequential(nn.Dropout(numbers.dropout), nn.Conv2d(numbers.head, labels, 1))
        self.frame = nn.Conv2d(numbers.head, 4, 1)
        nn.init.constant_(self.heat.bias, float(torch.logit(torch.tensor(PRIOR))))  # type: ignore[arg-type]
        nn.init.normal_(self.heat.weight, std=0.01)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heat, noun, frame = self.maps(pixels)
        return heat.sigmoid() * noun.softmax(dim=1), frame[:, :2] * STRIDE, functional.relu(frame[:, 2:]) * UNIT

    def maps(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the heat of all things, logits of the nouns, and offsets in cells beside sizes in UNITs."""
        x = self.stem(pixels * 4.0 - 2.0)
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        up = self.laterals[-1](seen[-1])
        for level in range(len(seen) - 2, -1, -1):
            up = self.laterals[level](seen[level]) + functional.interpolate(functional.relu(up), scale_factor=2.0, mode="nearest")
            up = self.smooth[level](up)
        hidden = self.hidden(up)
        return self.heat(hidden), self.noun(hidden), self.frame(hidden)

    def loss(self, pixels: Tensor, corners: Tensor, labels: Tensor) -> Tensor:
        return centernet_loss(*self.maps(pixels), corners, labels)
