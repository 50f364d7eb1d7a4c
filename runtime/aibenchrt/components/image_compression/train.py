"""Trains a compression on frames of the training clips, and measures what it makes of the first frames of the test clips' groups.

The loss is that of the paper's section 2: bits per pixel, by the likelihoods, and λ times the squared error in levels of 255. Each picture
of a batch has a rate of its own, with its λ. What is measured are the bits of real codes, and the pictures that are expanded from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bjontegaard
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aibenchrt.components.image_compression import jpeg
from aibenchrt.components.image_compression.coding import Tables, padded
from aibenchrt.components.image_compression.model import LAMBDAS, SCALES, Compressor, FactorisedPrior, build
from aibenchrt.components.image_compression.serve import Codec
from aibenchrt.components.image_compression.spec import RATES
from aibenchrt.picture_quality import decibels, ms_ssim
from aibenchrt.serve.pictures import opened
from aibenchrt.train.events import Batches, Epoch, Tell
from aibenchrt.train.measure import Measurement, mean_by_user
from aibenchrt.train.trained import Graph, Trained, copy_of, device_of, reproducible

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ClipWorld

Pixels = NDArray[np.uint8]
HIGH = RATES.index("high")
PROTOCOL = (
    "first frames of the groups of eight of the test clips, compressed at rate `high` and expanded: bits of the code per pixel, PSNR, "
    "MS-SSIM; clips drawn for the interval; epoch chosen by the loss on the validation clips"
)
GROUP = 8
SIDE = 64  # pixels of the parts of frames that are learnt from
UNLIKELY = 1e-6  # what a table leaves out at each end
NO_RATE = "none: the curves have no qualities in common"
FASTER = 5.0  # how much higher the learning rate of the densities and the steps is
WIDEST = 255  # the largest symbol of a table


@dataclass(frozen=True)
class Effort:
    """steps: batches of an epoch. rate: the highest of the one-cycle learning rate. pictures: the most that are measured."""

    epochs: int
    steps: int
    batch: int
    rate: float
    pictures: int = 100_000


EFFORTS = {
    ("tiny", "factorised_small"): Effort(2, 60, 8, 2e-3, 12),
    ("small", "factorised_small"): Effort(15, 100, 8, 2e-3),
    ("full", "factorised_small"): Effort(60, 400, 16, 2e-3),
    ("tiny", "scale_hyperprior"): Effort(1, 1, 2, 1e-4, 2),
    ("small", "scale_hyperprior"): Effort(10, 100, 8, 1e-3),
    ("full", "scale_hyperprior"): Effort(100, 500, 16, 1e-3),
}


@dataclass(frozen=True)
class Curve:
    """Of each rate, (pictures,): bits per pixel, PSNR in dB; MS-SSIM, which takes long, by the places of some."""

    bits: list[NDArray[np.float64]]
    psnr: list[NDArray[np.float64]]
    ms_ssim: dict[int, NDArray[np.float64]]

    def point(self, place: int) -> str:
        """'0.93 bits per pixel, 27.8 dB, MS-SSIM 0.943', the last where it was measured."""
        alike = f", MS-SSIM {self.ms_ssim[place].mean():.3f}" if place in self.ms_ssim else ""
        return f"{self.bits[place].mean():.3f} bits per pixel, {self.psnr[place].mean():.2f} dB{alike}"

    def over(self, anchor: Curve) -> float | str:
        """The Bjøntegaard delta rate over another, in %, by PSNR (piecewise cubic); NO_RATE where the curves do not overlap, or fall."""
        (anchor_rate, own_rate) = ([float(each.mean()) for each in curve.bits] for curve in (anchor, self))
        (anchor_psnr, own_psnr) = ([float(each.mean()) for each in curve.psnr] for curve in (anchor, self))
        rising = all(np.all(np.diff(values) > 0) for values in (anchor_psnr, own_psnr, anchor_rate, own_rate))
        if not rising or min(anchor_psnr[-1], own_psnr[-1]) <= max(anchor_psnr[0], own_psnr[0]):
            return NO_RATE
        how = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
        return round(float(bjontegaard.bd_rate(anchor_rate, anchor_psnr, own_rate, own_psnr, **how)), 2)


def train(world: ClipWorld, model: str, seed: int, size: str, tell: Tell, device: str = "cpu") -> Trained:
    """Sizes differ in batches."""
    effort = EFFORTS[size, model]
    frames = {split: [_pixels(clip.frames) for clip in world.clips(split)] for split in ("train", "validation", "test")}
    with reproducible(seed, threads=1, device=device):
        network = build(model).to(device)
        best_epoch = _fit(network, frames, effort, seed, tell)
    network.cpu().eval()
    firsts = [(place, clip[number]) for place, clip in enumerate(frames["test"]) for number in range(0, len(clip), GROUP)]
    shown = firsts[:: max(1, len(firsts) // effort.pictures)][: effort.pictures]
    with torch.no_grad():
        return _measured(network, frames, [place for place, _ in shown], [pixels for _, pixels in shown], best_epoch, seed)


def _measured(
    network: Compressor, frames: dict[str, list[Pixels]], clips: list[int], pictures: list[Pixels], epoch: int, seed: int
) -> Trained:
    serving = serving_of(network)
    codec = Codec(serving, lambda name: _Running(getattr(network, name)))
    chosen = [clip[number] for clip in frames["validation"] for number in range(0, len(clip), 2 * GROUP)]
    spent = [float(np.mean([_bpp(codec.code(pixels, rate), pixels) for pixels in chosen])) for rate in range(len(RATES))]
    needed = {quality: float(np.mean([_bpp(jpeg.code(pixels, quality), pixels) for pixels in chosen])) for quality in jpeg.QUALITIES}
    serving["jpeg"] = [_nearest(needed, own) for own in spent]
    same = jpeg.QUALITIES.index(serving["jpeg"][HIGH])
    own = _curve(pictures, range(len(RATES)), range(len(RATES)), codec.code, codec.picture)
    scans = _curve(pictures, jpeg.QUALITIES, [same], jpeg.code, jpeg.picture)
    files = Curve([b + 8 * _overhead(pictures[0], q) for b, q in zip(scans.bits, jpeg.QUALITIES, strict=True)], scans.psnr, scans.ms_ssim)

    def measured(curve: Curve, place: int) -> dict[str, Measurement]:
        values = {"ms_ssim": curve.ms_ssim[place], "psnr": curve.psnr[place], "bits_per_pixel": curve.bits[place]}
        return {name: mean_by_user(each, clips, seed) for name, each in values.items()}

    return Trained(
        graphs=graphs(network, frames["train"], pictures[0], serving),
        serving=serving,
        protocol=PROTOCOL,
        metrics=measured(own, HIGH),
        baselines={"JPEG of about the same rate": measured(scans, same)},
        gains={
            "ms_ssim over JPEG of about the same rate": mean_by_user(own.ms_ssim[HIGH] - scans.ms_ssim[same], clips, seed),
            "psnr over JPEG of about the same rate": mean_by_user(own.psnr[HIGH] - scans.psnr[same], clips, seed),
            "bits_per_pixel over JPEG of about the same rate": mean_by_user(own.bits[HIGH] - scans.bits[same], clips, seed),
        },
        epochs=epoch,
        only_for_comparison={
            "BD-rate over JPEG scans without tables, %": own.over(scans),
            "BD-rate over JPEG files, %": own.over(files),
            **{f"rate {rate}": own.point(place) for place, rate in enumerate(RATES)},
            **{f"JPEG scan of quality {quality}": scans.point(place) for place, quality in enumerate(jpeg.QUALITIES)},
        },
    )


def serving_of(network: Compressor) -> dict[str, Any]:
    """What serve.py has to know, but for `jpeg`: of each rate, the JPEG quality with about as many bits."""
    steps = torch.exp(network.log_steps).detach().cpu()
    numbers = network.numbers
    grid = np.exp(np.linspace(np.log(SCALES[0]), np.log(SCALES[1]), SCALES[2])) if numbers.hyper else np.zeros(0)
    coded = [torch.ones(numbers.filters)] if numbers.hyper else list(steps)
    return {
        "stride": numbers.stride,
        "down": 2**numbers.layers,
        "steps": [[float(np.float32(value)) for value in row] for row in steps.tolist()],
        "tables": [tables(network.prior, step).plain() for step in coded],
        "scales": grid.tolist(),
    }


def tables(prior: FactorisedPrior, step: Tensor) -> Tables:
    """The masses of the multiples of each channel's step, (channels,), without those that are hardly ever reached."""
    symbols = torch.arange(-WIDEST, WIDEST + 1, dtype=torch.float64)
    exact = FactorisedPrior(len(step)).double()
    exact.load_state_dict({name: value.double() for name, value in prior.state_dict().items()})
    values, wide = (symbols[None] * step.double()[:, None])[:, None, :], step.double()[:, None, None]
    with torch.no_grad():
        masses = exact.likelihood(values, wide)[:, 0].numpy()
    least, rows = [], []
    for row in masses:
        likely = np.flatnonzero(row >= UNLIKELY)
        first, last = (int(likely[0]), int(likely[-1])) if len(likely) else (WIDEST, WIDEST)
        first, last = max(0, first - 1), min(2 * WIDEST, last + 1)
        least.append(first - WIDEST)
        rows.append((row[first : last + 1] / row[first : last + 1].sum()).astype(np.float32))
    return Tables(tuple(least), tuple(rows))


