"""Trains an image-to-image model on pairs of pictures before and after; the epoch is chosen on the validation pairs.

There are few scenes, and a network soon knows them by heart. So the small one learns from parts of pictures, mirrored and turned, with
their colours exchanged and in other light, before and after alike. It learns by the ratio that it is measured by: the loss is the mean
logarithm of each picture's squared error (as in Chen et al. 2022, Simple Baselines for Image Restoration). The published one has the
objective of Isola et al. 2017, equation 4: a hundred times the absolute difference, and a discriminator of 70 × 70 patches that sees both
pictures, with least squares in place of logarithms as in Zhu et al. 2017, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from aibenchrt.components.image_to_image.model import (
    MODELS,
    Patches,
    PublishedNumbers,
    Translator,
    build,
    published,
)
from aibenchrt.components.image_to_image.serve import as_input, levels, pixels_of
from aibenchrt.components.image_to_image.simple import FILTERS, Pixels, Rule, best_rule, changed
from aibenchrt.picture_quality import MOST_DB
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Changed, ChangedWorld

PROTOCOL = (
    "mean over the test pairs of the peak signal-to-noise ratio of the answer, as 8-bit levels, to the picture after; interval over "
    "scenes; epoch chosen on validation pairs"
)
BASELINE, COLOURS, AS_IT_IS = "filter and colour map", "colour map", "as it is"
FITTED = 64  # training pairs on which rules are fitted; half as many validation pairs choose one
PART, LIGHT = 48, 0.15  # pixels of the sides of the parts of pictures; the largest change of a colour's light, to either side
ABSOLUTE = 100.0  # weight of the absolute difference beside the discriminator


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate (Smith and Topin 2018, Super-Convergence), or that of Adam. pairs: the most in an
    epoch; each epoch draws anew."""

    epochs: int
    rate: float
    batch: int
    pairs: int


EFFORTS = {
    ("tiny", "unet_small"): Effort(16, 5e-3, 4, 96),
    ("small", "unet_small"): Effort(40, 3e-3, 16, 640),
    ("full", "unet_small"): Effort(160, 3e-3, 16, 100_000),
    ("tiny", "resnet_9blocks"): Effort(1, 2e-4, 2, 4),
    ("small", "resnet_9blocks"): Effort(4, 2e-4, 1, 640),
    ("full", "resnet_9blocks"): Effort(200, 2e-4, 1, 100_000),
}


@dataclass(frozen=True)
class Pairs:
    """before, after: (n, 3, h, w) uint8, h and w multiples of 4; height, width: of what is shown, the rest repeats the edge. scene: (n,)
    what each shows."""

    before: Tensor
    after: Tensor
    scene: NDArray[np.int64]
    height: int
    width: int

    def pixels(self, which: Tensor, rows: Sequence[int]) -> list[Pixels]:
        """Those rows of `before` or `after`, (height, width, 3) in [0, 1] each."""
        return [which[row, :, : self.height, : self.width].numpy().transpose(1, 2, 0).astype(np.float32) / np.float32(255) for row in rows]


def train(world: ChangedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and pairs."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (pairs_of(world.changed(split)) for split in ("train", "validation", "test"))
    rules = {BASELINE: _rule(known, choosing, tuple(FILTERS)), COLOURS: _rule(known, choosing, ("none",))}
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        best_epoch = _fit(network, model, known, choosing, effort, generator, tell)
        ours = decibels(answers(network, held_out), held_out)
    scenes = held_out.scene.tolist()
    simple = {name: decibels(_by_rule(held_out, rule), held_out) for name, rule in rules.items()}
    simple[AS_IT_IS] = decibels(held_out.before, held_out)
    network.cpu().eval()
    return Trained(
        graphs={"model": graph(network, held_out)},
        serving={"rule": rules[BASELINE].stored()},
        protocol=PROTOCOL,
        metrics={"psnr": mean_by_user(ours, scenes, seed)},
        baselines={name: {"psnr": mean_by_user(theirs, scenes, seed)} for name, theirs in simple.items()},
        gains={f"psnr over {name}": mean_by_user(ours - theirs, scenes, seed) for name, theirs in simple.items()},
        epochs=best_epoch,
        only_for_comparison={
            "filter of the baseline": f"{rules[BASELINE].filter} {rules[BASELINE].strength:g}",
            "pairs in training": len(known.scene),
            "scenes in training": len(np.unique(known.scene)),
        },
    )


def _fit(
    network: Translator, model: str, known: Pairs, choosing: Pairs, effort: Effort, generator: torch.Generator, tell: Tell
) -> int:  # fmt: skip
    """Trains, puts back the weights of the epoch with the best psnr on the validation pairs, and returns its number."""
    device, count = device_of(network), min(effort.pairs, len(known.scene))
    steps = -(-count // effort.batch)
    step_of = Step(network, model, effort, effort.epochs * steps)
    best, most, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        drawn = torch.randperm(len(known.scene), generator=generator)[:count]
        for step, rows in enumerate(batches(count, effort.batch, generator) if effort.batch > 1 else drawn[:, None]):
            chosen = drawn[rows] if effort.batch > 1 else rows
            before, after = (part[chosen].to(device).float() / 255 for part in (known.before, known.after))
            step_of(*(varied(before, after, generator) if step_of.patches is None else (before, after)))
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        value = float(decibels(answers(network, choosing), choosing).mean())
        tell(Epoch(epoch, "validation", "psnr", value, of=effort.epochs))
        if value > most:
            best, most, best_epoch = copy_of(network), value, epoch
    network.load_state_dict(best)
    return best_epoch


class Step:
    """One step of training, on a batch of pairs in [0, 1]. of: steps of the whole training."""

    def __init__(self, network: Translator, model: str, effort: Effort, of: int) -> None:
        numbers = MODELS[model]()
        self.network = network
        self.patches: Patches | None = None
        if isinstance(numbers, PublishedNumbers):
            self.patches = Patches(numbers).to(device_of(network))
            published(self.patches)
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), effort.rate, betas=(0.5, 0.999))
            self.others = torch.optim.Adam(self.patches.parameters(), effort.rate, betas=(0.5, 0.999))
            self.schedule: torch.optim.lr_scheduler.LRScheduler | None = None  # the papers' rate is constant for the first half
        else:
            self.optimizer = torch.optim.AdamW(network.parameters(), effort.rate, weight_decay=1e-4)
            self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, effort.rate, of + 1, pct_start=0.1)

    def __call__(self, before: Tensor, after: Tensor) -> float:
        """The loss of the translator, before its step."""
        made = self.network(before)
        loss = psnr_loss(made, after) if self.patches is None else self._adversarial(self.patches, before, made, after)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        return float(loss.detach())

    def _adversarial(self, patches: Patches, before: Tensor, made: Tensor, after: Tensor) -> Tensor:
        """A step of the discriminator, then the translator's loss."""
        real, false = patches(before, after), patches(before, made.detach())
        self.others.zero_grad()
        judged = ((real - 1).square().mean() + false.square().mean()) / 2
        judged.backward()
        self.others.step()
        loss: Tensor = (patches(before, made) - 1).square().mean() + ABSOLUTE * functional.l1_loss(made, after)
        return loss


