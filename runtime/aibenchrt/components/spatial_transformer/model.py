"""Spatial transformers: Jaderberg, Simonyan, Zisserman, Kavukcuoglu 2015, Spatial Transformer Networks (NeurIPS), section 3.

    picture ─▶ localisation network ─▶ direction (cos, sin) ─▶ grid generator ─▶ sampler ─▶ upright picture
       └──────────────────────────────────────────────────────────────────────────▲

The transformation is restricted to a rotation about the middle, A_θ = [[cos, −sin, 0], [sin, cos, 0]] in equation 1; the sampler is
bilinear (equation 5) and beyond the edge takes the nearest pixel. `st_small`: a localisation network of ours. `st_svhn`: ST-CNN Single of
the paper's street view house numbers, supplement A.2, whose pictures have 64 × 64 pixels as ours do: the localisation network
conv[32,5,1,2]-max[2,2]-conv[32,5,1,2]-fc[32]-fc[32], and behind the sampler, in training only, the paper's classifier of 11 hidden layers.

Adapted: the last layer is no plain regression: it weighs DIRECTIONS evenly spaced directions, and their mean is the direction. A thing
that may stand or lie then does not come out halfway, and training takes less than half as many epochs. The localisation network sees the
circle within the picture only, so that a picture that was turned for training has no corners to know it by. Where it serves, what the
picture's edges say (gradients.py) is added to its scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.spatial_transformer.serve import DIRECTED, SIDE

DIRECTIONS = len(DIRECTED)


@dataclass(frozen=True)
class SmallNumbers:
    """A localisation network. filters: of the convolutions that halve the maps, each but the first followed by another one. units: of the
    hidden layer; dropout: before it."""

    filters: tuple[int, ...]
    units: int
    dropout: float


@dataclass(frozen=True)
class PublishedNumbers:
    """The supplement's ST-CNN. filters, units: of the localisation network. classifier: filters of the classifier's convolutions, 5 × 5;
    pools: numbers, from 1, of those with max-pooling behind them; hidden: units of its hidden layers."""

    filters: tuple[int, int]
    units: tuple[int, int]
    classifier: tuple[int, ...]
    pools: tuple[int, ...]
    hidden: tuple[int, ...]
    dropout: float


def st_small() -> SmallNumbers:
    return SmallNumbers(filters=(24, 48, 64, 96), units=64, dropout=0.2)


def st_svhn() -> PublishedNumbers:
    return PublishedNumbers((32, 32), (32, 32), (48, 64, 128, 160, 192, 192, 192, 192), (1, 3, 5, 7), (3072, 3072, 3072), dropout=0.5)


MODELS: dict[str, Callable[[], SmallNumbers | PublishedNumbers]] = {"st_small": st_small, "st_svhn": st_svhn}


def build(model: str, labels: int) -> Straightener:
    """The network of that name. labels: of the classifier behind the sampler, where the model has one."""
    numbers = MODELS[model]()
    if isinstance(numbers, SmallNumbers):
        return Straightener(Localisation(_small(numbers), numbers.units), None)
    return Straightener(Localisation(_published(numbers), numbers.units[-1]), Classifier(numbers, labels))


def _small(numbers: SmallNumbers) -> list[nn.Module]:
    layers: list[nn.Module] = []
    entering = 3
    for stage, leaving in enumerate(numbers.filters):  # 64 × 64 → 32 × 32 → … → 4 × 4
        size = 3 if stage else 5
        layers += [nn.Conv2d(entering, leaving, size, 2, size // 2, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
        if stage:
            layers += [nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
        entering = leaving
    last = SIDE >> len(numbers.filters)
    return [*layers, nn.Flatten(), nn.Dropout(numbers.dropout), nn.Linear(entering * last * last, numbers.units), nn.ReLU()]


def _published(numbers: PublishedNumbers) -> list[nn.Module]:
    first, second = numbers.filters
    return [
        nn.Conv2d(3, first, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(first, second, 5, 1, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(second * (SIDE // 2) ** 2, numbers.units[0]), nn.ReLU(), nn.Linear(*numbers.units), nn.ReLU(),
    ]  # fmt: skip


class Localisation(nn.Module):
    """Pixels (batch, 3, SIDE, SIDE) in [0, 1] → scores (batch, DIRECTIONS) of the angles, clockwise, by which what is seen may be turned.
    Not in training: the mean of those of the picture and of its mirror image, which is turned the other way."""

    inside: Tensor
    radians: Tensor

    def __init__(self, layers: list[nn.Module], units: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.weigh = nn.Linear(units, DIRECTIONS)
        across, down = _coordinates()
        self.register_buffer("inside", (across**2 + down**2 < 1).float(), persistent=False)
        self.register_buffer("radians", torch.deg2rad(degrees()), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        if self.training:
            return self._seen(pixels)
        return (self._seen(pixels) + self._seen(pixels.flip(3)).flip(1)) / 2

    def _seen(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.weigh(self.layers((pixels - 0.5) * 4 * self.inside))
        return out

    def mean(self, scores: Tensor) -> Tensor:
        """(batch, 2) cos and sin of the mean of all directions, weighted with the softmax of their scores."""
        weights = scores.softmax(dim=1)
        return functional.normalize(torch.stack([weights @ torch.cos(self.radians), weights @ torch.sin(self.radians)], dim=1))


class Sampler(nn.Module):
    """Grid generator and sampler: pixels (batch, 3, SIDE, SIDE), direction (batch, 2) → pixels, turned back by the direction's angle."""

    grid: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("grid", torch.stack(_coordinates(), dim=-1).reshape(-1, 2), persistent=False)

    def forward(self, pixels: Tensor, direction: Tensor) -> Tensor:
        cos, sin = direction[:, 0], direction[:, 1]
        # Transposed, since the grid's points are rows: a point (x, y) takes the pixel at (x cos - y sin, x sin + y cos).
        turn = torch.stack([torch.stack([cos, sin], dim=1), torch.stack([-sin, cos], dim=1)], dim=1)
        places = (self.grid @ turn).reshape(-1, SIDE, SIDE, 2)
        return functional.grid_sample(pixels, places, mode="bilinear", padding_mode="border", align_corners=False)


