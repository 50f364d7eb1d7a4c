"""Trains an object detector on the training photos; the epoch and the rules of choice are chosen on the validation photos.

AdamW with a one-cycle learning rate (Smith and Topin 2018, Super-Convergence) in place of the paper's Adam with two steps. The measure is
COCO's average precision at an overlap of one half; its intervals draw models of furniture, by the one in front of each photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.answers import Boxes
from aibenchrt.average_precision import mean_average_precision, overlap
from aibenchrt.components.object_detection.augment import Batch, varied
from aibenchrt.components.object_detection.blobs import BlobRule, blobs, distance, features, find_blobs, judged
from aibenchrt.components.object_detection.finding import Choice, Found, read
from aibenchrt.components.object_detection.model import COARSEST, CenterNet, build
from aibenchrt.components.object_detection.picture import Pixels, photo_of, squared
from aibenchrt.components.object_detection.rtdetr import RtDetr
from aibenchrt.datasets.furniture_pictures.world import CUT
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import Measurement, Statistic, mean_by_user, over_run_by_user
from aibenchrt.train.trained import Graph, Trained, batches, copy_of, device_of, label_shares, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import Boxed, BoxedWorld

PROTOCOL = "COCO's average precision at an overlap of one half on the test photos, mean over nouns; epoch chosen on validation photos"
BASELINE = "blobs"
RIGHT = 0.5  # the overlap from which a box is right
LARGER = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
UNNAMED = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
DEGREES, THRESHOLDS = (0, 1, 2), (20.0, 30.0, 45.0, 65.0, 90.0)


@dataclass(frozen=True)
class Effort:
    """How long to train at one size."""

    epochs: int
    rate: float = 4e-3
    batch: int = 16
    decay: float = 0.1
    first: float = 0.2
    longest_gradient: float = 5.0


EFFORTS = {"tiny": Effort(5, batch=8), "small": Effort(16), "full": Effort(60)}
RATES = {"rtdetr_r18": 1e-4}  # the paper's, for which CenterNet's is too high


@dataclass(frozen=True, eq=False)
class Shown:
    """The photos of a split as trained on and measured. pixels: (n, 3, side, side) uint8. corners, labels: as in Batch, in the pixels of
    the squares. scales: (n,), of the squares. truths: in the photos. models: (n,), the one in front."""

    photos: list[Pixels]
    pixels: Tensor
    corners: Tensor
    labels: Tensor
    scales: list[float]
    truths: list[Boxes]
    models: list[int]


def train(world: BoxedWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in epochs."""
    nouns = list(world.categories)
    known, choosing, held_out = (list(world.boxed(split)) for split in ("train", "validation", "test"))
    side, effort = _side(known), replace(EFFORTS[size], rate=RATES.get(model, EFFORTS[size].rate))
    training, validation, test = (_shown(part, side) for part in (known, choosing, held_out))
    with reproducible(seed, device=device) as generator:
        network = build(model, len(nouns)).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        epoch = _fit(network, training, validation, effort, generator, tell)
        seen, found = _detected(network, validation), _detected(network, test)
    choice = _choice(validation, seen)
    rule, blobs_seen = _blob_rule(training, validation, len(nouns))
    simple = [find_blobs(photo, rule) for photo in test.photos]
    blob_choice = _choice(validation, blobs_seen)
    ours, theirs = (mean_average_precision(test.truths, [boxes.answer() for boxes in answers], RIGHT) for answers in (found, simple))
    return Trained(
        graphs={"model": Graph(network.eval().cpu(), {"pixels": test.pixels[:4].float() / 255}, network.OUTPUTS)},
        serving={
            "side": side, "cut": CUT, "nouns": nouns, "choice": asdict(choice), "blobs": rule.stored(),
            "blob_choice": asdict(blob_choice),
        },
        protocol=PROTOCOL,
        metrics={"map50": over_run_by_user(ours, test.models, seed)},
        baselines={BASELINE: {"map50": over_run_by_user(theirs, test.models, seed)}},
        gains={f"map50 over {BASELINE}": over_run_by_user(lambda counts: ours(counts) - theirs(counts), test.models, seed)},
        epochs=epoch,
        only_for_comparison={
            "photos in training": len(training.photos),
            "map50 of boxes whatever their noun": over_run_by_user(_whatever_noun(test.truths, found), test.models, seed),
            **_right_choices("", test, found, choice, seed),
            **_right_choices(f" of {BASELINE}", test, simple, blob_choice, seed),
        },
    )  # fmt: skip


