"""Trains what makes vectors of captures of persons, and measures how well they verify others. Imports torch, so never for serving.

The network learns with ArcFace (angular_margin.py) to tell the training persons apart; persons of validation choose the epoch and the
threshold, persons of the test are seen only when both are chosen. Linear projections of simple features, their settings chosen by the
same validation trials, are what it is compared with (linear_projection.py); the better kind, fisherfaces, is served as the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.train.angular_margin import AngularMargin
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.linear_projection import FISHERFACES, Projection, chosen_projections
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, reproducible
from aibenchrt.train.verification import (
    EQUAL,
    FALSE_ACCEPT,
    Curves,
    Pairs,
    Vectors,
    Verified,
    curve_of,
    pairs_of,
    share_accepted,
    similarities,
    templates,
)

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Captured, EnrolledWorld, FaceWorld

    class World(FaceWorld, EnrolledWorld, Protocol):
        """A world of captures, of which some were taken at enrolment."""


PROTOCOL = (
    "verification of test persons: every capture against its own person's template, the mean of the vectors made at enrolment, and against "
    "those of {others} others (cosine); the threshold lets {share:.0%} of the validation persons' impostors pass; persons drawn for the "
    "intervals; epoch chosen by the decidability (Daugman 2000) of the validation persons' pairs"
)
OTHERS = 19  # impostor trials of each capture
NEVER = 2.0  # a threshold above all cosines


@dataclass(frozen=True)
class Effort:
    """rate: the highest of the one-cycle learning rate (Smith and Topin 2018, Super-Convergence). scale, margin: of `AngularMargin`.
    captures: the most to train on."""

    epochs: int
    rate: float
    batch: int = 64
    scale: float = 24.0
    margin: float = 0.3
    decay: float = 1e-2
    captures: int = 100_000


@dataclass(frozen=True)
class Faces:
    """inputs: (n, channels, side, side), uint8 levels or float32 as the network takes them. features: (n, …) float32, what the baseline
    projects. person: (n,) ids."""

    inputs: Tensor
    features: NDArray[np.float32]
    person: NDArray[np.int64]

    def given(self, rows: Tensor | slice) -> Tensor:
        return as_given(self.inputs[rows])


@dataclass(frozen=True)
class Side:
    """Persons to verify: what they enrolled with, and their captures, with the pairs that are tried. printed: flat pictures of captures."""

    enrolled: Faces
    captures: Faces
    printed: Faces
    pairs: Pairs


@dataclass(frozen=True)
class Recipe:
    """What one component does in its own way. faces: reads captures; varied: (batch, …) as given to the network, and a generator → another
    such capture of the same persons."""

    faces: Callable[[Sequence[Captured]], Faces]
    varied: Callable[[Tensor, torch.Generator], Tensor]


def as_given(inputs: Tensor) -> Tensor:
    """uint8 levels as float32 in [0, 1]; what is float32 stays."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


def train_recogniser(
    world: World, make: Callable[[], nn.Module], recipe: Recipe, effort: Effort, seed: int, tell: Tell, device: str = "cpu"
) -> Trained:
    """make: the network, (batch, channels, side, side) → (batch, width) of unit length."""
    learned = recipe.faces([*world.faces("train"), *world.enrolled("train")])
    sides = {split: _side(world, split, recipe) for split in ("validation", "test")}
    with reproducible(seed, threads=1, device=device) as generator:
        network = make().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        best_epoch = _fit(network, learned, sides["validation"], recipe, effort, generator, tell)

        def embedded(faces: Faces) -> Vectors:
            return _embedded(network, faces)

        model, printed = _verified(sides, embedded, seed)
        width = model_width(network, learned)
    simple = chosen_projections(learned.features, learned.person, lambda made: _equal_error(sides["validation"], _by_projection(made)))
    verified = {kind: _verified(sides, _by_projection(projection), seed) for kind, projection in simple.items()}
    network.cpu().eval()
    test = sides["test"].captures
    return Trained(
        graphs={"model": graph(network, test), FISHERFACES: projection_graph(simple[FISHERFACES], test)},
        serving={"width": width, "threshold": round(min(model.threshold, NEVER), 6), "channels": test.inputs.shape[1]},
        protocol=PROTOCOL.format(others=OTHERS, share=FALSE_ACCEPT),
        metrics=model.measured(seed),
        baselines={kind: theirs.measured(seed) for kind, (theirs, _) in verified.items()},
        gains={
            f"{name} over {kind}": gain for kind, (theirs, _) in verified.items() for name, gain in model.gains_over(theirs, seed).items()
        },
        epochs=best_epoch,
        only_for_comparison={
            "share of printed captures accepted": printed,
            **{f"share of printed captures accepted, {kind}": theirs for kind, (_, theirs) in verified.items()},
            **{kind: projection.settings for kind, projection in simple.items()},
            "test persons": sides["test"].pairs.persons,
            "error_curves": Curves((curve_of("the model", model), *(curve_of(kind, theirs) for kind, (theirs, _) in verified.items()))),
        },
    )


