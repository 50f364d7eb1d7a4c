"""SimVP: Gao, Tan, Wu, Li 2022, SimVP: Simpler yet Better Video Prediction (CVPR), figure 3 and section 3.

    frames ─▶ encoder, frame by frame ─▶ translator, all frames as channels ─▶ decoder, frame by frame ─▶ next frames
                 └──────────── what the first layer saw, to the decoder's last ─────────────▲

`simvp` has the numbers that the authors published for Moving MNIST; `simvp_small` fewer layers, filters and kernels. As many frames come
out as go in. Adapted: FRAMES are 4 in place of 10, and what the network puts out is added to the last frame that it saw: most of a picture
does not change, and a network that has to draw it anew takes long to learn that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FRAMES = 4  # that are seen, and that are predicted
SCALED = 0.1
SLOPE = 0.2  # of the leaky rectifiers


@dataclass(frozen=True)
class Numbers:
    """space, time: channels of the encoder and the translator (hid_S, hid_T). layers: of encoder and decoder each; every second halves or
    doubles the sides. blocks: of the translator's halves each. kernels: of its inception blocks, whose convolutions have `groups`
    groups."""

    space: int
    time: int
    layers: int
    blocks: int
    kernels: tuple[int, ...]
    groups: int = 8
    channels: int = 3
    frames: int = FRAMES

    @property
    def stride(self) -> int:
        """The sides of a frame are multiples of this."""
        return int(2 ** (self.layers // 2))


def simvp_small() -> Numbers:
    return Numbers(space=16, time=64, layers=2, blocks=2, kernels=(3, 5))


def simvp() -> Numbers:
    return Numbers(space=64, time=512, layers=4, blocks=8, kernels=(3, 5, 7, 11))


MODELS: dict[str, Callable[[], Numbers]] = {"simvp_small": simvp_small, "simvp": simvp}


def build(model: str) -> Predictor:
    """The network of that name."""
    return Predictor(MODELS[model]())


class Layer(nn.Module):
    """A convolution of 3 × 3, or its transpose, with group normalisation and a leaky rectifier."""

    def __init__(self, entering: int, leaving: int, stride: int, transposed: bool = False) -> None:
        super().__init__()
        if transposed and stride > 1:
            self.conv: nn.Module = nn.ConvTranspose2d(entering, leaving, 3, stride, 1, output_padding=stride // 2)
        else:
            self.conv = nn.Conv2d(entering, leaving, 3, stride, 1)
        self.norm = nn.GroupNorm(2, leaving)
        self.act = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.norm(self.conv(x)))
        return out


class Inception(nn.Module):
    """A convolution of 1 × 1, and behind it the sum of grouped convolutions of several sizes."""

    def __init__(self, entering: int, hidden: int, leaving: int, numbers: Numbers) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(entering, hidden, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, leaving, size, 1, size // 2, groups=numbers.groups),
                nn.GroupNorm(numbers.groups, leaving),
                nn.LeakyReLU(SLOPE),
            )
            for size in numbers.kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        out: Tensor = torch.stack([branch(x) for branch in self.branches]).sum(dim=0)
        return out


class Translator(nn.Module):
    """(b, frames · space, h, w) → the same shape: inception blocks with skips, as in a U-Net whose maps stay as large."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        outer, inner, blocks = numbers.frames * numbers.space, numbers.time, numbers.blocks
        down = [Inception(outer, inner // 2, inner, numbers)]
        down += [Inception(inner, inner // 2, inner, numbers) for _ in range(blocks - 1)]
        up = [Inception(inner, inner // 2, inner, numbers)]
        up += [Inception(2 * inner, inner // 2, outer if place == blocks - 1 else inner, numbers) for place in range(1, blocks)]
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        x = self.up[0](x)
        for block in list(self.up)[1:]:
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x


class Predictor(nn.Module):
    """(b, frames, channels, h, w) in [0, 1], oldest first → the next frames, in the same shape; they may lie a little beyond [0, 1]."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers
        strides = [1 if place % 2 == 0 else 2 for place in range(numbers.layers)]
        space = numbers.space
        self.first = Layer(numbers.channels, space, strides[0])
        self.encoder = nn.Sequential(*(Layer(space, space, stride) for stride in strides[1:]))
        self.translator = Translator(numbers)
        self.decoder = nn.Sequential(*(Layer(space, space, stride, transposed=True) for stride in strides[:0:-1]))
        self.last = Layer(2 * space, space, strides[0], transposed=True)
        self.readout = nn.Conv2d(space, numbers.channels, 1)
        with torch.no_grad():
            self.readout.weight.mul_(SCALED)  # it begins by almost copying

    def forward(self, frames: Tensor) -> Tensor:
        batch, count, channels, height, width = frames.shape
        seen = self.first(frames.reshape(batch * count, channels, height, width))
        hidden = self.encoder(seen)
        _, space, rows, columns = hidden.shape
        moved = self.translator(hidden.reshape(batch, count * space, rows, columns)).reshape(batch * count, space, rows, columns)
        drawn = self.readout(self.last(torch.cat([self.decoder(moved), seen], dim=1)))
        following: Tensor = frames[:, -1:] + drawn.reshape(batch, count, channels, height, width)
        return following
