"""Trains an embedding on views of the training models and their catalogue pictures; the epoch is chosen on the validation models.

A batch is as many models as it has rows: a view of each, and its catalogue picture. Among all of the batch, each view is to find its own
catalogue picture and each picture its view (InfoNCE, van den Oord et al. 2018, equation 4, both ways as in Radford et al. 2021, CLIP,
figure 3, with its learned temperature). A little of the loss is that of a classifier of nouns on the same features, which is not kept.

There are few models, so views are turned, scaled, shifted, mirrored and lit in another way each time; instead of some, the catalogue
picture itself is shown, before a background that is a corner of another view.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.image_embedding.model import Embedder, build
from aibenchrt.components.image_embedding.serve import SIDE, as_input
from aibenchrt.components.image_embedding.simple import coarse_pixels, colours, simple_vector
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, copy_of, predict, reproducible
from aibenchrt.train.varied_pictures import Variety, pasted, varied

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import CatalogueWorld, View, ViewWorld

    class World(ViewWorld, CatalogueWorld, Protocol):
        """A world of views, with a catalogue."""


PROTOCOL = (
    "share of upright views of the test models whose model is among the ten of the whole catalogue with the nearest pictures (cosine); "
    "models drawn for the interval; epoch chosen by the mean reciprocal rank of the validation models"
)
DEPTH = 10
BASELINE = "pixels and colours"
SIMPLE = {BASELINE: simple_vector, "colours": colours, "pixels": coarse_pixels}

VIEWS = Variety(degrees=10.0, scale=0.15, shift=0.08, light=0.25, saturation=0.3)
PICTURES = VIEWS.times(0.4)  # the catalogue's are all taken alike
PASTED = 0.3  # share of views that are the catalogue picture before a background
NOUNS = 0.1  # weight of the classifier's loss
TEMPERATURE, COLDEST = 0.15, 0.01  # at first, and at least


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate (Smith and Topin 2018, Super-Convergence). batch: models. models: the most to train
    on."""

    epochs: int
    rate: float
    batch: int
    models: int = 100_000


EFFORTS = {
    ("tiny", "residual_small"): Effort(6, 5e-3, 24),
    ("small", "residual_small"): Effort(18, 5e-3, 64),
    ("full", "residual_small"): Effort(90, 5e-3, 64),
    ("tiny", "resnet50"): Effort(1, 1e-3, 4, 4),
    ("small", "resnet50"): Effort(10, 1e-3, 64),
    ("full", "resnet50"): Effort(60, 1e-3, 64),
}


@dataclass(frozen=True)
class Pictures:
    """pixels: (n, 3, SIDE, SIDE) in [0, 1]; item, label: (n,) which thing each shows, and what it is."""

    pixels: Tensor
    item: NDArray[np.int64]
    label: NDArray[np.int64]