class Classifier(nn.Module):
    """What ST-CNN Single does with the upright picture: (batch, 3, SIDE, SIDE) → logits (batch, labels). In the paper five digits."""

    def __init__(self, numbers: PublishedNumbers, labels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        entering = 3
        for number, leaving in enumerate(numbers.classifier, start=1):
            layers += [nn.Conv2d(entering, leaving, 5, 1, 2), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if number in numbers.pools else []
            layers += [nn.Dropout(numbers.dropout)] if number > 1 else []  # not in the first, as in the paper
            entering = leaving
        layers.append(nn.Flatten())
        entering *= (SIDE >> len(numbers.pools)) ** 2
        for units in numbers.hidden:
            layers += [nn.Linear(entering, units), nn.ReLU(), nn.Dropout(numbers.dropout)]
            entering = units
        self.layers = nn.Sequential(*layers, nn.Linear(entering, labels))

    def forward(self, pixels: Tensor) -> Tensor:
        out: Tensor = self.layers((pixels - 0.5) * 4)
        return out


class Straightener(nn.Module):
    """A spatial transformer, and the classifier behind it or None."""

    def __init__(self, localisation: Localisation, classifier: Classifier | None) -> None:
        super().__init__()
        self.localisation, self.sampler, self.classifier = localisation, Sampler(), classifier

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor | None]:
        """(scores of the directions, logits of the upright picture's labels); gradients of the logits pass the sampler."""
        scores = self.localisation(pixels)
        if self.classifier is None:
            return scores, None
        return scores, self.classifier(self.sampler(pixels, self.localisation.mean(scores)))


def degrees() -> Tensor:
    """(DIRECTIONS,), ascending."""
    return torch.from_numpy(DIRECTED).float()


def _coordinates() -> tuple[Tensor, Tensor]:
    """x and y of the pixels' middles, (SIDE, SIDE) each, from -1 to 1; y grows downwards."""
    axis = (torch.arange(SIDE) + 0.5) * (2 / SIDE) - 1
    down, across = torch.meshgrid(axis, axis, indexing="ij")
    return across, down
