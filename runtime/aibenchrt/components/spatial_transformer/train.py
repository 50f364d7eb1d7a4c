"""Trains a spatial transformer to find the angle of turned pictures, and its classifier, if it has one, to name what is upright.

There are few pictures, so in every epoch each is seen turned by another angle, perhaps mirrored, in another size and light, and not quite
in the middle. Only the circle within a picture is looked at (model.py), so that one turned for training looks like any other.
The loss is the cross-entropy with directions around the true one, and the angle between the answer and the truth; where there is a
classifier, also its cross-entropy, whose gradient passes the sampler as in the paper. The epoch is chosen on validation pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from aibenchrt.components.spatial_transformer.gradients import TURNS, directions, expected, turn_of, upright
from aibenchrt.components.spatial_transformer.model import Straightener, build, degrees
from aibenchrt.components.spatial_transformer.serve import DIRECTED, SIDE, as_input, edges_of, joined
from aibenchrt.serve.pictures import colour_pixels
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, predict, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Turned, TurnedWorld

PROTOCOL = "mean degrees between answer and true angle of the test pictures; interval over things; epoch chosen on validation pictures"
HISTOGRAM, NEVER = "gradient histogram", "never turned"
BEYOND = 2.0  # degrees that training pictures are turned beyond the largest true angle
NEAR = 4.0  # degrees: standard deviation of the directions that count as right


@dataclass(frozen=True)
class Effort:
    """photos: the largest number to train on."""

    epochs: int
    rate: float
    batch: int = 64
    photos: int = 100_000


EFFORTS = {
    ("tiny", "st_small"): Effort(20, 4e-3, 32),
    ("small", "st_small"): Effort(30, 4e-3),
    ("full", "st_small"): Effort(90, 4e-3),
    ("tiny", "st_svhn"): Effort(1, 3e-4, 8, 16),
    ("small", "st_svhn"): Effort(10, 3e-4),
    ("full", "st_svhn"): Effort(150, 3e-4),
}


@dataclass(frozen=True)
class Pictures:
    """pixels: (n, SIDE, SIDE, 3) uint8; degrees: (n,) clockwise; label, thing: (n,) what and which each shows."""

    pixels: NDArray[np.uint8]
    degrees: NDArray[np.float32]
    label: NDArray[np.int64]
    thing: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Pictures:
        return Pictures(self.pixels[rows], self.degrees[rows], self.label[rows], self.thing[rows])


def train(world: TurnedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs and pictures."""
    effort = EFFORTS[size, model]
    known, choosing, held_out = (pictures(world.turned(split)) for split in ("train", "validation", "test"))
    rows = np.sort(np.random.default_rng(seed).permutation(len(known.degrees))[: effort.photos])
    template = np.array([round(float(share), 9) for share in upright([directions(row) for row in known.pixels], known.degrees.tolist())])
    expectations = expected(template, DIRECTED)
    edges, test_edges = (edges_of(list(part.pixels), expectations) for part in (choosing, held_out))
    with reproducible(seed, threads=1, device=device) as generator:
        network = build(model, len(world.categories)).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        best_epoch = _fit(network, known.of(rows), lambda: error_of(network, choosing, edges), effort, generator, tell)
        answers, alone = (angles(network, held_out, said) for said in (test_edges, np.zeros_like(test_edges)))
    simple = np.array([turn_of(directions(picture), expected(template, TURNS)) for picture in held_out.pixels])
    ours, theirs, never = (apart(given, held_out.degrees) for given in (answers, simple, np.zeros(len(answers))))
    things = held_out.thing.tolist()
    network.cpu().eval()
    return Trained(
        graphs=graphs(network, held_out),
        serving={"upright_directions": template.tolist(), "widest": float(np.abs(known.degrees).max())},
        protocol=PROTOCOL,
        metrics={"angle_error": mean_by_user(ours, things, seed)},
        baselines={
            HISTOGRAM: {"angle_error": mean_by_user(theirs, things, seed)},
            NEVER: {"angle_error": mean_by_user(never, things, seed)},
        },
        gains={
            f"angle_error lower than {HISTOGRAM}": mean_by_user(theirs - ours, things, seed),
            f"angle_error lower than {NEVER}": mean_by_user(never - ours, things, seed),
        },
        epochs=best_epoch,
        only_for_comparison={
            "angle_error of the network alone": mean_by_user(apart(alone, held_out.degrees), things, seed),
            "median error, degrees": round(float(np.median(ours)), 6),
            "share within 10 degrees": mean_by_user((ours <= 10).astype(np.float64), things, seed),
            "things in training": len(np.unique(known.thing[rows])),
        },
    )


