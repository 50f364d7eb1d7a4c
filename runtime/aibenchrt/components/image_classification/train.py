"""Trains an image classifier on the training photos; the epoch is chosen on the validation photos.

Photos in the requests of the last part of the training period (`rank`) are left out, so that a ranker that trains on these requests sees
predictions of the same quality as in serving. Training uses SGD with momentum and a one-cycle learning rate (Smith and Topin 2018,
Super-Convergence) in place of the paper's 64k steps; weight decay and horizontal flips are as in section 4.2. Photos in colour, of which
there are few, are also cut from a wider frame, as there, and lit differently in every epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_classification.model import MODELS, BottleneckNumbers, CifarNumbers, build
from aibenchrt.datasets.rows import Photos
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import Measurement, mean_by_user, paired, share
from aibenchrt.train.trained import THREADS, Graph, Trained, batches, copy_of, device_of, label_shares, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import PhotoWorld

PROTOCOL = "share of the test photos whose most probable label is the photo's category; epoch chosen on the validation photos"


@dataclass(frozen=True)
class Effort:
    """How long to train at one size. photos: the largest number to train on. settled: the part of the epochs after which one is chosen."""

    epochs: int
    photos: int
    rate: float = 0.2
    batch: int = 128
    decay: float = 1e-4
    settled: float = 0.0


EFFORTS = {"tiny": Effort(4, 500, 0.1, 16), "small": Effort(2, 60_000), "full": Effort(20, 60_000)}
# Worlds in colour have few photos, of few things: while the rate is high, which epoch is best on validation photos is chance.
COLOUR_EFFORTS = {
    "tiny": Effort(8, 500, 0.05, 16, settled=0.6),
    "small": Effort(20, 60_000, 0.1, 64, 5e-4, settled=0.6),
    "full": Effort(200, 60_000, 0.1, 64, 5e-4, settled=0.6),
}
FEWER_EPOCHS = {("full", "resnet152"): 6}  # what fits into seven minutes on one large GPU
# The deep networks diverge at the learning rate that the shallow one needs (section 4.2 warms up resnet110 at 0.01).
RATES = {"resnet56": 0.15, "resnet110": 0.1, "resnet50": 0.05, "resnet152": 0.05}
REGRESSION, MAJORITY = "logistic regression on pixels", "majority"


def train(world: PhotoWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and photos. On a GPU, training steps multiply in bfloat16 (autocast); all measurements are in float32."""
    numbers, colour, labels = MODELS[model](), world.photos.images.ndim == 4, len(world.categories)
    effort = (COLOUR_EFFORTS if colour else EFFORTS)[size]
    effort = replace(effort, epochs=FEWER_EPOCHS.get((size, model), effort.epochs), rate=min(RATES.get(model, effort.rate), effort.rate))
    photos = fitting(world.photos, numbers)
    rows = _training_rows(photos, {q.photo for q in world.photo_queries_of("train", "rank")}, effort.photos, seed)
    mean = float(photos.images[rows].mean() / 255)
    deviation = float(photos.images[rows].std() / 255)
    known = _Known(_tensor(photos.images[rows], mean, deviation), torch.from_numpy(photos.label[rows].astype(np.int64)))
    (choosing, choosing_labels), (held_out, truth) = (photos.of(split) for split in ("validation", "test"))
    choosing_photos, test_photos = (_tensor(images, mean, deviation) for images in (choosing, held_out))
    with reproducible(seed, threads=1 if colour else THREADS, device=device) as generator:
        network = build(model, labels)
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # a sixth faster on a CPU
        best_epoch = _fit(
            network, known, _Known(choosing_photos, choosing_labels), effort, generator, tell, _varied if colour else _flipped
        )
        hits = _hits(network, test_photos, truth)
    shares = label_shares([q.label for q in world.photo_queries_of("train")], labels)
    graphs = {"model": Graph(network.eval().cpu(), {"pixels": test_photos[:8].contiguous()}, ("logits",))}
    others = {MAJORITY: truth == int(np.argmax(shares))}
    if colour:
        simple = regression(known.photos, known.labels.numpy(), labels)
        others[REGRESSION] = _hits(simple, test_photos, truth)
        graphs["baseline"] = Graph(simple, {"pixels": test_photos[:8].contiguous()}, ("logits",))
    measure, over = _measures(world if colour else None, seed)
    return Trained(
        graphs=graphs,
        serving={"mean": round(mean, 6), "deviation": round(deviation, 6), "pixels": numbers.pixels, "prior": shares}
        | ({"channels": numbers.channels} if numbers.channels > 1 else {}),
        protocol=PROTOCOL,
        metrics={"accuracy": measure(hits)},
        baselines={name: {"accuracy": measure(other)} for name, other in others.items()},
        gains={f"accuracy over {name}": over(hits, other) for name, other in others.items()},
        epochs=best_epoch,
    )


@dataclass(frozen=True)
class _Known:
    """photos: (n, channels, side, side), standardised; labels: (n,)."""

    photos: Tensor
    labels: Any


