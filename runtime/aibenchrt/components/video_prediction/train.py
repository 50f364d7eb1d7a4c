"""Trains a video prediction on parts of training clips; what is measured is each frame of a group of eight, lost alone.

A group begins with a key frame, and often there are fewer frames before a lost one than the network sees: the first then stands in, in
training as in serving. In half of the examples the first frame of those has lost something to compression, as key frames have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.components.image_compression import jpeg
from aibenchrt.components.video_prediction.model import Predictor, build
from aibenchrt.components.video_prediction.serve import as_input, as_pictures, window
from aibenchrt.picture_quality import decibels
from aibenchrt.serve.pictures import opened
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import mean_by_user
from aibenchrt.train.trained import Graph, Trained, copy_of, device_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ClipWorld

Pixels = NDArray[np.uint8]
PROTOCOL = (
    "PSNR of what is put in the place of each frame of a group of eight but the first, when that one alone is lost, over the test clips; "
    "frames as they were before any compression; clips drawn for the interval; epoch chosen on the validation clips"
)
GROUP = 8
SIDE = 48  # pixels of the parts of frames that are learnt from
LEAST_ERROR = 1e-5  # that is told from none: 50 dB
BASELINE = "copy of the last frame"


@dataclass(frozen=True)
class Effort:
    """steps: batches of an epoch. rate: the highest of the one-cycle learning rate. groups: the most that are measured."""

    epochs: int
    steps: int
    batch: int
    rate: float
    groups: int = 100_000


EFFORTS = {
    ("tiny", "simvp_small"): Effort(2, 25, 4, 3e-3, 10),
    ("small", "simvp_small"): Effort(10, 100, 8, 3e-3),
    ("full", "simvp_small"): Effort(50, 400, 16, 3e-3),
    ("tiny", "simvp"): Effort(1, 1, 1, 1e-4, 1),
    ("small", "simvp"): Effort(10, 100, 8, 1e-3),
    ("full", "simvp"): Effort(100, 400, 16, 1e-3),
}


@dataclass(frozen=True)
class Lost:
    """A frame that is lost alone. clip: which it is of. place: in its group. before: what is there before it."""

    clip: int
    place: int
    before: list[Pixels]
    frame: Pixels


def train(world: ClipWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in batches."""
    effort = EFFORTS[size, model]
    clips = {split: [_pixels(clip.frames) for clip in world.clips(split)] for split in ("train", "validation", "test")}
    with reproducible(seed, threads=1, device=device):
        network = build(model).to(device)
        best_epoch = _fit(network, clips, effort, seed, tell)
        asked = losses(clips["test"], effort.groups)
        values = _values(network, asked)
    network.cpu().eval()
    of = [lost.clip for lost in asked]
    copied = np.array([decibels(lost.frame, lost.before[-1]) for lost in asked])
    later = np.array([lost.place >= 4 for lost in asked])
    return Trained(
        graphs={"model": graph(network, asked[0])},
        serving={"frames": network.numbers.frames, "stride": network.numbers.stride},
        protocol=PROTOCOL,
        metrics={"conceal_psnr": mean_by_user(values, of, seed)},
        baselines={BASELINE: {"conceal_psnr": mean_by_user(copied, of, seed)}},
        gains={f"conceal_psnr over {BASELINE}": mean_by_user(values - copied, of, seed)},
        epochs=best_epoch,
        only_for_comparison={
            f"{name}, {which}": round(float(each[kept].mean()), 3)
            for which, kept in (("four frames or more before the lost one", later), ("fewer", ~later))
            for name, each in (("conceal_psnr", values), (f"conceal_psnr of {BASELINE}", copied))
        },
    )


def losses(clips: Sequence[Pixels], groups: int) -> list[Lost]:
    """Every frame but the first of each group, of at most so many groups, evenly drawn from all."""
    starts = [(number, start) for number, clip in enumerate(clips) for start in range(0, len(clip) - GROUP + 1, GROUP)]
    chosen = starts[:: max(1, len(starts) // groups)][:groups]
    return [
        Lost(number, place, list(clips[number][start : start + place]), clips[number][start + place])
        for number, start in chosen
        for place in range(1, GROUP)
    ]


def _fit(network: Predictor, clips: dict[str, list[Pixels]], effort: Effort, seed: int, tell: Tell) -> int:
    """Trains, restores the weights of the best epoch and returns its number."""
    rng, device = np.random.default_rng(seed), device_of(network)
    chosen = losses(clips["validation"], max(1, min(effort.groups, 24)))
    optimizer = torch.optim.Adam(network.parameters(), lr=effort.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, effort.rate, effort.epochs * effort.steps, pct_start=0.1)
    best, most, best_epoch = copy_of(network), -1.0, 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step in range(effort.steps):
            seen, true = (part.to(device) for part in examples(clips["train"], effort.batch, network.numbers.frames, rng))
            loss = loss_of(network, seen, true)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / effort.steps, of=effort.epochs))
        value = float(_values(network, chosen).mean())
        tell(Epoch(epoch, "validation", "conceal_psnr", value, of=effort.epochs))
        if value > most:
            best, most, best_epoch = copy_of(network), value, epoch
    network.load_state_dict(best)
    return best_epoch


