"""RT-DETR: Zhao et al. 2024, DETRs Beat YOLOs on Real-time Object Detection (CVPR); its smallest, R18, with 20 million parameters.

    picture ─▶ ResNet-18-D ─▶ /8, /16, /32 ─▶ hybrid encoder ─▶ the 300 likeliest cells ─▶ 3 decoder layers ─▶ boxes
                                              (attention at /32, then a path up and a path down of convolutions, section 4.2)

Figures are those of the authors' configuration rtdetr_r18vd. Adapted: pictures are resized to 256 pixels inside the network, as photos have
no more to show (640 in the paper); no weights from ImageNet; training without the denoising queries (appendix), which serving never sees.
The chosen cells are in order of their place, not their score: on that order nothing depends, and ONNX Runtime may break ties otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.object_detection.set_loss import set_loss


@dataclass(frozen=True)
class RtDetrNumbers:
    """filters: of the backbone's stages. blocks: residual blocks of each. width: of all that follows. repeated: RepVGG blocks of a fusion;
    fused: their width, in parts of `width`. heads, points: of attention. forward: hidden units of a layer. layers: of the decoder."""

    filters: tuple[int, int, int, int] = (64, 128, 256, 512)
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    width: int = 256
    repeated: int = 3
    fused: float = 0.5
    heads: int = 8
    points: int = 4
    forward: int = 1024
    layers: int = 3
    queries: int = 300
    resized: int = 256


LEVELS = 3


def _convolution(entering: int, leaving: int, kernel: int, stride: int = 1, act: type[nn.Module] | None = nn.SiLU) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(entering, leaving, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(leaving)]
    return nn.Sequential(*layers, *([act()] if act is not None else []))


class Basic(nn.Module):
    """A residual block of ResNet-D: where maps are halved, the shortcut averages before its 1×1 convolution (He et al. 2019, figure 2c)."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(entering, leaving, 3, stride, nn.ReLU), _convolution(leaving, leaving, 3, act=None)
        self.shortcut: nn.Module = nn.Identity()
        if entering != leaving or stride > 1:
            pool: list[nn.Module] = [nn.AvgPool2d(2, 2, 0, ceil_mode=True)] if stride > 1 else []
            self.shortcut = nn.Sequential(*pool, _convolution(entering, leaving, 1, act=None))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + self.shortcut(x))