def train(world: World, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and models."""
    effort = EFFORTS[size, model]
    views = {split: _pictures(world.views(split)) for split in ("train", "validation", "test")}
    catalogue = _pictures(world.catalogue)
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        best_epoch = _fit(network, views, catalogue, len(world.categories), effort, seed, generator, tell)
        found = _ranks(_embedded(network, views["test"]), _embedded(network, catalogue), views["test"], catalogue)
    items = views["test"].item.tolist()
    hits = (found < DEPTH).astype(np.float64)
    simple = {name: _simple_hits(vector, views["test"], catalogue) for name, vector in SIMPLE.items()}
    network.cpu().eval()
    return Trained(
        graphs={"model": graph(network, views["test"])},
        serving={"width": network.out.out_features},
        protocol=PROTOCOL,
        metrics={"recall@10": mean_by_user(hits, items, seed)},
        baselines={name: {"recall@10": mean_by_user(theirs, items, seed)} for name, theirs in simple.items()},
        gains={f"recall@10 over {name}": mean_by_user(hits - theirs, items, seed) for name, theirs in simple.items()},
        epochs=best_epoch,
        only_for_comparison={
            "recall@1": mean_by_user((found < 1).astype(np.float64), items, seed),
            "mean reciprocal rank": mean_by_user(1 / (found + 1.0), items, seed),
            "recall@10 of ten drawn at random": round(DEPTH / len(catalogue.item), 6),
        },
    )


def _fit(
    network: Embedder,
    views: dict[str, Pictures],
    catalogue: Pictures,
    labels: int,
    effort: Effort,
    seed: int,
    generator: torch.Generator,
    tell: Tell,
) -> int:
    """Trains, restores the weights of the best epoch and returns its number."""
    device = next(network.parameters()).device
    loss_of = Loss(network.trunk.leaving, labels).to(device)
    known = {name: part.pixels.to(device) for name, part in (("views", views["train"]), ("catalogue", catalogue))}
    rng = np.random.default_rng(seed)
    steps = len(list(_epoch(views["train"].item, effort, np.random.default_rng(0))))
    optimizer = torch.optim.AdamW(_groups(network, loss_of), lr=effort.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps, pct_start=0.2)
    best, most, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step, rows in enumerate(_epoch(views["train"].item, effort, rng)):
            shown = _places(views["train"].item[rows], catalogue)
            optimizer.zero_grad()
            pictures = known["catalogue"][shown]
            given = pasted(known["views"][rows], pictures, known["views"][_other(len(known["views"]), rows, rng)], PASTED, generator)
            both = torch.cat([varied(given, VIEWS, generator), varied(pictures, PICTURES, generator)])
            features = network.features(both.contiguous(memory_format=torch.channels_last))
            loss = loss_of(network.vector(features), features, torch.from_numpy(catalogue.label[shown]).to(device))
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        chosen = views["validation"]
        found = _ranks(_embedded(network, chosen), _embedded(network, catalogue), chosen, catalogue)
        tell(Epoch(epoch, "validation", "recall@10", float((found < DEPTH).mean()), of=effort.epochs))
        reciprocal = float((1 / (found + 1.0)).mean())  # varies less from epoch to epoch than what is within ten of so few models
        if reciprocal > most:
            best, most, best_epoch = copy_of(network), reciprocal, epoch
    network.load_state_dict(best)
    return best_epoch


class Loss(nn.Module):
    """(2b, width) vectors, those of b views before those of their catalogue pictures; (2b, features); (b,) labels → the loss."""

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.coldness = nn.Parameter(torch.tensor(math.log(1 / TEMPERATURE)))
        self.nouns = nn.Linear(features, labels)

    def forward(self, vectors: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        view, picture = vectors.chunk(2)
        alike = view @ picture.T * self.coldness.exp().clamp(max=1 / COLDEST)
        own = torch.arange(len(view), device=view.device)
        contrast = (functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2
        return contrast + NOUNS * functional.cross_entropy(self.nouns(features), labels.repeat(2), label_smoothing=0.1)


def _groups(*networks: nn.Module) -> list[dict[str, object]]:
    """Parameter groups: weights are decayed, biases and batch norm are not."""
    every = [p for network in networks for p in network.parameters()]
    return [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": 1e-2},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _epoch(items: NDArray[np.int64], effort: Effort, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Batches of rows of views, each of another model; all views once, if all models have equally many."""
    models = np.unique(items)[: effort.models]
    rows = {model: rng.permutation(np.flatnonzero(items == model)) for model in models.tolist()}
    for turn in range(max(len(own) for own in rows.values())):
        order = rng.permutation(models)
        for start in range(0, len(order), effort.batch):
            batch = order[start : start + effort.batch].tolist()
            if len(batch) > 1:  # a single one has nothing to be told from
                yield np.array([rows[model][turn % len(rows[model])] for model in batch])


def _other(views: int, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(views, size=len(rows))


def _places(items: NDArray[np.int64], catalogue: Pictures) -> NDArray[np.int64]:
    """Where each item is in the catalogue."""
    order = np.argsort(catalogue.item)
    places: NDArray[np.int64] = order[np.searchsorted(catalogue.item, items, sorter=order)]
    return places


def _pictures(views: Sequence[View]) -> Pictures:
    pixels = np.stack([colour_pixels(view.png, SIDE) for view in views])
    return Pictures(torch.from_numpy(as_input(pixels)), np.array([v.item_id for v in views]), np.array([v.label for v in views]))


def _embedded(network: Embedder, pictures: Pictures) -> NDArray[Any]:
    return predict(network, pictures.pixels, size=256).numpy()


def _ranks(vectors: NDArray[Any], among: NDArray[Any], shown: Pictures, catalogue: Pictures) -> NDArray[np.int64]:
    """(n,) how many catalogue pictures are nearer to each vector than its own model's; of those as near, half count."""
    alike = vectors @ among.T
    own = alike[np.arange(len(vectors)), _places(shown.item, catalogue)][:, None]
    ranks: NDArray[np.int64] = (alike > own).sum(axis=1) + ((alike == own).sum(axis=1) - 1) // 2
    return ranks


def _simple_hits(vector: Any, shown: Pictures, catalogue: Pictures) -> NDArray[np.float64]:
    views, pictures = (np.stack([vector(picture) for picture in _levels(part)]) for part in (shown, catalogue))
    return (_ranks(views, pictures, shown, catalogue) < DEPTH).astype(np.float64)


def _levels(pictures: Pictures) -> NDArray[np.uint8]:
    """(n, SIDE, SIDE, 3), as the pictures came."""
    levels: NDArray[np.uint8] = np.rint(pictures.pixels.numpy().transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    return levels


def graph(network: Embedder, shown: Pictures) -> Graph:
    """The graph to export, with real views as examples: four together, and one alone."""
    return Graph(network, {"pixels": shown.pixels[:4].contiguous()}, ("vector",), others=({"pixels": shown.pixels[4:5].contiguous()},))
