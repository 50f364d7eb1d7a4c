"""Trains an image generator on a world's training pictures, and measures what it makes with a classifier of the real ones (evaluator.py).

The GAN learns by Gulrajani et al. 2017, algorithm 1, with economies for a training of minutes. The penalty on the critic's gradient is
computed at every fourth step, four times as heavy (as regularisation is in Karras et al. 2020, StyleGAN2, section 3.1). Critic and
generator take turns, the critic with a higher rate (Heusel et al. 2017) in place of five steps. What is measured and served is the running
mean of the generator's weights (Yazıcı et al. 2019), with the statistics of its batch normalisation counted anew. The diffusion model
learns by Ho et al. 2020, algorithm 1, with the same running mean. The penalty weighs 2 where the paper has 10: so few steps then end nearer
to real pictures, and with more different ones (README.md).

The epoch is chosen by the Fréchet distance to the validation pictures, which are of other things than those of training and test.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_generation.ddpm import Ddpm, kept_share
from aibenchrt.components.image_generation.evaluator import Evaluator, features_of, frechet_distance, read, trained_evaluator
from aibenchrt.components.image_generation.model import MODELS, Critic, GanNumbers, Generator, build
from aibenchrt.components.image_generation.serve import SIDE, STEPS, denoised
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import Measurement, share
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import View, ViewWorld

PROTOCOL = (
    "share of generated pictures, equally many of each class, in which a classifier reads the class that was wished for; the classifier "
    "is trained on the real training pictures, with the same seed whatever the generator's; epoch chosen by the Fréchet distance to "
    "validation pictures"
)
BASELINE, MEAN = "a training picture", "mean picture of the class"
EVALUATOR_SEED = 20_17  # of the classifier: the same for all generators of a world
PENALTY, EVERY = 2.0, 4  # weight of the penalty on the critic's gradient; at which steps it is computed
CLASS = 1.0  # weight of the classes in the critic's loss, and in the generator's
KEPT = 48  # training pictures of each class for the baseline


@dataclass(frozen=True)
class Effort:
    """steps: of an epoch. rates: of the generator, and of the critic. batch: pictures. mean: weight of the old in the running mean of the
    weights. measured: pictures of which the quality is measured; a third of them choose the epoch."""

    epochs: int
    steps: int
    rates: tuple[float, float]
    batch: int
    mean: float
    measured: int


EFFORTS = {
    ("tiny", "wgan_gp_small"): Effort(2, 60, (1e-3, 2e-3), 16, 0.95, 96),
    ("small", "wgan_gp_small"): Effort(5, 200, (1e-3, 2e-3), 32, 0.99, 512),
    ("full", "wgan_gp_small"): Effort(40, 500, (1e-3, 2e-3), 32, 0.995, 2048),
    ("tiny", "ddpm_cifar"): Effort(1, 1, (2e-4, 0.0), 2, 0.0, 8),
    ("small", "ddpm_cifar"): Effort(10, 1000, (2e-4, 0.0), 32, 0.999, 256),
    ("full", "ddpm_cifar"): Effort(80, 10_000, (2e-4, 0.0), 128, 0.9999, 2048),
}


@dataclass(frozen=True)
class Pictures:
    """pixels: (n, 3, SIDE, SIDE) in [0, 1]; label: (n,) int64."""

    pixels: Tensor
    label: Tensor


@dataclass(frozen=True)
class Judge:
    """A classifier of real pictures, and the features of those of a split that generated ones are compared with."""

    evaluator: Evaluator
    real: NDArray[np.float64]

    def distance(self, made: Tensor) -> float:
        return frechet_distance(features_of(self.evaluator, made), self.real)


def train(world: ViewWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in steps."""
    effort, count = EFFORTS[size, model], len(world.categories)
    known, choosing, held_out = (_pictures(world.views(split)) for split in ("train", "validation", "test"))
    with reproducible(EVALUATOR_SEED, threads=1) as generator:
        evaluator = trained_evaluator(known.pixels, known.label, choosing.pixels, choosing.label, count, generator)
        chosen, judge = (Judge(evaluator, features_of(evaluator, part.pixels)) for part in (choosing, held_out))
    wished = torch.arange(max(effort.measured, 2 * count)) % count
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, count).to(device)
        best_epoch = _fit(network, model, known, chosen, count, effort, generator, tell)
        made = generated(network, wished, seed)
    kept, taken, means = _gallery(known, count)
    drawn = np.random.default_rng(seed)
    simple = {BASELINE: known.pixels[[int(drawn.choice(taken[label])) for label in wished.tolist()]], MEAN: means[wished]}
    ours = _right(evaluator, made, wished)
    network.cpu().eval()
    return Trained(
        graphs={
            "model": graph(network, wished),
            "gallery": Graph(Gallery(kept), {"place": torch.tensor([0, 1, len(kept) - 1])}, ("pixels",)),
        },
        serving={"labels": count, "kept": [len(rows) for rows in taken], **_serving(network)},
        protocol=PROTOCOL,
        metrics={"accuracy": share(ours)},
        baselines={name: {"accuracy": share(_right(evaluator, theirs, wished))} for name, theirs in simple.items()},
        epochs=best_epoch,
        only_for_comparison={
            "Fréchet distance to test pictures": round(judge.distance(made), 3),
            f"Fréchet distance of {BASELINE}": round(judge.distance(simple[BASELINE]), 3),
            f"Fréchet distance of {MEAN}": round(judge.distance(simple[MEAN]), 3),
            "the classifier on real test pictures": _share_of(evaluator, held_out),
            "apart: mean distance of two pictures of a class, in parts of the training pictures'": round(_apart(made, wished, known), 3),
            "pictures in training": len(known.label),
        },
    )