def _fit(network: Compressor, frames: dict[str, list[Pixels]], effort: Effort, seed: int, tell: Tell) -> int:
    """Trains, restores the weights of the best epoch and returns its number."""
    rng, device = np.random.default_rng(seed), device_of(network)
    every = [_at_least(clip, network.numbers.stride) for clip in frames["train"]]
    chosen = torch.cat([_input(_at_least(clip[:: 2 * GROUP], network.numbers.stride)) for clip in frames["validation"]]).to(device)
    own = [*network.prior.parameters(), network.log_steps]
    rest = [p for p in network.parameters() if all(p is not other for other in own)]
    optimizer = torch.optim.Adam([{"params": rest}, {"params": own}], lr=effort.rate)
    rates = [effort.rate, FASTER * effort.rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, effort.epochs * effort.steps, pct_start=0.1)
    best, least, best_epoch = copy_of(network), float("inf"), 0
    for epoch in range(1, effort.epochs + 1):
        network.train()
        for step in range(effort.steps):
            pixels = _input(_parts(every, effort.batch, network.numbers.stride, rng)).to(device)
            drawn = torch.from_numpy(rng.integers(len(LAMBDAS), size=effort.batch)).to(device)
            loss = loss_of(network, pixels, drawn)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 10 == 0:
                tell(Batches(epoch, (step + 1) / effort.steps, of=effort.epochs))
        value = _validated(network, chosen)
        for metric, reached in {"loss": value, **_reached(network, chosen)}.items():
            tell(Epoch(epoch, "validation", metric, reached, of=effort.epochs))
        if value < least:
            best, least, best_epoch = copy_of(network), value, epoch
    network.load_state_dict(best)
    return best_epoch