def _side(known: Sequence[Boxed]) -> int:
    """The longest side of the training photos, as a whole number of the coarsest map's cells."""
    return -(-max(max(photo_of(photo.png).shape[:2]) for photo in known) // COARSEST) * COARSEST


def _shown(boxed: Sequence[Boxed], side: int) -> Shown:
    photos = [photo_of(one.png) for one in boxed]
    squares, scales = zip(*(squared(photo, side) for photo in photos), strict=True)
    most = max(len(one.boxes) for one in boxed)
    corners, labels = torch.zeros(len(boxed), most, 4), torch.full((len(boxed), most), -1)
    for row, (one, scale) in enumerate(zip(boxed, scales, strict=True)):
        for place, box in enumerate(one.boxes):
            corners[row, place] = torch.tensor([box.left, box.top, box.right, box.bottom]) * scale
            labels[row, place] = box.label
    pixels = torch.from_numpy(np.stack([square.transpose(2, 0, 1) for square in squares]))
    return Shown(photos, pixels, corners, labels, list(scales), [_truth(one) for one in boxed], [one.boxes[0].item_id for one in boxed])


def _truth(boxed: Boxed) -> Boxes:
    corners = tuple((float(box.left), float(box.top), float(box.right), float(box.bottom)) for box in boxed.boxes)
    return Boxes(corners, tuple(box.label for box in boxed.boxes), (1.0,) * len(corners))


def _fit(network: CenterNet | RtDetr, training: Shown, validation: Shown, effort: Effort, generator: torch.Generator, tell: Tell) -> int:
    """Trains the network, restores it to the epoch with the best map50 on validation photos, and returns that epoch's number."""
    device, steps = device_of(network), -(-len(training.photos) // effort.batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=effort.rate, weight_decay=effort.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * steps, pct_start=effort.first)
    everywhere = np.ones(len(validation.photos))
    best, most, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step, rows in enumerate(batches(len(training.photos), effort.batch, generator)):
            optimizer.zero_grad()
            batch = Batch(training.pixels[rows].float() / 255, training.corners[rows], training.labels[rows])
            batch = varied(batch, generator)
            pixels = batch.pixels.to(device).contiguous(memory_format=torch.channels_last)
            network.loss(pixels, batch.corners.to(device), batch.labels.to(device)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), effort.longest_gradient)
            optimizer.step()
            schedule.step()
            if step % 20 == 0:
                tell(Batches(epoch, (step + 1) / steps, of=effort.epochs))
        seen = [boxes.answer() for boxes in _detected(network, validation)]
        value = mean_average_precision(validation.truths, seen, RIGHT)(everywhere)
        tell(Epoch(epoch, "validation", "map50", value, of=effort.epochs))
        if value > most:
            best, most, best_epoch = copy_of(network), value, epoch
    network.load_state_dict(best)
    return best_epoch


@torch.no_grad()
def _detected(network: CenterNet | RtDetr, shown: Shown, size: int = 64) -> list[Found]:
    """What is served for each photo, in its own pixels."""
    network.eval()
    device, found = device_of(network), []
    for start in range(0, len(shown.photos), size):
        pixels = (shown.pixels[start : start + size].float() / 255).to(device).contiguous(memory_format=torch.channels_last)
        outputs = [value.cpu().numpy() for value in network(pixels)]
        found += [read(dict(zip(network.OUTPUTS, one, strict=True)), pixels.shape[-1]) for one in zip(*outputs, strict=True)]
    return [
        boxes.within(photo.shape[1], photo.shape[0], scale)
        for boxes, photo, scale in zip(found, shown.photos, shown.scales, strict=True)
    ]  # fmt: skip


def _chosen(shown: Shown, answers: Sequence[Found], choice: Choice, named: bool) -> NDArray[np.bool_]:
    """(n,): whether the box chosen is that of the thing in front. named: with its noun as the query."""
    right = []
    for photo, truth, boxes in zip(shown.photos, shown.truths, answers, strict=True):
        row = choice.of(boxes, photo.shape[1], photo.shape[0], truth.labels[:1] if named else ())
        right.append(row is not None and bool(overlap(boxes.corners[row : row + 1], np.array(truth.corners[:1]))[0, 0] >= RIGHT))
    return np.array(right, dtype=np.bool_)


def _choice(shown: Shown, answers: Sequence[Found]) -> Choice:
    """The rule by which most boxes are rightly chosen, without and then with a query; of equal ones the first in LARGER and UNNAMED."""
    larger = max(LARGER, key=lambda value: _chosen(shown, answers, Choice(value, 1.0), named=False).mean())
    unnamed = max(UNNAMED, key=lambda value: _chosen(shown, answers, Choice(larger, value), named=True).mean())
    return Choice(larger, unnamed)


def _right_choices(whose: str, test: Shown, answers: Sequence[Found], choice: Choice, seed: int) -> dict[str, Measurement]:
    return {
        f"right choices{whose}{how}": mean_by_user(_chosen(test, answers, choice, named).astype(np.float64), test.models, seed)
        for named, how in ((False, ""), (True, ", its noun in the query"))
    }


def _whatever_noun(truths: Sequence[Boxes], answers: Sequence[Found]) -> Statistic:
    """map50 as if all things had one noun; of boxes in one place the surest counts."""
    places = [np.sort(np.unique(boxes.corners, axis=0, return_index=True)[1]) for boxes in answers]
    alike = [Boxes(truth.corners, (0,) * len(truth.labels), truth.scores) for truth in truths]
    seen = [
        Found(boxes.corners[rows], np.zeros(len(rows), dtype=np.int64), boxes.scores[rows])
        for boxes, rows in zip(answers, places, strict=True)
    ]
    return mean_average_precision(alike, [boxes.answer() for boxes in seen], RIGHT)


def _blob_rule(training: Shown, validation: Shown, nouns: int) -> tuple[BlobRule, list[Found]]:
    """The rule with the best map50 on validation photos, and what it finds in them."""
    labels = np.array([label for truth in training.truths for label in truth.labels])
    known = np.stack([
        features(corners, photo) for photo, truth in zip(training.photos, training.truths, strict=True) for corners in truth.corners
    ])  # fmt: skip
    shares, means = np.array(label_shares(labels, nouns)), np.stack([known[labels == noun].mean(axis=0) for noun in range(nouns)])
    everywhere, tried = np.ones(len(validation.photos)), []
    for degree in DEGREES:
        apart = [distance(photo, degree) for photo in validation.photos]
        for threshold in THRESHOLDS:
            parts = [blobs(far, photo, threshold) for far, photo in zip(apart, validation.photos, strict=True)]
            for nearest in (False, True):
                rule = BlobRule(degree, threshold, nearest, shares, means, known.std(axis=0))
                seen = [judged(*part, photo, rule) for part, photo in zip(parts, validation.photos, strict=True)]
                value = mean_average_precision(validation.truths, [boxes.answer() for boxes in seen], RIGHT)(everywhere)
                tried.append((value, rule, seen))
    _, rule, seen = max(tried, key=lambda row: row[0])
    return rule, seen