def varied(before: Tensor, after: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A part of each pair, (b, 3, h, w) in [0, 1], at the same place and changed in the same way in both pictures."""
    batch, _, height, width = before.shape
    down, across = (int(torch.randint(0, (side - min(PART, side)) // 4 + 1, (1,), generator=generator)) * 4 for side in (height, width))
    pair = torch.stack([before, after])[..., down : down + PART, across : across + PART]
    for axis in (3, 4):
        mirrored = torch.rand(batch, 1, 1, 1, generator=generator) < 0.5
        pair = torch.where(mirrored.to(pair.device), pair.flip(axis), pair)
    if torch.rand(1, generator=generator) < 0.5:
        pair = pair.transpose(3, 4)
    order = torch.stack([torch.randperm(3, generator=generator) for _ in range(batch)]).to(pair.device)
    light = 1 + LIGHT * (2 * torch.rand(batch, 3, 1, 1, generator=generator) - 1).to(pair.device)
    pair = pair.gather(2, order[None, :, :, None, None].expand_as(pair)) * light
    first, second = (one.contiguous(memory_format=torch.channels_last) for one in pair)
    return first, second


def psnr_loss(made: Tensor, after: Tensor) -> Tensor:
    """Minus the mean ratio in dB, as far as squared errors are above those of rounding to 8 bits."""
    error = (made - after).square().mean(dim=(1, 2, 3))
    loss: Tensor = 10 * torch.log10(error + 1 / (12 * 255**2)).mean()
    return loss


def pairs_of(changed_pairs: Sequence[Changed]) -> Pairs:
    """ValueError: pictures of different sizes."""
    both = [[pixels_of(pair.before), pixels_of(pair.after)] for pair in changed_pairs]
    height, width, _ = both[0][0].shape
    if any(picture.shape != (height, width, 3) for pair in both for picture in pair):
        raise ValueError(f"pictures before and after are not all of {width} × {height} pixels")
    before, after = (torch.from_numpy(levels(np.concatenate([as_input(pair[which]) for pair in both]))) for which in (0, 1))
    return Pairs(before, after, np.array([pair.scene for pair in changed_pairs], dtype=np.int64), height, width)


def answers(network: Translator, pairs: Pairs) -> Tensor:
    """(n, 3, h, w) uint8, as served."""
    pieces = [predict(network, part.float() / 255, size=16) for part in torch.split(pairs.before, 256)]
    return torch.from_numpy(levels(torch.cat(pieces).numpy()))


def decibels(made: Tensor, pairs: Pairs) -> NDArray[np.float64]:
    """(n,) peak signal-to-noise ratio of 8-bit pictures, as metrics' psnr."""
    apart = (made.double() - pairs.after.double())[:, :, : pairs.height, : pairs.width]
    error = apart.square().mean(dim=(1, 2, 3)).numpy()
    ratio: NDArray[np.float64] = np.minimum(MOST_DB, 10 * np.log10(255.0**2 / np.maximum(error, 1e-9)))
    return ratio


def _rule(known: Pairs, choosing: Pairs, names: Sequence[str]) -> Rule:
    """Pairs are taken evenly over the split."""
    fitted, chosen = (
        np.unique(np.linspace(0, len(part.scene) - 1, most).astype(np.int64)).tolist()
        for part, most in ((known, FITTED), (choosing, FITTED // 2))
    )
    return best_rule(
        known.pixels(known.before, fitted), known.pixels(known.after, fitted),
        choosing.pixels(choosing.before, chosen), choosing.pixels(choosing.after, chosen), names,
    )  # fmt: skip


def _by_rule(pairs: Pairs, rule: Rule) -> Tensor:
    pictures = pairs.pixels(pairs.before, range(len(pairs.scene)))
    made = [levels(as_input(changed(picture, rule))) for picture in pictures]
    return torch.from_numpy(np.concatenate(made))


def graph(network: Translator, shown: Pairs) -> Graph:
    """The graph to export, with real pictures as examples: two together, and a part of one alone."""
    pixels = shown.before[:2].float() / 255
    return Graph(network, {"pixels": pixels}, ("changed",), {"pixels": (2, 3)}, ({"pixels": pixels[:1, :, :16, :12].contiguous()},))
