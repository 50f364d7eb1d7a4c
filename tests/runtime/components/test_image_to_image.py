"""image_to_image: any size goes in and comes out, the rules do what they say, the full model is CycleGAN's generator, and it learns."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_to_image import model, serve, simple
from aibenchrt.components.image_to_image import train as training
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.metrics import score_each
from aibenchrt.train.events import Epoch, Event, untold
from aibenchrt.train.export import export
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Values, Work
from changed_scenes import HEIGHT, WIDTH, ChangedScenes
from PIL import Image, UnidentifiedImageError
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first

OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)
Opener = Callable[[Path, dict[str, str | int]], Work]


@pytest.fixture(scope="module")
def world() -> ChangedScenes:
    return ChangedScenes()


@pytest.fixture(scope="module")
def trained(world: ChangedScenes) -> ModelVersion:
    return train_task("image_to_image", "unet_small", world, size="tiny")


def asked(png: bytes) -> Values:
    return {"image": {"png": png}}


def shown(values: Values) -> Image.Image:
    with Image.open(io.BytesIO(values["image"]["png"])) as image:
        assert (image.mode, image.format) == ("RGB", "PNG")
        return image.copy()


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def drawn(seed: int = 1, height: int = 24, width: int = 32) -> simple.Pixels:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


# Rules.


def test_a_map_of_colours_that_exists_is_found() -> None:
    """Half as bright, less red, and the mean of the picture added: an affine map of a pixel and its picture's mean."""
    before = [drawn(seed) * light for seed, light in ((1, 1.0), (2, 0.4), (3, 0.7))]
    after = [0.5 * picture * np.array([0.8, 1, 1]) + 0.3 * picture.mean(axis=(0, 1)) + 0.05 for picture in before]
    rule = simple.best_rule(before, after, before, after, ("none",))
    for picture, wanted in zip(before, after, strict=True):
        assert np.abs(simple.changed(picture, rule) - wanted).max() < 1e-3
    assert simple.read_rule(rule.stored()) == rule


@pytest.mark.parametrize("name", [name for name in simple.FILTERS if name != "none"])
def test_every_filter_takes_noise_from_a_flat_picture_and_its_strongest_takes_most(name: str) -> None:
    noisy = (0.5 + 0.05 * np.random.default_rng(1).standard_normal((24, 32, 3))).astype(np.float32)
    left = [float(simple.smoothed(noisy, name, strength).std()) for strength in simple.FILTERS[name]]
    assert left[-1] < 0.5 * float(noisy.std())
    assert left == sorted(left, reverse=True)


def test_the_filter_that_helps_is_chosen() -> None:
    """Pictures of two flat halves with noise: what smooths without the edge is nearer than no filter, and sharp ones want none."""
    halves = np.concatenate([np.full((24, 16, 3), 0.2), np.full((24, 16, 3), 0.8)], axis=1).astype(np.float32)
    rng = np.random.default_rng(1)
    noisy = [(halves + 0.08 * rng.standard_normal(halves.shape)).astype(np.float32) for _ in range(4)]
    assert simple.best_rule(noisy[:2], [halves] * 2, noisy[2:], [halves] * 2).filter in ("median", "total variation", "non-local means")
    pictures = [drawn(seed) for seed in range(4)]
    assert simple.best_rule(pictures[:2], pictures[:2], pictures[2:], pictures[2:]).filter == "none"


