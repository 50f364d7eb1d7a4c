"""Trains a network to make voxels of a picture; epoch and threshold are chosen on validation pictures.

In every epoch each picture is seen in other colours and light, and half of them mirrored, with the body mirrored, too: voxels are in the
body's own axes, so the mirror image of a picture from the left is one of the mirrored body from the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.components.object_reconstruction_3d.model import build, loss_of
from aibenchrt.components.object_reconstruction_3d.serve import PIXELS, SIDE, Known, as_input, thumb_of
from aibenchrt.datasets.looks import unpacked
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Modelled, SolidWorld

PROTOCOL = (
    "mean over the test pictures of the intersection over union of the answer's voxels with the true ones; interval over bodies; epoch and "
    "threshold chosen on validation pictures"
)
NEAREST, MEAN = "nearest picture", "mean shape"
THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(3, 14))
REMEMBERED = 4  # pictures of each training body, for the nearest one


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate. pictures: the most in an epoch; each epoch draws anew."""

    epochs: int
    rate: float
    batch: int
    pictures: int


EFFORTS = {
    ("tiny", "voxels_small"): Effort(12, 4e-3, 16, 300),
    ("small", "voxels_small"): Effort(16, 4e-3, 32, 1600),
    ("full", "voxels_small"): Effort(60, 4e-3, 32, 100_000),
    ("tiny", "pix2vox_a"): Effort(1, 1e-3, 2, 2),
    ("small", "pix2vox_a"): Effort(4, 1e-3, 16, 1600),
    ("full", "pix2vox_a"): Effort(120, 1e-3, 32, 100_000),
}


@dataclass(frozen=True)
class Shown:
    """pixels: (n, PIXELS, PIXELS, 3) uint8; full: (n, SIDE, SIDE, SIDE) bool by z, y, x; body: (n,) which one each shows."""

    pixels: NDArray[np.uint8]
    full: NDArray[np.bool_]
    body: NDArray[np.int64]


def train(world: SolidWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and pictures."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (shown(world.solids(split)) for split in ("train", "validation", "test"))
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model).to(device=device)
        best_epoch, threshold = _fit(network, known, choosing, effort, generator, tell)
        ours = overlaps(fullness(network, held_out) >= threshold, held_out.full)
    memory = remembered(world.solids("train"))
    nearest = np.stack([memory.body(memory.nearest(picture)) for picture in held_out.pixels])
    simple = {NEAREST: overlaps(nearest, held_out.full), MEAN: overlaps(_mean_shape(known)[None], held_out.full)}
    bodies = held_out.body.tolist()
    network.cpu().eval()
    return Trained(
        graphs={"model": graph(network, held_out)},
        serving={"threshold": threshold, "known": memory.stored()},
        protocol=PROTOCOL,
        metrics={"voxel_iou": mean_by_user(ours, bodies, seed)},
        baselines={name: {"voxel_iou": mean_by_user(theirs, bodies, seed)} for name, theirs in simple.items()},
        gains={f"voxel_iou over {name}": mean_by_user(ours - theirs, bodies, seed) for name, theirs in simple.items()},
        epochs=best_epoch,
        only_for_comparison={
            "threshold": threshold,
            "bodies in training": len(np.unique(known.body)),
            "pictures in training": len(known.body),
        },
    )