def _fit(
    network: nn.Module,
    known: _Known,
    choosing: _Known,
    effort: Effort,
    generator: torch.Generator,
    tell: Tell,
    varied: Callable[[Tensor, torch.Generator], Tensor],
) -> int:
    """Trains, puts back the weights of the epoch that is best on `choosing`, and returns its number."""
    device = device_of(network)
    photos, labels, epochs = known.photos.to(device), known.labels.to(device), effort.epochs
    steps_an_epoch = len(photos) // effort.batch + 1
    optimizer = torch.optim.SGD(_groups(network, effort.decay), lr=effort.rate, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, epochs * steps_an_epoch, pct_start=0.3)
    best, best_share, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, epochs + 1):
        network.train()
        for step, batch in enumerate(batches(len(photos), effort.batch, generator)):
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = functional.cross_entropy(network(varied(photos[batch], generator)), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                tell(Batches(epoch, (step + 1) / steps_an_epoch, of=epochs))
        right = float(_hits(network, choosing.photos, choosing.labels).mean())
        tell(Epoch(epoch, "validation", "accuracy", right, of=epochs))
        if right > best_share and epoch > effort.settled * epochs:
            best, best_share, best_epoch = copy_of(network), right, epoch
    network.load_state_dict(best)
    return best_epoch


def _measures(world: PhotoWorld | None, seed: int) -> tuple[Callable[[Any], Measurement], Callable[[Any, Any], Measurement]]:
    """(of a share, of a gain). world: one whose test photos are not independent, as several show one thing, which a request for it names by
    its user; None: each photo counts for itself."""
    if world is None:
        return share, paired
    things = [query.user_id for query in sorted(world.photo_queries_of("test"), key=lambda query: query.photo)]
    return (
        lambda hits: mean_by_user(hits.astype(np.float64), things, seed),
        lambda hits, others: mean_by_user(hits.astype(np.float64) - others, things, seed),
    )


def fitting(photos: Photos, numbers: CifarNumbers | BottleneckNumbers) -> Photos:
    """The photos as the network reads them, converted as in serving if they have another size or colours."""
    wanted = (numbers.pixels, numbers.pixels) + ((3,) if numbers.channels == 3 else ())
    if photos.images.shape[1:] == wanted:
        return photos
    made = np.zeros((len(photos.images), *wanted), dtype=np.uint8)
    for row, image in enumerate(photos.images):
        shown = Image.fromarray(image).convert("RGB" if numbers.channels == 3 else "L")
        made[row] = np.asarray(shown.resize((numbers.pixels, numbers.pixels), Image.Resampling.BILINEAR), dtype=np.uint8)
    return Photos(made, photos.label, photos.split)


class PixelRegression(nn.Module):
    """(batch, channels, side, side) → logits (batch, labels), linear in the means of squares of SQUARE × SQUARE pixels."""

    def __init__(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        super().__init__()
        self.out = nn.Linear(weight.shape[1], weight.shape[0])
        self.out.weight.data, self.out.bias.data = torch.from_numpy(weight).float(), torch.from_numpy(bias).float()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(functional.avg_pool2d(x, SQUARE).flatten(1))
        return out


SQUARE, PENALTY = 4, 0.03  # the best on validation photos of furniture


def regression(photos: Tensor, labels: NDArray[np.int64], count: int) -> PixelRegression:
    """The baseline of photos in colour. photos: (n, channels, side, side), standardised. labels: three or more; no other is answered."""
    from sklearn.linear_model import LogisticRegression

    means = functional.avg_pool2d(photos, SQUARE).flatten(1).numpy()
    fitted = LogisticRegression(C=PENALTY, max_iter=200).fit(means, labels)
    weight, bias = np.zeros((count, means.shape[1])), np.full(count, -1e4)
    weight[fitted.classes_], bias[fitted.classes_] = fitted.coef_, fitted.intercept_
    return PixelRegression(weight, bias)


def _training_rows(photos: Photos, left_out: set[int], most: int, seed: int) -> NDArray[np.int64]:
    rows = np.array([row for row in photos.rows("train").tolist() if row not in left_out], dtype=np.int64)
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])


def _tensor(images: NDArray[np.uint8], mean: float, deviation: float) -> Tensor:
    """(n, side, side) or (n, side, side, 3) uint8 → (n, channels, side, side) float32, standardised as serve.py does."""
    pixels = torch.from_numpy(images.astype(np.float32) / np.float32(255))
    pixels = pixels.permute(0, 3, 1, 2) if images.ndim == 4 else pixels.unsqueeze(1)
    return ((pixels - mean) / deviation).to(memory_format=torch.channels_last)


def _flipped(photos: Tensor, generator: torch.Generator) -> Tensor:
    flip = (torch.rand(len(photos), generator=generator) < 0.5).to(photos.device)
    return torch.where(flip[:, None, None, None], photos.flip(3), photos).contiguous(memory_format=torch.channels_last)


def _varied(photos: Tensor, generator: torch.Generator) -> Tensor:
    """Flipped, cut at random out of a frame 4 pixels wider on every side (section 4.2), and in other light."""
    count, channels, side, _ = photos.shape
    wider = functional.pad(_flipped(photos, generator), (4, 4, 4, 4), mode="replicate")
    places = torch.randint(9, (count, 2), generator=generator)
    shown = torch.stack([wider[row, :, y : y + side, x : x + side] for row, (y, x) in enumerate(places.tolist())])
    gain = 1 + 0.2 * (torch.rand(count, channels, 1, 1, generator=generator) * 2 - 1)
    light = 0.3 * (torch.rand(count, 1, 1, 1, generator=generator) * 2 - 1)
    return (shown * gain.to(photos.device) + light.to(photos.device)).contiguous(memory_format=torch.channels_last)


def _groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    """Parameter groups: weights are decayed, biases and batch norm are not."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    return [{"params": weights, "weight_decay": decay}, {"params": [p for p in network.parameters() if p.ndim == 1], "weight_decay": 0.0}]


def _hits(network: nn.Module, photos: Tensor, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = predict(network, photos).argmax(dim=1).numpy() == truth
    return hits