# Networks.


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_published_network_is_the_papers() -> None:
    """Zhu et al. 2017, appendix 7.2: c7s1-64, d128, d256, R256 × 9, u128, u64, c7s1-3; 11.378 M parameters in the authors' code."""
    with torch.device("meta"):
        network = model.build("resnet_9blocks")
        patches = model.Patches(model.resnet_9blocks())
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    listed = [(type(layer).__name__, layer.kernel_size[0], layer.stride[0], layer.in_channels, layer.out_channels) for layer in layers]
    assert listed == [
        ("Conv2d", 7, 1, 3, 64), ("Conv2d", 3, 2, 64, 128), ("Conv2d", 3, 2, 128, 256), *[("Conv2d", 3, 1, 256, 256)] * 18,
        ("ConvTranspose2d", 3, 2, 256, 128), ("ConvTranspose2d", 3, 2, 128, 64), ("Conv2d", 7, 1, 64, 3),
    ]  # fmt: skip
    assert Counter(type(layer).__name__ for layer in network.modules())["InstanceNorm2d"] == 5 + 18
    convolutions = sum(k * k * a * b + b for _, k, _, a, b in listed)
    assert count(network) == convolutions == 11_378_179
    assert count(patches) == 2_764_737 + 3 * 64 * 4 * 4  # of the 70 × 70 discriminator of their code, which sees three channels fewer


def test_a_patch_of_the_discriminator_sees_seventy_pixels() -> None:
    patches = model.Patches(model.PublishedNumbers(patches=4)).eval()
    for layer in patches.modules():
        if isinstance(layer, nn.InstanceNorm2d):
            layer.forward = lambda x: x  # type: ignore[method-assign]  # it looks at the whole map
    after = torch.rand(1, 3, 160, 160, requires_grad=True)
    out = patches(torch.rand(1, 3, 160, 160), after)
    assert out.shape == (1, 1, 18, 18)
    out[0, 0, 9, 9].backward()
    assert after.grad is not None
    seen = after.grad[0].abs().sum(dim=0).nonzero()
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == [70, 70]


def test_an_untrained_small_network_leaves_pictures_as_they_are() -> None:
    torch.manual_seed(1)
    pixels = torch.rand(2, 3, 20, 28)
    assert torch.equal(model.build("unet_small")(pixels), pixels)


@pytest.mark.parametrize("name", ["unet_small", pytest.param("resnet_9blocks", marks=pytest.mark.long)])
def test_training_steps_lower_the_loss_and_change_every_weight(name: str) -> None:
    torch.manual_seed(3)
    network = model.build(name).train()
    after = torch.rand(2, 3, 32, 32)
    before = after * 0.5
    effort = training.Effort(1, 1e-3 if name == "unet_small" else 2e-4, 2, 2)
    step = training.Step(network, name, effort, 8)
    known = {name: value.clone() for name, value in network.named_parameters()}
    losses = [step(before, after) for _ in range(8)]
    assert losses[-1] < losses[0]
    still = {name for name, value in network.named_parameters() if torch.equal(value, known[name])}
    # What instance normalisation takes away again has no gradient; here it is rounding at most.
    assert all(name.endswith(".bias") for name in still)
    assert name == "resnet_9blocks" or not still


def test_the_ratio_that_is_trained_is_the_metric() -> None:
    rng = np.random.default_rng(1)
    after = rng.integers(0, 256, (2, 8, 12, 3)).astype(np.uint8)
    made = np.clip(after.astype(int) + rng.integers(-20, 21, after.shape), 0, 255).astype(np.uint8)
    as_tensor = [torch.from_numpy(part.transpose(0, 3, 1, 2).astype(np.float32) / 255) for part in (made, after)]
    metric = score_each("psnr", [colour_png(x) for x in after], [colour_png(x) for x in made])
    assert float(-training.psnr_loss(*as_tensor)) == pytest.approx(metric.mean(), abs=0.02)
    pairs = training.Pairs(torch.empty(0), (as_tensor[1] * 255).round().byte(), np.arange(2), 8, 12)
    assert training.decibels((as_tensor[0] * 255).round().byte(), pairs) == pytest.approx(metric, abs=1e-9)


# Trained on drawn scenes.


def test_it_beats_the_baseline_on_drawn_scenes(trained: ModelVersion) -> None:
    """Slopes with discs and bars are what total variation is made for, so a training of seconds beats a colour map alone."""
    metadata = trained.metadata
    assert metadata["gains"][f"psnr over {training.COLOURS}"]["low"] > 1
    assert metadata["gains"][f"psnr over {training.AS_IT_IS}"]["low"] > 8
    simple_ones = {name: values["psnr"]["value"] for name, values in metadata["baselines"].items()}
    assert simple_ones[training.BASELINE] > simple_ones[training.COLOURS] > simple_ones[training.AS_IT_IS]


