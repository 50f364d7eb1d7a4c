"""Residual networks that make a vector of unit length of a face in depth, or in colour and depth.

`depth_small` is the small network of face_embedding with one channel: how near each pixel is (relief.py). The picture in colour it does not
see, so that a printed one cannot persuade it. `rgbd_resnet50` is ResNet-50 (He et al. 2016, table 1) whose first convolution reads red,
green, blue and depth (early fusion, Couprie et al. 2013, Indoor Semantic Segmentation using Depth Information), with a linear layer of 128
outputs in place of the 1,000 classes; pictures are resized to 224×224 inside the model.

The input is (batch, 1 or 4, 64, 64) float32: red, green and blue in [0, 1] if there are four, and the relief in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.face_embedding.model import DEVIATION, MEAN, SmallNumbers, small_network
from aibenchrt.components.image_embedding.model import BottleneckNumbers, BottleneckTrunk


def depth_small() -> SmallNumbers:
    return SmallNumbers(24, (32, 64, 128), channels=1)


def rgbd_resnet50() -> BottleneckNumbers:
    return BottleneckNumbers((3, 4, 6, 3))


MODELS: dict[str, Callable[[], SmallNumbers | BottleneckNumbers]] = {"depth_small": depth_small, "rgbd_resnet50": rgbd_resnet50}


def build(model: str) -> nn.Module:
    """The network of that name: (batch, channels, 64, 64) → (batch, width), of unit length."""
    numbers = MODELS[model]()
    return small_network(numbers) if isinstance(numbers, SmallNumbers) else ColourAndDepth(numbers)


def channels(model: str) -> int:
    """How many the network of that name takes: 1, the relief alone, or 4."""
    return 1 if isinstance(MODELS[model](), SmallNumbers) else 4


class ColourAndDepth(nn.Module):
    """With the initialisation of He et al. 2015."""

    def __init__(self, numbers: BottleneckNumbers) -> None:
        super().__init__()
        self.trunk = BottleneckTrunk(numbers)
        self.trunk.conv = nn.Conv2d(4, numbers.filters[0], 7, 2, 3, bias=False)
        self.out = nn.Linear(self.trunk.leaving, numbers.width)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        standardised = torch.cat([(x[:, :3] - MEAN) / DEVIATION, x[:, 3:]], dim=1)
        return functional.normalize(self.out(self.trunk(standardised)), dim=1)
