"""Trains an image classifier on the training photos; the epoch is chosen on the validation photos.

Photos in the requests of the last part of the training period (`rank`) are left out, so that a ranker that trains on these requests sees
predictions of the same quality as in serving. Training uses SGD with momentum and a one-cycle learning rate (Smith and Topin 2018,
Super-Convergence) in place of the paper's 64k steps; weight decay and horizontal flips are as in section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_classification.model import PIXELS, build
from aibenchrt.datasets.rows import Photos
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import paired, share
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, label_shares, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import PhotoWorld

PROTOCOL = "share of the test photos whose most probable label is the photo's category; epoch chosen on the validation photos"


@dataclass(frozen=True)
class Effort:
    """How long to train at one size. photos: the largest number to train on."""

    epochs: int
    photos: int
    rate: float = 0.2
    batch: int = 128
    decay: float = 1e-4


EFFORTS = {"tiny": Effort(4, 500, 0.1, 16), "small": Effort(2, 60_000), "full": Effort(20, 60_000)}
FEWER_EPOCHS = {("full", "resnet152"): 6}  # what fits into seven minutes on one large GPU
# The deep networks diverge at the learning rate that the shallow one needs (section 4.2 warms up resnet110 at 0.01).
RATES = {"resnet56": 0.15, "resnet110": 0.1, "resnet50": 0.05, "resnet152": 0.05}


def train(world: PhotoWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and photos. On a GPU, training steps multiply in bfloat16 (autocast); all measurements are in float32."""
    effort, labels = EFFORTS[size], len(world.categories)
    rate = RATES.get(model, effort.rate)
    epochs = FEWER_EPOCHS.get((size, model), effort.epochs)
    rows = _training_rows(world.photos, {q.photo for q in world.photo_queries_of("train", "rank")}, effort.photos, seed)
    mean = float(world.photos.images[rows].mean() / 255)
    deviation = float(world.photos.images[rows].std() / 255)
    photos, known_labels = _tensor(world.photos.images[rows], mean, deviation), torch.from_numpy(world.photos.label[rows].astype(np.int64))
    (choosing, choosing_labels), (held_out, truth) = (world.photos.of(split) for split in ("validation", "test"))
    choosing_photos, test_photos = (_tensor(images, mean, deviation) for images in (choosing, held_out))
    steps_an_epoch = len(photos) // effort.batch + 1
    photos, known_labels = photos.to(device), known_labels.to(device)
    with reproducible(seed, device=device) as generator:
        network = build(model, labels)
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a sixth faster on a CPU
        optimizer = torch.optim.SGD(_groups(network, effort.decay), lr=rate, momentum=0.9, nesterov=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, epochs * steps_an_epoch, pct_start=0.3)
        best, best_share, best_epoch = copy_of(network), -1.0, 0
        for epoch in range(1, epochs + 1):
            network.train()
            for step, batch in enumerate(batches(len(photos), effort.batch, generator)):
                optimizer.zero_grad()
                with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                    loss = functional.cross_entropy(network(_flipped(photos[batch], generator)), known_labels[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                if step % 20 == 0:
                    tell(Batches(epoch, (step + 1) / steps_an_epoch, of=epochs))
            right = float(_hits(network, choosing_photos, choosing_labels).mean())
            tell(Epoch(epoch, "validation", "accuracy", right, of=epochs))
            if right > best_share:
                best, best_share, best_epoch = copy_of(network), right, epoch
        network.load_state_dict(best)
        hits = _hits(network, test_photos, truth)
    shares = label_shares([q.label for q in world.photo_queries_of("train")], labels)
    majority = truth == int(np.argmax(shares))
    return Trained(
        graphs={"model": Graph(network.eval().cpu(), {"pixels": test_photos[:8].contiguous()}, ("logits",))},
        serving={"mean": round(mean, 6), "deviation": round(deviation, 6), "pixels": PIXELS, "prior": shares},
        protocol=PROTOCOL,
        metrics={"accuracy": share(hits)},
        baselines={"majority": {"accuracy": share(majority)}},
        gains={"accuracy over majority": paired(hits, majority)},
        epochs=best_epoch,
    )


def _training_rows(photos: Photos, left_out: set[int], most: int, seed: int) -> NDArray[np.int64]:
    rows = np.array([row for row in photos.rows("train").tolist() if row not in left_out], dtype=np.int64)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def _tensor(images: NDArray[np.uint8], mean: float, deviation: float) -> Tensor:
    """(n, 28, 28) uint8 → (n, 1, 28, 28) float32, standardised as serve.py does."""
    pixels = torch.from_numpy(images.astype(np.float32) / np.float32(255)).unsqueeze(1)
    return ((pixels - mean) / deviation).to(memory_format=torch.channels_last)


def _flipped(photos: Tensor, generator: torch.Generator) -> Tensor:
    flip = (torch.rand(len(photos), generator=generator) < 0.5).to(photos.device)
    return torch.where(flip[:, None, None, None], photos.flip(3), photos).contiguous(memory_format=torch.channels_last)


def _groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Parameter groups: weights are decayed, biases and batch norm are not."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    return [{"params": weights, "weight_decay": decay}, {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0}]


def _hits(network: nn.Module, photos: Tensor, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = predict(network, photos).argmax(dim=1).numpy() == truth
    return hits
