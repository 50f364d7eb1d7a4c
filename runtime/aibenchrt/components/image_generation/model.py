"""Conditional Wasserstein GAN with gradient penalty: Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017 (NeurIPS), reduced to 32 × 32.

    noise ─┬─ linear ─ 4 × 4 ─ up ─ 8 × 8 ─ up ─ 16 × 16 ─ up ─ 32 × 32 ─▶ picture ─ critic ─▶ how real, and of which class
    class ─┘

As in the paper's conditional model of CIFAR-10 (section 5.4) the critic also says the class, as in Odena, Olah, Shlens 2017 (AC-GAN), and
the generator's batch normalisation has gains and shifts of its own for each class. In the critic there is no batch normalisation (section
4). The full model is in ddpm.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_generation.ddpm import Ddpm, DdpmNumbers, ddpm_cifar
from aibenchrt.components.image_generation.serve import SIDE

COARSEST = 4  # pixels of the side of the generator's first maps


@dataclass(frozen=True)
class GanNumbers:
    """noise: numbers. filters: of the generator's maps of 4, 8, 16 and 32. critic: of the critic's of 16, 8 and 4."""

    noise: int
    filters: tuple[int, int, int, int]
    critic: tuple[int, int, int]


def wgan_gp_small() -> GanNumbers:
    return GanNumbers(64, (96, 64, 32, 16), (32, 64, 128))


MODELS: dict[str, Callable[[], GanNumbers | DdpmNumbers]] = {"wgan_gp_small": wgan_gp_small, "ddpm_cifar": ddpm_cifar}


def build(model: str, labels: int) -> Generator | Ddpm:
    """The network of that name that serves, for so many classes."""
    numbers = MODELS[model]()
    return Generator(numbers, labels) if isinstance(numbers, GanNumbers) else Ddpm(numbers, labels)


class ConditionalNorm(nn.Module):
    """Batch normalisation with a gain and a shift of each class (de Vries et al. 2017)."""

    def __init__(self, filters: int, labels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(filters, affine=False)
        self.gain, self.shift = nn.Embedding(labels, filters), nn.Embedding(labels, filters)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        out: Tensor = self.norm(x) * self.gain(label)[:, :, None, None] + self.shift(label)[:, :, None, None]
        return out


class Up(nn.Module):
    """Maps of twice the side: the nearest pixels, then 3×3."""

    def __init__(self, entering: int, leaving: int, labels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering, leaving, 3, 1, 1, bias=False)
        self.norm = ConditionalNorm(leaving, labels)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest")), label))


class Generator(nn.Module):
    """noise (b, numbers.noise), label (b,) → (b, 3, SIDE, SIDE) in [0, 1]."""

    def __init__(self, numbers: GanNumbers, labels: int) -> None:
        super().__init__()
        first = numbers.filters[0]
        self.noise = numbers.noise
        self.labels = nn.Embedding(labels, numbers.noise)
        self.enter = nn.Linear(2 * numbers.noise, first * COARSEST**2, bias=False)
        self.norm = ConditionalNorm(first, labels)
        self.ups = nn.ModuleList(Up(a, b, labels) for a, b in pairwise(numbers.filters))
        self.leave = nn.Conv2d(numbers.filters[-1], 3, 3, 1, 1)

    def forward(self, noise: Tensor, label: Tensor) -> Tensor:
        x = self.enter(torch.cat([noise, self.labels(label)], dim=1)).view(len(noise), -1, COARSEST, COARSEST)
        x = functional.relu(self.norm(x, label))
        for up in self.ups:
            x = up(x, label)
        return torch.sigmoid(2 * self.leave(x))


class Critic(nn.Module):
    """Pictures (b, 3, SIDE, SIDE) in [0, 1], label (b,) → (b,) how real each is of its class, and (b, labels) of which class it seems."""

    def __init__(self, numbers: GanNumbers, labels: int) -> None:
        super().__init__()
        filters = (3, *numbers.critic)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(filters))
        width = filters[-1] * (SIDE >> len(numbers.critic)) ** 2
        self.real = nn.Linear(width, 1, bias=False)  # only differences count
        self.seems = nn.Linear(width, labels)

    def forward(self, pixels: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        x = pixels * 2 - 1
        for convolution in self.convolutions:
            x = functional.leaky_relu(convolution(x), 0.2)
        x = x.flatten(1)
        return self.real(x)[:, 0], self.seems(x)