def _fit(
    network: Straightener,
    known: Pictures,
    error: Callable[[], float],
    effort: Effort,
    generator: torch.Generator,
    tell: Tell,
) -> int:
    """Trains, puts back the weights of the epoch with the least `error`, and returns its number."""
    device = next(network.parameters()).device
    given = torch.from_numpy(as_input(known.pixels))
    turned, labels = torch.from_numpy(known.degrees), torch.from_numpy(known.label).to(device)
    widest = float(turned.abs().max()) + BEYOND
    steps = len(given) // effort.batch + 1
    optimizer = torch.optim.AdamW(network.parameters(), effort.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps, pct_start=0.2)
    best, least, best_epoch = copy_of(network), float("inf"), 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step, batch in enumerate(batches(len(given), effort.batch, generator)):
            chance = chances(len(batch), widest, generator)
            pixels, true = varied(given[batch].to(device), turned[batch].to(device), {name: x.to(device) for name, x in chance.items()})
            loss = loss_of(network, pixels.contiguous(memory_format=torch.channels_last), true, labels[batch.to(device)])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        value = error()
        tell(Epoch(epoch, "validation", "angle_error", value, of=effort.epochs))
        if value < least:
            best, least, best_epoch = copy_of(network), value, epoch
    network.load_state_dict(best)
    return best_epoch


def loss_of(network: Straightener, pixels: Tensor, true: Tensor, labels: Tensor) -> Tensor:
    """Mean over (batch,) pictures. true: degrees."""
    scores, logits = network(pixels)
    right = torch.softmax(-0.5 * ((degrees().to(true.device) - true[:, None]) / NEAR) ** 2, dim=1)
    off = (angle(network.localisation.mean(scores)) - true) / 10
    between = functional.smooth_l1_loss(off, torch.zeros_like(off), beta=0.3)
    loss: Tensor = 0.3 * between - (right * scores.log_softmax(dim=1)).sum(dim=1).mean()
    return loss if logits is None else loss + functional.cross_entropy(logits, labels)


def chances(count: int, widest: float, generator: torch.Generator) -> dict[str, Tensor]:
    """What is drawn for each of `count` pictures. wanted: the degrees that it is to have, up to `widest` to either side."""

    def drawn(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator) * 2 - 1

    return {
        "wanted": drawn() * widest,
        "mirrored": drawn() < 0,
        "scale": 1 + 0.15 * drawn(),
        "shift": 0.08 * drawn(2),
        "gain": 1 + 0.25 * drawn(3, 1, 1),
        "light": 0.12 * drawn(1, 1, 1),
        "grey": drawn(1, 1, 1) < -0.7,
        "grain": 0.02 * torch.randn(count, 3, SIDE, SIDE, generator=generator),
    }


def varied(pixels: Tensor, turned: Tensor, chance: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(batch, 3, SIDE, SIDE) in [0, 1] and (batch,) degrees → the same things in another way, and their degrees."""
    mirror = torch.where(chance["mirrored"], -1.0, 1.0)
    further = torch.deg2rad(chance["wanted"] - mirror * turned)
    cos, sin = torch.cos(further) * chance["scale"], torch.sin(further) * chance["scale"]
    across = torch.stack([mirror * cos, mirror * sin, chance["shift"][:, 0]], dim=1)
    down = torch.stack([-sin, cos, chance["shift"][:, 1]], dim=1)
    grid = functional.affine_grid(torch.stack([across, down], dim=1), list(pixels.shape), align_corners=False)
    seen = functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    seen = seen * chance["gain"] + chance["light"]
    seen = torch.where(chance["grey"], seen.mean(dim=1, keepdim=True), seen) + chance["grain"]
    return seen.clamp(0, 1), chance["wanted"]


def pictures(turned: Sequence[Turned]) -> Pictures:
    return Pictures(
        np.stack([colour_pixels(picture.png, SIDE) for picture in turned]),
        np.array([picture.degrees for picture in turned], dtype=np.float32),
        np.array([picture.label for picture in turned], dtype=np.int64),
        np.array([picture.item_id for picture in turned], dtype=np.int64),
    )


def angle(direction: Tensor) -> Tensor:
    """(batch, 2) cos and sin → (batch,) degrees."""
    return torch.rad2deg(torch.atan2(direction[:, 1], direction[:, 0]))


def angles(network: Straightener, shown: Pictures, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) degrees, as in serving. edges: what `edges_of` returns; zeros say nothing."""
    scores = predict(network.localisation, torch.from_numpy(as_input(shown.pixels)), size=128)
    return joined(scores.numpy(), edges)


def error_of(network: Straightener, shown: Pictures, edges: NDArray[np.float64]) -> float:
    return float(apart(angles(network, shown, edges), shown.degrees).mean())


def apart(given: NDArray[np.float64], true: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) degrees between two angles, the short way round."""
    between: NDArray[np.float64] = np.abs((given - true + 180.0) % 360.0 - 180.0)
    return between


def graphs(network: Straightener, shown: Pictures) -> dict[str, Graph]:
    """What serves: the classifier is for training."""
    pixels = torch.from_numpy(as_input(shown.pixels[:8]))
    with torch.no_grad():
        direction = network.localisation.mean(network.localisation(pixels))
    return {
        "localisation": Graph(network.localisation, {"pixels": pixels}, ("scores",)),
        "sampler": Graph(network.sampler, {"pixels": pixels, "direction": direction}, ("upright",)),
    }