class Backbone(nn.Module):
    """(b, 3, s, s) → the maps of the last three stages, (b, 128, s/8, s/8), (b, 256, s/16, s/16), (b, 512, s/32, s/32)."""

    def __init__(self, numbers: RtDetrNumbers) -> None:
        super().__init__()
        half, first = numbers.filters[0] // 2, numbers.filters[0]
        self.stem = nn.Sequential(
            _convolution(3, half, 3, 2, nn.ReLU), _convolution(half, half, 3, 1, nn.ReLU), _convolution(half, first, 3, 1, nn.ReLU),
            nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.stages = nn.ModuleList()
        entering = first
        for stage, (leaving, count) in enumerate(zip(numbers.filters, numbers.blocks, strict=True)):
            strides = [1 if stage == 0 else 2, *[1] * (count - 1)]
            self.stages.append(nn.Sequential(*(Basic(entering if n == 0 else leaving, leaving, s) for n, s in enumerate(strides))))
            entering = leaving

    def forward(self, x: Tensor) -> list[Tensor]:
        x, seen = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return seen[1:]


class RepVgg(nn.Module):
    """A 3×3 and a 1×1 convolution side by side (Ding et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.three, self.one = _convolution(width, width, 3, act=None), _convolution(width, width, 1, act=None)

    def forward(self, x: Tensor) -> Tensor:
        return functional.silu(self.three(x) + self.one(x))


class Fusion(nn.Module):
    """Two maps of the same size into one (figure 4): (b, 2 · width, ·, ·) → (b, width, ·, ·)."""

    def __init__(self, numbers: RtDetrNumbers) -> None:
        super().__init__()
        inner = int(numbers.width * numbers.fused)
        self.through, self.beside = _convolution(2 * numbers.width, inner, 1), _convolution(2 * numbers.width, inner, 1)
        self.blocks = nn.Sequential(*(RepVgg(inner) for _ in range(numbers.repeated)))
        self.out = _convolution(inner, numbers.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.blocks(self.through(x)) + self.beside(x))
        return out


class HybridEncoder(nn.Module):
    """Section 4.2: attention within the coarsest map, then fusions going up and down. Maps of the backbone → maps of `width`."""

    def __init__(self, numbers: RtDetrNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.entering = nn.ModuleList(_convolution(filters, width, 1, act=None) for filters in numbers.filters[1:])
        self.attention = nn.TransformerEncoderLayer(width, numbers.heads, numbers.forward, 0.0, "gelu", batch_first=True)
        self.lateral = nn.ModuleList(_convolution(width, width, 1) for _ in range(LEVELS - 1))
        self.up = nn.ModuleList(Fusion(numbers) for _ in range(LEVELS - 1))
        self.halved = nn.ModuleList(_convolution(width, width, 3, 2) for _ in range(LEVELS - 1))
        self.down = nn.ModuleList(Fusion(numbers) for _ in range(LEVELS - 1))
        self.places: Tensor
        self.register_buffer("places", _places(numbers.resized // 32, width), persistent=False)

    def forward(self, seen: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = (enter(x) for enter, x in zip(self.entering, seen, strict=True))
        tokens = coarse.flatten(2).transpose(1, 2)
        coarse = self._attend(tokens).transpose(1, 2).reshape(coarse.shape)
        maps = [coarse]
        for level, x in enumerate((middle, fine)):
            maps[0] = self.lateral[level](maps[0])
            larger = functional.interpolate(maps[0], scale_factor=2.0, mode="nearest")
            maps.insert(0, self.up[level](torch.cat([larger, x], 1)))
        for level in range(LEVELS - 1):
            maps[level + 1] = self.down[level](torch.cat([self.halved[level](maps[level]), maps[level + 1]], 1))
        return maps

    def _attend(self, tokens: Tensor) -> Tensor:
        """A layer of attention whose queries and keys know their places, and whose values do not."""
        layer = self.attention
        placed = tokens + self.places
        tokens = layer.norm1(tokens + layer.self_attn(placed, placed, tokens, need_weights=False)[0])
        out: Tensor = layer.norm2(tokens + layer.linear2(functional.gelu(layer.linear1(tokens))))
        return out


def _places(cells: int, width: int) -> Tensor:
    """(1, cells², width): sines and cosines of both coordinates (Vaswani et al. 2017)."""
    y, x = torch.meshgrid(torch.arange(cells, dtype=torch.float32), torch.arange(cells, dtype=torch.float32), indexing="ij")
    pace = 1.0 / 10000 ** (torch.arange(width // 4) / (width // 4))
    angles = [axis.flatten()[:, None] * pace for axis in (x, y)]
    return torch.cat([wave for angle in angles for wave in (angle.sin(), angle.cos())], dim=1)[None]


class Perceptron(nn.Module):
    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class DeformableAttention(nn.Module):
    """Zhu et al. 2021, Deformable DETR, section 4.1: each query looks at a few points of each map around its box."""

    def __init__(self, numbers: RtDetrNumbers) -> None:
        super().__init__()
        self.heads, self.points, looks = numbers.heads, numbers.points, numbers.heads * LEVELS * numbers.points
        self.offsets, self.weights = nn.Linear(numbers.width, looks * 2), nn.Linear(numbers.width, looks)
        self.value, self.out = nn.Linear(numbers.width, numbers.width), nn.Linear(numbers.width, numbers.width)
        turn = torch.arange(numbers.heads) * (2.0 * torch.pi / numbers.heads)
        grid = torch.stack([turn.cos(), turn.sin()], -1)
        grid = (grid / grid.abs().max(-1, keepdim=True).values)[:, None, None] * torch.arange(1, numbers.points + 1)[:, None]
        nn.init.zeros_(self.offsets.weight)
        self.offsets.bias.data = grid.expand(-1, LEVELS, -1, -1).flatten().clone()

    def forward(self, queries: Tensor, boxes: Tensor, maps: list[Tensor]) -> Tensor:
        """queries: (b, q, width). boxes: (b, q, 4), middle and size in [0, 1]. maps: (b, width, rows, columns) of each level."""
        batch, count, width = queries.shape
        shape = (batch, count, self.heads, LEVELS, self.points)
        offsets = self.offsets(queries).view(*shape, 2)
        weights = self.weights(queries).view(batch, count, self.heads, LEVELS * self.points).softmax(-1)
        places = boxes[:, :, None, None, None, :2] + offsets / self.points * boxes[:, :, None, None, None, 2:] * 0.5
        looked = []
        for level, x in enumerate(maps):
            value = functional.linear(x.flatten(2).transpose(1, 2), self.value.weight, self.value.bias).transpose(1, 2)
            value = value.reshape(batch * self.heads, width // self.heads, *x.shape[2:])
            grid = (2 * places[:, :, :, level] - 1).transpose(1, 2).reshape(batch * self.heads, count, self.points, 2)
            looked.append(functional.grid_sample(value, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
        seen = torch.cat(looked, -1)  # (b · heads, width / heads, q, levels · points)
        weights = weights.transpose(1, 2).reshape(batch * self.heads, 1, count, LEVELS * self.points)
        out: Tensor = self.out((seen * weights).sum(-1).reshape(batch, width, count).transpose(1, 2))
        return out


class DecoderLayer(nn.Module):
    def __init__(self, numbers: RtDetrNumbers) -> None:
        super().__init__()
        width = numbers.width
        self.among = nn.MultiheadAttention(width, numbers.heads, batch_first=True)
        self.across = DeformableAttention(numbers)
        self.hidden, self.out = nn.Linear(width, numbers.forward), nn.Linear(numbers.forward, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))

    def forward(self, x: Tensor, places: Tensor, boxes: Tensor, maps: list[Tensor]) -> Tensor:
        placed = x + places
        x = self.norms[0](x + self.among(placed, placed, x, need_weights=False)[0])
        x = self.norms[1](x + self.across(x + places, boxes, maps))
        out: Tensor = self.norms[2](x + self.out(functional.relu(self.hidden(x))))
        return out


class RtDetr(nn.Module):
    """(batch, 3, side, side) in [0, 1] → scores (batch, queries, labels) and boxes (batch, queries, 4), middle and size; all in [0, 1]."""

    OUTPUTS = ("scores", "boxes")

    def __init__(self, numbers: RtDetrNumbers, labels: int) -> None:
        super().__init__()
        self.numbers, width = numbers, numbers.width
        self.backbone, self.encoder = Backbone(numbers), HybridEncoder(numbers)
        self.entering = nn.ModuleList(_convolution(width, width, 1, act=None) for _ in range(LEVELS))
        self.chosen = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width))
        self.chosen_score, self.chosen_box = nn.Linear(width, labels), Perceptron(width, width, width, 4)
        self.placed = Perceptron(4, 2 * width, width)
        self.layers = nn.ModuleList(DecoderLayer(numbers) for _ in range(numbers.layers))
        self.score = nn.ModuleList(nn.Linear(width, labels) for _ in range(numbers.layers))
        self.box = nn.ModuleList(Perceptron(width, width, width, 4) for _ in range(numbers.layers))
        for head in (self.chosen_score, *self.score):
            nn.init.constant_(head.bias, -4.6)  # a score of 0.01
        for frame in (self.chosen_box, *self.box):
            nn.init.zeros_(frame.layers[-1].weight)
            nn.init.zeros_(frame.layers[-1].bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        scores, boxes = self.steps(pixels)[-1]
        return scores.sigmoid(), boxes

    def steps(self, pixels: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Logits and boxes of the chosen cells, then after each layer of the decoder."""
        size = self.numbers.resized
        pixels = functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
        maps = [enter(x) for enter, x in zip(self.entering, self.encoder(self.backbone(pixels)), strict=True)]
        cells = torch.cat([x.flatten(2).transpose(1, 2) for x in maps], 1)
        known = self.chosen(cells)
        logits, frames = self.chosen_score(known), self.chosen_box(known) + _anchors(size, pixels)
        rows = logits.amax(-1).topk(min(self.numbers.queries, cells.shape[1])).indices.sort(dim=1).values[..., None]

        def of(values: Tensor) -> Tensor:
            return values.gather(1, rows.expand(-1, -1, values.shape[-1]))

        x, boxes = of(known).detach(), of(frames).sigmoid()
        answers = [(of(logits), boxes)]
        for layer, score, box in zip(self.layers, self.score, self.box, strict=True):
            before = boxes.detach()
            x = layer(x, self.placed(before), before, maps)
            boxes = (box(x) + torch.logit(before, 1e-5)).sigmoid()
            answers.append((score(x), boxes))
        return answers

    def loss(self, pixels: Tensor, corners: Tensor, labels: Tensor) -> Tensor:
        side = pixels.shape[-1]
        steps = self.steps(pixels)
        losses = [set_loss(logits, boxes, corners / side, labels) for logits, boxes in steps]
        return torch.stack(losses).sum()


def _anchors(size: int, like: Tensor) -> Tensor:
    """(1, cells, 4): logits of the boxes that cells begin with, 0.05, 0.1 and 0.2 of the picture by level."""
    boxes = []
    for level in range(LEVELS):
        cells = size // (8 << level)
        axis = (torch.arange(cells, dtype=torch.float32, device=like.device) + 0.5) / cells
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        share = torch.full_like(x, 0.05 * 2**level)
        boxes.append(torch.stack([x, y, share, share], -1).reshape(-1, 4))
    return torch.logit(torch.cat(boxes), 1e-2)[None]