def loss_of(network: Predictor, seen: Tensor, true: Tensor) -> Tensor:
    """Minus the mean PSNR of the predicted frames, in dB, that of the first, which is needed most, counting as much as all together.

    By decibels, what hardly moves counts as much as what moves much. seen, true: (b, frames, 3, h, w).
    """
    error = (network(seen) - true).square().mean(dim=(2, 3, 4))
    decibels_lost = 10 * torch.log10(error + LEAST_ERROR)
    loss: Tensor = (decibels_lost.mean() + decibels_lost[:, 0].mean()) / 2
    return loss


def examples(clips: Sequence[Pixels], count: int, frames: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """(count, frames, 3, side, side) twice: what is seen, and what comes then; parts of drawn clips, mirrored both ways by chance."""
    side = min(SIDE, *(min(clip.shape[1:3]) for clip in clips))
    seen, true = [], []
    for _ in range(count):
        clip = clips[int(rng.integers(len(clips)))]
        known = int(rng.integers(1, 2 * frames))  # of them, at most `frames` are seen
        start = int(rng.integers(len(clip) - min(known, frames) - frames + 1))
        top, left = (int(rng.integers(length - side + 1)) for length in clip.shape[1:3])
        part = clip[start : start + min(known, frames) + frames, top : top + side, left : left + side]
        part = part[:, :: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        before = list(part[: min(known, frames)])
        if rng.random() < 0.5:
            before[0] = compressed(np.ascontiguousarray(before[0]), int(rng.choice(jpeg.QUALITIES[5:15])))
        seen.append(np.stack(window(before, frames)))
        true.append(part[min(known, frames) :])
    return _input(np.stack(seen)), _input(np.stack(true))


def compressed(pixels: Pixels, quality: int) -> Pixels:
    return jpeg.picture(jpeg.code(pixels, quality), pixels.shape[1], pixels.shape[0])


@torch.no_grad()
def _values(network: Predictor, asked: Sequence[Lost]) -> NDArray[np.float64]:
    """(n,) PSNR of what is shown in the place of each."""
    network.eval()
    device, numbers = device_of(network), network.numbers
    values: list[float] = []
    for start in range(0, len(asked), 32):
        part = asked[start : start + 32]
        inputs = [as_input(window(lost.before, numbers.frames), numbers.stride) for lost in part]
        if len({given.shape for given in inputs}) == 1:
            drawn = network(torch.from_numpy(np.concatenate(inputs)).to(device)).cpu().numpy()
        else:
            drawn = [network(torch.from_numpy(given).to(device)).cpu().numpy()[0] for given in inputs]
        values += [decibels(lost.frame, as_pictures(own, *lost.frame.shape[:2])[0]) for lost, own in zip(part, drawn, strict=True)]
    return np.array(values)


def _pixels(frames: Sequence[bytes]) -> Pixels:
    """(n, height, width, 3)."""
    return np.stack([np.asarray(opened(png), dtype=np.uint8) for png in frames])


def _input(pictures: Pixels) -> Tensor:
    """(b, frames, h, w, 3) → (b, frames, 3, h, w) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 1, 4, 2, 3), dtype=np.float32) / np.float32(255))


def graph(network: Predictor, shown: Lost) -> Graph:
    """The graph to export, with real frames as examples: of two widths and heights."""
    seen = torch.from_numpy(as_input(window(shown.before, network.numbers.frames), network.numbers.stride))
    both = torch.cat([seen, seen.flip(4)])
    wide = torch.cat([seen, seen.flip(4)], dim=4)
    return Graph(network, {"frames": both}, ("next",), {"frames": (3, 4)}, ({"frames": wide.contiguous()},))