def _side(world: World, split: str, recipe: Recipe) -> Side:
    captures = recipe.faces(world.faces(split))
    enrolled = recipe.faces(world.enrolled(split))
    if not np.array_equal(np.unique(captures.person), np.unique(enrolled.person)):
        raise ValueError(f"the persons captured and those enrolled in {split} are not the same")
    # One draw for all seeds of training, so that these are compared on the same trials.
    return Side(enrolled, captures, recipe.faces(world.printed(split)), pairs_of(captures.person, OTHERS, seed=0))


def _fit(network: nn.Module, learned: Faces, chosen: Side, recipe: Recipe, effort: Effort, generator: torch.Generator, tell: Tell) -> int:
    """Trains, restores the weights of the best epoch and returns its number."""
    device = device_of(network)
    every = torch.arange(0, len(learned.inputs), -(-len(learned.inputs) // effort.captures))  # if not all, of as many persons as can be
    count = len(every)
    _, labels = np.unique(learned.person[every], return_inverse=True)
    persons = torch.from_numpy(labels.astype(np.int64))
    margin = AngularMargin(model_width(network, learned), int(persons.max()) + 1, effort.scale, effort.margin).to(device)
    steps = len(list(batches(count, effort.batch, torch.Generator().manual_seed(0))))
    optimizer = torch.optim.AdamW(_groups(effort.decay, network, margin), lr=effort.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps, pct_start=0.2)
    best, most, best_epoch = copy_of(network), -float("inf"), 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step, rows in enumerate(batches(count, effort.batch, generator)):
            shown = recipe.varied(learned.given(every[rows]).to(device), generator).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad()
            loss = margin(network(shown), persons[rows].to(device))
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        scores, _ = _scores(chosen, lambda faces: _embedded(network, faces))
        seen = Verified(chosen.pairs, scores, 0.0)
        tell(Epoch(epoch, "validation", EQUAL, seen.trials.equal_error_rate(np.ones(len(scores))), of=effort.epochs))
        if seen.decidability > most:
            best, most, best_epoch = copy_of(network), seen.decidability, epoch
    network.load_state_dict(best)
    return best_epoch


def _groups(decay: float, *networks: nn.Module) -> list[dict[str, object]]:
    """Parameter groups: weights are decayed; biases, norms and slopes are not."""
    every = [p for network in networks for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in every if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in every if p.ndim <= 1], "weight_decay": 0.0},
    ]


Embed = Callable[[Faces], Vectors]


@torch.no_grad()
def _embedded(network: nn.Module, faces: Faces, size: int = 256) -> Vectors:
    network.eval()
    device = device_of(network)
    starts = range(0, len(faces.inputs), size)
    vectors: Vectors = torch.cat([network(faces.given(slice(s, s + size)).to(device)).cpu() for s in starts]).numpy()
    return vectors


def _by_projection(projection: Projection) -> Embed:
    return lambda faces: projection(torch.from_numpy(faces.features)).numpy()


def model_width(network: nn.Module, faces: Faces) -> int:
    with torch.no_grad():
        return int(network.eval()(faces.given(slice(0, 2)).to(device_of(network))).shape[1])


def _scores(side: Side, embed: Embed) -> tuple[NDArray[np.float64], Vectors]:
    """Of every pair of the side; and the templates."""
    known = templates(embed(side.enrolled), side.enrolled.person)
    return similarities(side.pairs, embed(side.captures), known), known


def _equal_error(side: Side, embed: Embed) -> float:
    scores, _ = _scores(side, embed)
    return Verified(side.pairs, scores, 0.0).trials.equal_error_rate(np.ones(len(scores)))


def _verified(sides: Mapping[str, Side], embed: Embed, seed: int) -> tuple[Verified, Any]:
    """The test side's pairs at a threshold chosen on the validation side's; and the share of the test side's printed captures that pass."""
    chosen, _ = _scores(sides["validation"], embed)
    threshold = Verified(sides["validation"].pairs, chosen, 0.0).trials.threshold_for(FALSE_ACCEPT)
    test = sides["test"]
    scores, known = _scores(test, embed)
    own = np.searchsorted(np.unique(test.enrolled.person), test.printed.person)
    attacks = np.einsum("nw,nw->n", embed(test.printed), known[own], dtype=np.float64)
    return Verified(test.pairs, scores, threshold), share_accepted(attacks, test.printed.person, threshold, seed)


def graph(network: nn.Module, shown: Faces) -> Graph:
    """The graph to export, with real captures as examples: four together, and one alone."""
    return Graph(network, {"pixels": shown.given(slice(0, 4)).contiguous()}, ("vector",), others=({"pixels": shown.given(slice(4, 5))},))


def projection_graph(projection: Projection, shown: Faces) -> Graph:
    examples = torch.from_numpy(shown.features[:4])
    return Graph(projection, {"features": examples}, ("vector",), others=({"features": examples[:1]},))
