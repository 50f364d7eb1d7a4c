"""Learned image compression: Ballé, Minnen, Singh, Hwang, Johnston 2018, Variational Image Compression with a Scale Hyperprior (ICLR).

    pixels ─▶ analysis ─▶ y ─▶ round(y / Δ) ─▶ bits ─▶ ŷ ─▶ synthesis ─▶ pixels
                           └▶ |y| ─▶ hyper-analysis ─▶ z ─▶ round ─▶ bits ─▶ ẑ ─▶ hyper-synthesis ─▶ scales of y     (hyperprior only)

`scale_hyperprior` is figure 4 with N = 128 filters and M = 192 channels. `factorised_small` is their model without a hyperprior, with
three layers in place of four, and fewer filters. Transforms are convolutions of 5 × 5 and stride 2, between them GDN (Ballé et al. 2016,
Density Modeling of Images Using a Generalized Normalization Transformation, equation 2, simplified exponents). Rounding is replaced by
uniform noise in training (section 2).

Adapted: one network serves several rates. Each has a step Δ for every channel, by which y is rounded, learnt with the network (as the gains
of Cui et al. 2021, whose inverse gains are 1 / Δ here); the published one was trained anew for each rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LAMBDAS = (0.002, 0.006, 0.018, 0.05)  # of each rate: what a squared error, in levels of 255, costs against bits per pixel
LEAST_LIKELY = 1e-9
SPREAD, FIRST_STEP = 4.0, 0.3  # of the densities and of the steps, before training
SCALES = (0.11, 256.0, 64)  # the hyperprior's: smallest, largest, how many, evenly spaced logarithms (the authors' code)


@dataclass(frozen=True)
class Numbers:
    """layers: of the analysis, each halves the sides. filters: of all but the last; channels: of y. hyper: whether there is a
    hyperprior."""

    layers: int
    filters: int
    channels: int
    hyper: bool

    @property
    def stride(self) -> int:
        """The sides of a picture are multiples of this."""
        return int(2 ** (self.layers + (2 if self.hyper else 0)))


def factorised_small() -> Numbers:
    return Numbers(3, 48, 64, hyper=False)


def scale_hyperprior() -> Numbers:
    return Numbers(4, 128, 192, hyper=True)


MODELS: dict[str, Callable[[], Numbers]] = {"factorised_small": factorised_small, "scale_hyperprior": scale_hyperprior}


def build(model: str) -> Compressor:
    """The network of that name."""
    return Compressor(MODELS[model]())


class Gdn(nn.Module):
    """x_i / sqrt(β_i + Σ_j γ_ij x_j²); inverse: times in place of by. β and γ are kept as roots, so that they stay positive."""

    PEDESTAL = 2.0**-36

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + self.PEDESTAL))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + self.PEDESTAL))

    def forward(self, x: Tensor) -> Tensor:
        beta = self.beta.clamp(min=1e-3).square() - self.PEDESTAL
        gamma = self.gamma.square() - self.PEDESTAL
        norm = torch.sqrt(functional.conv2d(x.square(), gamma[:, :, None, None], beta).clamp(min=1e-12))
        return x * norm if self.inverse else x / norm


class FactorisedPrior(nn.Module):
    """The density of each channel as the derivative of a monotonic network (appendix 6.1), three hidden layers of three units."""

    UNITS = (1, 3, 3, 3, 3, 1)

    def __init__(self, channels: int) -> None:
        super().__init__()
        scale = SPREAD ** (1 / (len(self.UNITS) - 1))
        pairs = list(zip(self.UNITS, self.UNITS[1:], strict=False))
        first = (math.log(math.expm1(1 / scale / leaving)) for _, leaving in pairs)
        self.weights = nn.ParameterList(
            [
                nn.Parameter(torch.full((channels, leaving, entering), value))
                for (entering, leaving), value in zip(pairs, first, strict=True)
            ]
        )
        self.biases = nn.ParameterList([nn.Parameter(torch.rand(channels, leaving, 1) - 0.5) for _, leaving in pairs])
        self.factors = nn.ParameterList([nn.Parameter(torch.zeros(channels, leaving, 1)) for _, leaving in pairs[:-1]])

    def logits(self, values: Tensor) -> Tensor:
        """(channels, 1, n) → the logits of the cumulative density at these values."""
        x = values
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = functional.softplus(weight) @ x + bias
            if place < len(self.factors):
                x = x + torch.tanh(self.factors[place]) * torch.tanh(x)
        return x

    def likelihood(self, values: Tensor, step: Tensor) -> Tensor:
        """(channels, 1, n) twice: the mass between half a step below and half a step above each value."""
        lower, upper = self.logits(values - step / 2), self.logits(values + step / 2)
        sign = -torch.sign(lower + upper).detach()  # on the side where sigmoids differ most in floating point
        return (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()


class Compressor(nn.Module):
    """All parts of a model. pixels: (b, 3, h, w) in [0, 1], the sides multiples of `numbers.stride`."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers
        self.analysis = nn.Sequential(*_down(3, numbers.filters, numbers.channels, numbers.layers))
        self.synthesis = nn.Sequential(*_up(numbers.channels, numbers.filters, 3, numbers.layers))
        self.hyper_analysis = _hyper_analysis(numbers) if numbers.hyper else None
        self.hyper_synthesis = _hyper_synthesis(numbers) if numbers.hyper else None
        self.prior = FactorisedPrior(numbers.filters if numbers.hyper else numbers.channels)
        middle = LAMBDAS[len(LAMBDAS) // 2]
        first = torch.tensor([math.log(FIRST_STEP) + 0.5 * math.log(middle / each) for each in LAMBDAS])
        self.log_steps = nn.Parameter(first[:, None].repeat(1, numbers.channels))

    def steps(self, rates: Tensor) -> Tensor:
        """(b,) numbers of rates → (b, channels, 1, 1)."""
        return torch.exp(self.log_steps)[rates][:, :, None, None]

    def forward(self, pixels: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """With noise for rounding: the pictures as they come out, and the bits of each, (b,)."""
        y, step = self.analysis(pixels), self.steps(rates)
        noisy = y + step * (torch.rand_like(y) - 0.5)
        if self.hyper_analysis is None or self.hyper_synthesis is None:
            bits = _bits(_by_channel(self.prior, noisy, step))
        else:
            z = self.hyper_analysis(y.abs())
            z = z + torch.rand_like(z) - 0.5
            bits = _bits(_by_channel(self.prior, z, torch.ones_like(z[:, :, :1, :1])))
            bits = bits + _bits(gaussian(noisy, self.hyper_synthesis(z), step))
        return self.synthesis(noisy), bits


def gaussian(values: Tensor, scales: Tensor, step: Tensor) -> Tensor:
    """The mass of a normal distribution about 0 within half a step of each value; scales: at least SCALES' smallest, in steps."""
    scaled = (scales / step).clamp(min=SCALES[0])
    distance = (values / step).abs()
    return _normal((0.5 - distance) / scaled) - _normal((-0.5 - distance) / scaled)


def _normal(x: Tensor) -> Tensor:
    return 0.5 * torch.erfc(-x * (2**-0.5))


def _by_channel(prior: FactorisedPrior, values: Tensor, step: Tensor) -> Tensor:
    batch, channels, height, width = values.shape
    flat = values.permute(1, 0, 2, 3).reshape(channels, 1, -1)
    wide = step.expand(batch, channels, height, width).permute(1, 0, 2, 3).reshape(channels, 1, -1)
    return prior.likelihood(flat, wide).reshape(channels, batch, height, width).permute(1, 0, 2, 3)


def _bits(likelihood: Tensor) -> Tensor:
    return -torch.log2(likelihood.clamp(min=LEAST_LIKELY)).flatten(1).sum(dim=1)


def _down(entering: int, filters: int, leaving: int, layers: int) -> list[nn.Module]:
    widths = [entering, *[filters] * (layers - 1), leaving]
    parts: list[nn.Module] = []
    for place in range(layers):
        parts.append(nn.Conv2d(widths[place], widths[place + 1], 5, 2, 2))
        parts += [Gdn(filters)] if place < layers - 1 else []
    return parts


def _up(entering: int, filters: int, leaving: int, layers: int) -> list[nn.Module]:
    widths = [entering, *[filters] * (layers - 1), leaving]
    parts: list[nn.Module] = []
    for place in range(layers):
        parts.append(nn.ConvTranspose2d(widths[place], widths[place + 1], 5, 2, 2, 1))
        parts += [Gdn(filters, inverse=True)] if place < layers - 1 else []
    return parts


def _hyper_analysis(numbers: Numbers) -> nn.Sequential:
    filters = numbers.filters
    return nn.Sequential(
        nn.Conv2d(numbers.channels, filters, 3, 1, 1), nn.ReLU(), nn.Conv2d(filters, filters, 5, 2, 2), nn.ReLU(),
        nn.Conv2d(filters, filters, 5, 2, 2),
    )  # fmt: skip


def _hyper_synthesis(numbers: Numbers) -> nn.Sequential:
    filters = numbers.filters
    return nn.Sequential(
        nn.ConvTranspose2d(filters, filters, 5, 2, 2, 1), nn.ReLU(), nn.ConvTranspose2d(filters, filters, 5, 2, 2, 1), nn.ReLU(),
        nn.Conv2d(filters, numbers.channels, 3, 1, 1), nn.ReLU(),
    )  # fmt: skip