def _right(evaluator: Evaluator, made: Tensor, wished: Tensor) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = read(evaluator, made) == wished.numpy()
    return hits


def _share_of(evaluator: Evaluator, real: Pictures) -> Measurement:
    return share(_right(evaluator, real.pixels, real.label))


def _apart(made: Tensor, wished: Tensor, known: Pictures) -> float:
    """The mean distance of two generated pictures of a class over that of two training pictures of it: near 0, all are the same."""

    def mean(pixels: Tensor, label: Tensor) -> float:
        each = [pixels[label == one].flatten(1) for one in range(int(label.max()) + 1)]
        return float(np.mean([float(torch.pdist(rows[:64]).mean()) for rows in each if len(rows) > 1]))

    return mean(made, wished) / mean(known.pixels, known.label)


def _fit(
    network: Generator | Ddpm,
    model: str,
    known: Pictures,
    chosen: Judge,
    labels: int,
    effort: Effort,
    generator: torch.Generator,
    tell: Tell,
) -> int:
    """Trains, puts in the mean weights of the epoch nearest to the validation pictures, and returns its number."""
    numbers = MODELS[model]()
    step_of: Callable[[Tensor, Tensor], None]
    if isinstance(network, Generator):
        assert isinstance(numbers, GanNumbers)
        step_of = GanStep(network, Critic(numbers, labels).to(device_of(network)), effort, generator)
    else:
        step_of = DdpmStep(network, effort, generator)
    mean, device = copy.deepcopy(network), device_of(network)
    rows = _endless(len(known.label), effort.batch, generator)
    wished = torch.arange(max(effort.measured // 3, 2 * labels)) % labels
    best, nearest, best_epoch = copy_of(network), float("inf"), 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step in range(effort.steps):
            batch = next(rows)
            step_of(_mirrored(known.pixels[batch], generator).to(device), known.label[batch].to(device))
            _towards(mean, network, effort.mean)
            if step % 20 == 0:
                tell(Batches(epoch, (step + 1) / effort.steps, of=effort.epochs))
        _count_anew(mean, labels, generator)
        made = generated(mean, wished, epoch)
        value = float(_right(chosen.evaluator, made, wished).mean())
        tell(Epoch(epoch, "validation", "accuracy", value, of=effort.epochs))
        distance = chosen.distance(made)
        if distance < nearest:
            best, nearest, best_epoch = copy_of(mean), distance, epoch
    network.load_state_dict(best)
    return best_epoch


def _endless(count: int, size: int, generator: torch.Generator) -> Any:
    """Batches without end; of fewer pictures than a batch has, all."""
    while True:
        yield from (rows for rows in batches(count, size, generator) if len(rows) == min(size, count))


def _mirrored(pixels: Tensor, generator: torch.Generator) -> Tensor:
    return torch.where(torch.rand(len(pixels), 1, 1, 1, generator=generator) < 0.5, pixels.flip(3), pixels)


@torch.no_grad()
def _towards(mean: nn.Module, network: nn.Module, weight: float) -> None:
    for old, new in zip(mean.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - weight)


@torch.no_grad()
def _count_anew(mean: nn.Module, labels: int, generator: torch.Generator) -> None:
    """The statistics of the generator's batch normalisation are those under its mean weights, over all classes alike."""
    if isinstance(mean, Generator):
        norms = [module for module in mean.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
        mean.train()
        for _ in range(4):
            mean(torch.randn(128, mean.noise, generator=generator).to(device_of(mean)), (torch.arange(128) % labels).to(device_of(mean)))


class GanStep:
    """A step of the critic and one of the generator, on a batch of real pictures."""

    def __init__(self, network: Generator, critic: Critic, effort: Effort, generator: torch.Generator) -> None:
        self.network, self.critic, self.generator, self.number = network, critic, generator, 0
        self.own = torch.optim.Adam(network.parameters(), effort.rates[0], betas=(0.0, 0.9))
        self.critics = torch.optim.Adam(critic.parameters(), effort.rates[1], betas=(0.0, 0.9))

    def __call__(self, pixels: Tensor, label: Tensor) -> None:
        with torch.no_grad():
            made = self.network(self.noise(pixels), label)
        self.critics.zero_grad()
        loss = self.critics_loss(pixels, made, label)
        if self.number % EVERY == 0:
            loss = loss + EVERY * PENALTY * self.penalty(pixels, made, label)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critics.step()
        self.own.zero_grad()
        self.generators_loss(pixels, label).backward()  # type: ignore[no-untyped-call]
        self.own.step()
        self.number += 1

    def noise(self, pixels: Tensor) -> Tensor:
        return torch.randn(len(pixels), self.network.noise, generator=self.generator).to(pixels.device)

    def critics_loss(self, pixels: Tensor, made: Tensor, label: Tensor) -> Tensor:
        """How much more real the made pictures seem than the real ones, and how badly the classes of the real ones are known."""
        (real, seems), (false, _) = self.critic(pixels, label), self.critic(made, label)
        loss: Tensor = false.mean() - real.mean() + CLASS * functional.cross_entropy(seems, label)
        return loss

    def penalty(self, pixels: Tensor, made: Tensor, label: Tensor) -> Tensor:
        """Algorithm 1, line 7: mean of (|gradient| - 1)², at pictures between real and made ones."""
        share_of = torch.rand(len(pixels), 1, 1, 1, generator=self.generator).to(pixels.device)
        between = (share_of * pixels + (1 - share_of) * made).requires_grad_()
        (gradient,) = torch.autograd.grad(self.critic(between, label)[0].sum(), between, create_graph=True)
        penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        return penalty

    def generators_loss(self, pixels: Tensor, label: Tensor) -> Tensor:
        real, seems = self.critic(self.network(self.noise(pixels), label), label)
        loss: Tensor = CLASS * functional.cross_entropy(seems, label) - real.mean()
        return loss


class DdpmStep:
    """A step of the denoising network: the noise of a picture at a drawn step, by the squared difference."""

    def __init__(self, network: Ddpm, effort: Effort, generator: torch.Generator) -> None:
        self.network, self.generator, self.kept = network, generator, kept_share().float()
        self.optimizer = torch.optim.Adam(network.parameters(), effort.rates[0])

    def __call__(self, pixels: Tensor, label: Tensor) -> None:
        self.optimizer.zero_grad()
        self.loss(pixels, label).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()

    def loss(self, pixels: Tensor, label: Tensor) -> Tensor:
        step = torch.randint(0, STEPS, (len(pixels),), generator=self.generator)
        noise = torch.randn(pixels.shape, generator=self.generator).to(pixels.device)
        kept = self.kept[step][:, None, None, None].to(pixels.device)
        hidden = kept.sqrt() * (pixels * 2 - 1) + (1 - kept).sqrt() * noise
        return functional.mse_loss(self.network(hidden, step.to(pixels.device), label), noise)


@torch.no_grad()
def generated(network: Generator | Ddpm, wished: Tensor, seed: int) -> Tensor:
    """(n, 3, SIDE, SIDE) in [0, 1], of the classes `wished`, as 8-bit levels."""
    network.eval()
    device, rng = device_of(network), np.random.default_rng(seed)
    if isinstance(network, Generator):
        noise = torch.from_numpy(rng.standard_normal((len(wished), network.noise), dtype=np.float32))
        pieces = [network(noise[rows].to(device), wished[rows].to(device)).cpu() for rows in torch.split(torch.arange(len(wished)), 256)]
        made = torch.cat(pieces)
    else:
        session, kept = _Torch(network), kept_share().numpy()
        made = torch.from_numpy(np.stack([denoised(session, label, rng, kept) for label in wished.tolist()])).float()
    return (made.clamp(0, 1) * 255).round() / 255


class _Torch:
    """The denoising network, called as the exported graph is."""

    def __init__(self, network: Ddpm) -> None:
        self._network = network

    def run(self, _outputs: Sequence[str], inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        device = device_of(self._network)
        return [self._network(*(torch.from_numpy(inputs[name]).to(device) for name in ("pixels", "step", "label"))).cpu().numpy()]


class Gallery(nn.Module):
    """place (b,) → training picture, (b, 3, SIDE, SIDE) in [0, 1]: what the baseline shows, kept as 8-bit levels."""

    levels: Tensor

    def __init__(self, pixels: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", (pixels * 255).round().to(torch.uint8))

    def __len__(self) -> int:
        return len(self.levels)

    def forward(self, place: Tensor) -> Tensor:
        return self.levels[place].float() / 255


def _gallery(known: Pictures, count: int) -> tuple[Tensor, list[NDArray[np.int64]], Tensor]:
    """At most KEPT training pictures of each class, evenly from all, class after class; their rows; and the mean picture of each class."""
    rows = [np.flatnonzero(known.label.numpy() == label) for label in range(count)]
    taken = [own[np.unique(np.linspace(0, len(own) - 1, KEPT).astype(np.int64))] for own in rows]
    means = torch.stack([known.pixels[own].mean(dim=0) for own in rows])
    return known.pixels[np.concatenate(taken)], taken, means


def _pictures(views: Sequence[View]) -> Pictures:
    pixels = np.stack([colour_pixels(view.png, SIDE) for view in views]).transpose(0, 3, 1, 2)
    return Pictures(torch.from_numpy(pixels.astype(np.float32) / np.float32(255)), torch.tensor([view.label for view in views]))


def _serving(network: Generator | Ddpm) -> dict[str, Any]:
    return {"noise": network.noise} if isinstance(network, Generator) else {"kept_share": kept_share().tolist()}


def graph(network: Generator | Ddpm, wished: Tensor) -> Graph:
    """The graph to export, with drawn noise as examples: several together, and one alone."""
    label, rng = wished[:3], torch.Generator().manual_seed(1)
    if isinstance(network, Generator):
        given = {"noise": torch.randn(3, network.noise, generator=rng), "label": label}
        outputs = ("pixels",)
    else:
        given = {"pixels": torch.randn(3, 3, SIDE, SIDE, generator=rng), "step": torch.tensor([0, 500, STEPS - 1]), "label": label}
        outputs = ("noise",)
    return Graph(network, given, outputs, others=({name: value[:1] for name, value in given.items()},))