def loss_of(network: Compressor, pixels: Tensor, rates: Tensor) -> Tensor:
    """Mean over the batch of bits per pixel + λ · 255² · squared error. pixels: (b, 3, h, w) in [0, 1]; rates: (b,)."""
    drawn, bits = network(pixels, rates)
    error = (drawn - pixels).square().mean(dim=(1, 2, 3))
    costs = torch.tensor(LAMBDAS, device=pixels.device)[rates]
    loss: Tensor = (bits / (pixels.shape[2] * pixels.shape[3]) + costs * 255**2 * error).mean()
    return loss


@torch.no_grad()
def _validated(network: Compressor, pixels: Tensor) -> float:
    network.eval()
    losses = [
        float(loss_of(network, pixels[start : start + 16], torch.full((len(pixels[start : start + 16]),), rate, device=pixels.device)))
        for rate in range(len(LAMBDAS))
        for start in range(0, len(pixels), 16)
    ]
    return float(np.mean(losses))


@torch.no_grad()
def _reached(network: Compressor, pixels: Tensor) -> dict[str, float]:
    """The metrics at rate `high` of pictures as they are padded, (n, 3, h, w) in [0, 1]; bits as the densities estimate them."""
    network.eval()
    reached: dict[str, list[float]] = {"ms_ssim": [], "psnr": [], "bits_per_pixel": []}
    for part in torch.split(pixels, 16):
        drawn, bits = network(part, torch.full((len(part),), HIGH, device=part.device))
        reached["bits_per_pixel"] += (bits / (part.shape[2] * part.shape[3])).tolist()
        for original, out in zip(_output(part), _output(drawn), strict=True):
            reached["ms_ssim"].append(ms_ssim(original, out))
            reached["psnr"].append(decibels(original, out))
    return {metric: float(np.mean(values)) for metric, values in reached.items()}