def _fit(network: nn.Module, known: Shown, choosing: Shown, effort: Effort, generator: torch.Generator, tell: Tell) -> tuple[int, float]:
    """Trains, puts back the weights of the epoch with the best overlap on validation pictures; returns its number and threshold."""
    device, count = device_of(network), min(effort.pictures, len(known.body))
    given, full = torch.from_numpy(as_input(known.pixels)), torch.from_numpy(known.full)
    steps = -(-count // effort.batch)
    optimizer = torch.optim.AdamW(network.parameters(), effort.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps + 1, pct_start=0.2)
    best, most, best_epoch, best_threshold = copy_of(network), -1.0, 0, 0.5
    for epoch in range(1, effort.epochs + 1):
        network.train()
        drawn = torch.randperm(len(given), generator=generator)[:count]
        for step, rows in enumerate(batches(count, effort.batch, generator)):
            pixels, bodies = varied(given[drawn[rows]], full[drawn[rows]].float(), generator)
            loss = loss_of(network(pixels.to(device)), bodies.to(device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        value, threshold = _best_threshold(fullness(network, choosing), choosing.full)
        tell(Epoch(epoch, "validation", "voxel_iou", value, of=effort.epochs))
        if value > most:
            best, most, best_epoch, best_threshold = copy_of(network), value, epoch, threshold
    network.load_state_dict(best)
    return best_epoch, best_threshold


def varied(pixels: Tensor, full: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(batch, 3, PIXELS, PIXELS) in [0, 1] and the bodies (batch, SIDE, SIDE, SIDE) → some of both mirrored, in other colours."""
    count = len(pixels)
    mirrored = torch.rand(count, generator=generator) < 0.5
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    full = torch.where(mirrored[:, None, None, None], full.flip(3), full)
    gain = 1 + 0.5 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5)
    level = 0.2 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5)
    background = pixels[:, :, :1, :1]
    changed = (pixels * gain + level).clamp(0, 1)
    same = (pixels - background).abs().amax(dim=1, keepdim=True) < 0.02
    return torch.where(same, pixels, changed), full


def shown(modelled: Sequence[Modelled]) -> Shown:
    """ValueError: a body has not SIDE voxels a side."""
    if any(one.side != SIDE for one in modelled):
        raise ValueError(f"bodies of other than {SIDE} voxels a side")
    return Shown(
        np.stack([colour_pixels(one.png, PIXELS) for one in modelled]),
        np.stack([unpacked(one.solid, one.side) for one in modelled]),
        np.array([one.item_id for one in modelled], dtype=np.int64),
    )


def remembered(modelled: Sequence[Modelled]) -> Known:
    """The first REMEMBERED pictures of each body."""
    solids: list[bytes] = []
    place: dict[int, int] = {}
    thumbs: list[NDArray[np.uint8]] = []
    of: list[int] = []
    for one in modelled:
        number = place.setdefault(one.item_id, len(solids))
        if number == len(solids):
            solids.append(one.solid)
        if of.count(number) < REMEMBERED:
            thumbs.append(thumb_of(colour_pixels(one.png, PIXELS)))
            of.append(number)
    return Known(np.stack(thumbs), of, solids)


def fullness(network: nn.Module, pictures: Shown) -> NDArray[np.float32]:
    """(n, SIDE, SIDE, SIDE), as in serving."""
    return predict(network, torch.from_numpy(as_input(pictures.pixels)), size=64).numpy()


def overlaps(given: NDArray[np.bool_], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) intersection over union; given: (n or 1, SIDE, SIDE, SIDE)."""
    both, either = (given & true).sum(axis=(1, 2, 3)), (given | true).sum(axis=(1, 2, 3))
    shares: NDArray[np.float64] = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    return shares


def _best_threshold(values: NDArray[np.float32], true: NDArray[np.bool_]) -> tuple[float, float]:
    """The best mean overlap, and the threshold that gives it."""
    found = [(float(overlaps(values >= threshold, true).mean()), threshold) for threshold in THRESHOLDS]
    return max(found, key=lambda pair: pair[0])


def _mean_shape(known: Shown) -> NDArray[np.bool_]:
    """What is full in a share of the training bodies, the share that agrees best with these."""
    first = np.unique(known.body, return_index=True)[1]
    mean = known.full[first].mean(axis=0)
    _, threshold = _best_threshold(mean[None].astype(np.float32), known.full[first])
    shape: NDArray[np.bool_] = mean >= threshold
    return shape


def graph(network: nn.Module, pictures: Shown) -> Graph:
    return Graph(network, {"pixels": torch.from_numpy(as_input(pictures.pixels[:2]))}, ("fullness",))