@pytest.mark.parametrize(("opener", "name"), [(serve.open_work, None), (serve.open_baseline, training.BASELINE)])
def test_what_is_served_has_the_quality_that_was_measured(
    opener: Opener, name: str | None, trained: ModelVersion, world: ChangedScenes
) -> None:
    work, test = opener(trained.folder, {}), world.changed("test")
    made = [work(asked(pair.before))["image"]["png"] for pair in test]
    measured = (trained.metadata["baselines"][name] if name else trained.metadata["metrics"])["psnr"]["value"]
    assert score_each("psnr", [pair.after for pair in test], made).mean() == pytest.approx(measured, abs=0.05)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(("mode", "size"), [("RGB", (WIDTH, HEIGHT)), ("L", (1, 1)), ("RGBA", (7, 30)), ("P", (130, 5)), ("RGB", (96, 64))])
def test_an_answer_is_of_the_pictures_size_whatever_it_is(opener: Opener, mode: str, size: tuple[int, int], trained: ModelVersion) -> None:
    png = encoded(Image.new(mode, size))
    answers = [opener(trained.folder, {})(asked(png)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert shown(answers[0]).size == size


def test_a_picture_is_changed_alike_whether_its_sides_are_multiples_of_four_or_padded(trained: ModelVersion) -> None:
    """Beyond the edge are the nearest pixels: a flat picture stays flat in its padded form."""
    work = serve.open_work(trained.folder, {})
    whole, less = (
        np.asarray(shown(work(asked(encoded(Image.new("RGB", size, (90, 80, 70)))))), dtype=int) for size in ((32, 24), (30, 21))
    )
    assert np.abs(whole[:18, :27] - less[:18, :27]).max() <= 3


@pytest.mark.parametrize("opener", OPENERS)
def test_what_is_no_picture_or_too_large_is_refused(opener: Opener, trained: ModelVersion) -> None:
    work = opener(trained.folder, {})
    with pytest.raises(UnidentifiedImageError):
        work(asked(b"no picture"))
    with pytest.raises(ValueError, match="513 × 512 pixels is too large"):
        work(asked(encoded(Image.new("RGB", (513, 512)))))


def test_pairs_of_different_sizes_are_refused(world: ChangedScenes) -> None:
    pairs = list(world.changed("test"))
    pairs[1] = type(pairs[1])(0, pairs[1].before, encoded(Image.new("RGB", (WIDTH, HEIGHT + 1))))
    with pytest.raises(ValueError, match=f"not all of {WIDTH} × {HEIGHT}"):
        training.pairs_of(pairs)


def test_training_is_the_same_for_the_same_seed_and_tells_its_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "unet_small"), training.Effort(2, 1e-3, 4, 8))
    few, told = ChangedScenes(scenes=4, views=2), list[Event]()
    first = training.train(few, "unet_small", 7, "tiny", told.append).graphs["model"].network.state_dict()
    again = training.train(few, "unet_small", 7, "tiny", untold).graphs["model"].network.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert [(event.n, event.metric) for event in told if isinstance(event, Epoch)] == [(1, "psnr"), (2, "psnr")]


@pytest.mark.long
def test_the_published_network_is_trained_a_step_and_exported() -> None:
    """export() compares ONNX with torch on real pictures, of two sizes. What serves is the generator alone."""
    few = ChangedScenes(scenes=4, views=2)
    files = export(training.train(few, "resnet_9blocks", 7, "tiny", untold))
    assert set(files) == {"model.safetensors", "model.onnx"}
    assert len(files["model.safetensors"]) == pytest.approx(4 * 11_378_179, rel=0.01)


def test_the_library_names_a_small_and_a_full_model() -> None:
    spec = component("image_to_image")
    assert spec is not None
    assert [(row.name, row.profile.value) for row in spec.models] == [("unet_small", "small"), ("resnet_9blocks", "full")]
    assert set(model.MODELS) == {row.name for row in spec.models}