def _output(pictures: Tensor) -> Pixels:
    """(n, 3, h, w) in [0, 1] → (n, h, w, 3)."""
    pixels: Pixels = (255 * pictures.clamp(0, 1)).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def _parts(clips: Sequence[Pixels], count: int, stride: int, rng: np.random.Generator) -> Pixels:
    """(count, side, side, 3), parts of drawn frames, half of them mirrored."""
    side = min(SIDE, *(-(-min(clip.shape[1:3]) // stride) * stride for clip in clips))
    side -= side % stride
    parts = []
    for _ in range(count):
        clip = clips[int(rng.integers(len(clips)))]
        top, left = (int(rng.integers(length - side + 1)) for length in clip.shape[1:3])
        part = clip[int(rng.integers(len(clip))), top : top + side, left : left + side]
        parts.append(part[:, ::-1] if rng.random() < 0.5 else part)
    return np.stack(parts)


def _curve(
    pictures: Sequence[Pixels],
    levels: Sequence[int],
    alike: Collection[int],
    code: Callable[[Pixels, int], bytes],
    expand: Callable[[bytes, int, int], Pixels],
) -> Curve:
    """alike: the places of the levels whose MS-SSIM is measured."""
    curve = Curve([], [], {})
    for place, level in enumerate(levels):
        codes = [code(pixels, level) for pixels in pictures]
        drawn = [expand(content, pixels.shape[1], pixels.shape[0]) for content, pixels in zip(codes, pictures, strict=True)]
        curve.bits.append(np.array([_bpp(content, pixels) for content, pixels in zip(codes, pictures, strict=True)]))
        curve.psnr.append(np.array([decibels(pixels, out) for pixels, out in zip(pictures, drawn, strict=True)]))
        if place in alike:
            curve.ms_ssim[place] = np.array([ms_ssim(pixels, out) for pixels, out in zip(pictures, drawn, strict=True)])
    return curve


def _nearest(values: dict[int, float], wanted: float) -> int:
    return min(values, key=lambda key: abs(values[key] - wanted))


def _bpp(content: bytes, pixels: Pixels) -> float:
    return 8 * len(content) / (pixels.shape[0] * pixels.shape[1])


def _overhead(pixels: Pixels, quality: int) -> float:
    """Bytes per pixel that a JPEG file has beyond the code of it."""
    return (len(jpeg.whole(pixels, quality)) - len(jpeg.code(pixels, quality))) / (pixels.shape[0] * pixels.shape[1])


def _pixels(frames: Sequence[bytes]) -> Pixels:
    """(n, height, width, 3)."""
    return np.stack([np.asarray(opened(png), dtype=np.uint8) for png in frames])


def _at_least(clip: Pixels, stride: int) -> Pixels:
    """The clip with sides that are multiples of the stride."""
    return np.stack([padded(pixels, stride) for pixels in clip])


def _input(pictures: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255))


class _Running:
    """A part of the network as a session."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def run(self, _names: list[str], inputs: dict[str, Any]) -> Any:
        with torch.no_grad():
            return [self._network(*map(torch.from_numpy, inputs.values())).numpy()]


def linear(network: Compressor, clips: Sequence[Pixels]) -> nn.ConvTranspose2d:
    """The linear map of symbols to pixels with the least squared error on training frames, as one layer: the baseline's synthesis."""
    down, channels = 2**network.numbers.layers, network.numbers.channels
    pictures = _input(np.concatenate([_at_least(clip[:: 2 * GROUP], network.numbers.stride) for clip in clips])[:200])
    with torch.no_grad():
        step = network.steps(torch.tensor([HIGH]))
        symbols = torch.cat([torch.round(network.analysis(part) / step) * step for part in torch.split(pictures, 16)])
    seen = symbols.permute(0, 2, 3, 1).reshape(-1, channels).double()
    seen = torch.cat([seen, torch.ones(len(seen), 1, dtype=torch.float64)], dim=1)
    patches = torch.nn.functional.unfold(pictures, down, stride=down).permute(0, 2, 1).reshape(-1, 3 * down * down).double()
    square = seen.T @ seen
    ridge = 1e-6 * square.diagonal().mean() * torch.eye(channels + 1, dtype=torch.float64)
    solved = torch.linalg.solve(square + ridge, seen.T @ patches).float()
    layer = nn.ConvTranspose2d(channels, 3, down, down)
    with torch.no_grad():
        layer.weight.copy_(solved[:-1].reshape(channels, 3, down, down))
        assert layer.bias is not None
        layer.bias.copy_(solved[-1].reshape(3, -1).mean(dim=1))
    return layer


def graphs(network: Compressor, clips: Sequence[Pixels], shown: Pixels, serving: dict[str, Any]) -> dict[str, Graph]:
    """What serves, with a real frame and parts of it as examples: of two heights and widths."""
    stride = int(serving["stride"])
    whole = _input(padded(shown, stride)[None]).repeat(2, 1, 1, 1)
    part = torch.cat([whole, whole], dim=3)[:1]  # a wider one
    step = network.steps(torch.tensor([HIGH]))
    with torch.no_grad():
        ys = [torch.round(network.analysis(pixels) / step) * step for pixels in (whole, part)]
        made = {
            "analysis": _graph(network.analysis, "pixels", "y", [whole, part]),
            "synthesis": _graph(network.synthesis, "y", "pixels", ys),
            "linear": _graph(linear(network, clips), "y", "pixels", ys),
        }
        if network.hyper_analysis is not None and network.hyper_synthesis is not None:
            zs = [torch.round(network.hyper_analysis(y.abs())) for y in ys]
            made["hyper_analysis"] = _graph(network.hyper_analysis, "magnitudes", "z", [y.abs() for y in ys])
            made["hyper_synthesis"] = _graph(network.hyper_synthesis, "z", "scales", zs)
    return made


def _graph(part: nn.Module, taken: str, given: str, examples: Sequence[Tensor]) -> Graph:
    return Graph(part, {taken: examples[0].contiguous()}, (given,), {taken: (2, 3)}, ({taken: examples[1].contiguous()},))
