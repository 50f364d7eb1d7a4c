"""image_generation: a wish has one picture, the parts do what the papers say, the full model is that of CIFAR-10, and it learns."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_generation import ddpm, evaluator, model, serve
from aibenchrt.components.image_generation import train as training
from aibenchrt.components.image_generation.serve import SIDE, STEPS
from aibenchrt.train.events import Epoch, Event, untold
from aibenchrt.train.export import export
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Values, Work
from coloured_things import ColouredThings
from PIL import Image
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first

OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)
Opener = Callable[[Path, dict[str, str | int]], Work]


@pytest.fixture(scope="module")
def world() -> ColouredThings:
    return ColouredThings()


@pytest.fixture(scope="module")
def trained(world: ColouredThings) -> ModelVersion:
    return train_task("image_generation", "wgan_gp_small", world, size="tiny")


def wish(label: int, seed: int) -> Values:
    return {"wish": {"label": label, "seed": seed}}


def shown(values: Values) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(values["image"]["png"])) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (SIDE, SIDE), "PNG")
        return np.asarray(image, dtype=np.uint8)


# The evaluator and its distance.


def test_the_distance_of_normal_distributions_is_that_of_the_formula() -> None:
    """Diagonal covariances a² and b² and means apart by m: |m|² + Σ (a - b)²."""
    rng = np.random.default_rng(1)
    first = rng.normal(0, 1, (20_000, 4)) * [1, 2, 0.5, 1]
    second = rng.normal(0, 1, (20_000, 4)) * [1, 1, 2.0, 1] + [3, 0, 0, 0]
    assert evaluator.frechet_distance(first, second) == pytest.approx(9 + 1 + 2.25, rel=0.03)
    assert evaluator.frechet_distance(first, first) == pytest.approx(0, abs=1e-3)


def test_the_distance_is_finite_where_all_pictures_are_the_same() -> None:
    same, others = np.ones((50, 4)), np.random.default_rng(1).normal(1, 1, (5000, 4))
    assert evaluator.frechet_distance(same, others) == pytest.approx(4, rel=0.1)


def test_pictures_are_moved_together_and_half_of_them_mirrored() -> None:
    pixels = torch.rand(64, 3, SIDE, SIDE)
    moved = evaluator.moved(pixels, torch.Generator().manual_seed(1))
    inner = moved[:, :, 8:24, 8:24]
    found = 0
    for down in range(-2, 3):
        for across in range(-2, 3):
            same, mirrored = (x[:, :, 8 + down : 24 + down, 8 + across : 24 + across] for x in (pixels, pixels.flip(3)))
            found += int(((inner == same).flatten(1).all(dim=1) | (inner == mirrored).flatten(1).all(dim=1)).sum())
    assert found == 64
    as_before = {row.tobytes() for row in pixels[:, :, 10:22, 10:22].numpy()}
    unmirrored = {
        moved[n, :, 10 + d : 22 + d, 10 + a : 22 + a].numpy().tobytes() for n in range(64) for d in range(-2, 3) for a in range(-2, 3)
    }
    assert 16 < len(as_before & unmirrored) < 48


# Networks.


def test_the_penalty_is_that_of_a_critic_whose_gradient_is_known() -> None:
    """A critic that sums all pixels times 2 / √(number of pixels) has a gradient of length 2 everywhere: (2 - 1)²."""

    class Sum(nn.Module):
        def forward(self, pixels: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return 2 * pixels.flatten(1).sum(dim=1) / pixels[0].numel() ** 0.5, label

    step = a_step()
    step.critic = Sum()  # type: ignore[assignment]
    pixels, label = torch.rand(4, 3, SIDE, SIDE), torch.zeros(4, dtype=torch.int64)
    assert float(step.penalty(pixels, torch.rand_like(pixels), label)) == pytest.approx(1.0, abs=1e-4)


def a_step(labels: int = 3) -> training.GanStep:
    torch.manual_seed(5)
    numbers = model.wgan_gp_small()
    effort = training.Effort(1, 1, (1e-3, 1e-3), 8, 0.9, 8)
    return training.GanStep(model.Generator(numbers, labels), model.Critic(numbers, labels), effort, torch.Generator().manual_seed(5))


def test_steps_of_the_gan_change_every_weight_and_the_critic_learns_to_tell() -> None:
    step = a_step()
    known = {name: value.clone() for part in (step.network, step.critic) for name, value in part.named_parameters()}
    pixels = torch.zeros(9, 3, SIDE, SIDE)
    pixels[:, 0], label = 1.0, torch.arange(9) % 3
    with torch.no_grad():
        before = float(step.critics_loss(pixels, step.network(step.noise(pixels), label), label))
    for _ in range(6):
        step(pixels, label)
    with torch.no_grad():
        after = float(step.critics_loss(pixels, step.network(step.noise(pixels), label), label))
    assert after < before
    still = {name for part in (step.network, step.critic) for name, value in part.named_parameters() if torch.equal(value, known[name])}
    assert still == set()


def test_classes_have_gains_and_shifts_of_their_own() -> None:
    torch.manual_seed(1)
    norm = model.ConditionalNorm(4, 2).eval()
    with torch.no_grad():
        norm.gain.weight[1], norm.shift.weight[1] = 3.0, 1.0
    x = torch.rand(2, 4, 5, 5)
    first, second = norm(x, torch.tensor([0, 1]))
    torch.testing.assert_close(first, x[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(second, 3 * x[1] + 1, atol=1e-4, rtol=1e-4)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_published_network_is_the_papers() -> None:
    """Ho et al. 2020, appendix B: 35.7 million parameters for CIFAR-10; 35,746,307 in the authors' code, which has no classes. Four scales
    from 32 to 4 with 128, 256, 256 and 256 filters, two residual blocks at each, self-attention at 16 × 16."""
    labels = 10
    with torch.device("meta"):
        network = model.build("ddpm_cifar", labels)
    assert count(network) - labels * 512 == 35_746_307
    assert abs(count(network) / 35.7e6 - 1) < 0.02
    assert isinstance(network, ddpm.Ddpm)
    stages = (*network.down, *network.middle, *network.up)
    blocks = [(one.block.conv1.in_channels, one.block.conv1.out_channels, isinstance(one.attention, ddpm.Attention)) for one in stages]
    assert blocks == [
        (128, 128, False), (128, 128, False), (128, 256, True), (256, 256, True), *[(256, 256, False)] * 4,
        (256, 256, True), (256, 256, False),
        *[(512, 256, False)] * 6, (512, 256, True), (512, 256, True), (384, 256, True),
        (384, 128, False), (256, 128, False), (256, 128, False),
    ]  # fmt: skip


def test_the_diffusion_keeps_what_the_paper_says() -> None:
    """Section 4: β rises evenly from 10⁻⁴ to 0.02 in 1,000 steps, so that almost nothing is left of the picture: ᾱ of about 4 · 10⁻⁵."""
    kept = ddpm.kept_share()
    assert len(kept) == STEPS
    assert float(kept[0]) == pytest.approx(1 - 1e-4)
    assert float(kept[-1]) == pytest.approx(4e-5, rel=0.05)


def test_who_knows_the_noise_finds_the_picture() -> None:
    """With a network that says exactly the noise that hides one picture, the steps end at that picture, whatever they began with."""
    picture = np.random.default_rng(1).uniform(-1, 1, (1, 3, SIDE, SIDE))
    kept = ddpm.kept_share().numpy()

    class Knows:
        def run(self, _outputs: object, inputs: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> list[object]:
            left = kept[int(inputs["step"][0])]
            return [(inputs["pixels"] - np.sqrt(left) * picture) / np.sqrt(1 - left)]

    made = serve.denoised(Knows(), 0, np.random.default_rng(2), kept)
    assert np.abs(made - (picture[0] + 1) / 2).max() < 0.02


# Trained on drawn things.


def test_the_wished_class_is_read_in_what_it_makes(trained: ModelVersion, world: ColouredThings) -> None:
    """Even a training of seconds is far above guessing; a training picture is read best, and the page says so."""
    metadata = trained.metadata
    guessing = 1 / len(world.categories)
    assert metadata["metrics"]["accuracy"]["low"] > 1.5 * guessing
    assert metadata["baselines"][training.BASELINE]["accuracy"]["value"] > 0.9
    assert metadata["only_for_comparison"]["the classifier on real test pictures"]["value"] > 0.8


@pytest.mark.parametrize("opener", OPENERS)
def test_a_wish_has_one_picture_and_another_seed_another(opener: Opener, trained: ModelVersion, world: ColouredThings) -> None:
    wishes = [wish(label, seed) for label in range(len(world.categories)) for seed in (0, 1, -1, (1 << 63) - 1, -(1 << 63))]
    answers = [opener(trained.folder, {})(asked) for asked in wishes]
    assert answers == [opener(trained.folder, {})(asked) for asked in wishes]
    assert len({shown(answer).tobytes() for answer in answers}) > 0.8 * len(wishes)


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("label", [-1, 3, 1 << 40])
def test_a_class_that_there_is_not_is_refused(opener: Opener, label: int, trained: ModelVersion, world: ColouredThings) -> None:
    assert len(world.categories) == 3
    with pytest.raises(ValueError, match=f"no class {label}"):
        opener(trained.folder, {})(wish(label, 1))


def test_the_baseline_shows_training_pictures_of_the_class_and_none_of_another(trained: ModelVersion, world: ColouredThings) -> None:
    known = {label: {world.pixels(view).tobytes() for view in world.views("train") if view.label == label} for label in range(3)}
    work = serve.open_baseline(trained.folder, {})
    for label in range(3):
        drawn = {shown(work(wish(label, seed))).tobytes() for seed in range(40)}
        assert drawn <= known[label]
        assert len(drawn) > 10


def test_what_is_served_is_what_was_measured(trained: ModelVersion, world: ColouredThings) -> None:
    """The same classifier, trained again, reads the served pictures as the metadata say, within what chance allows of other noise."""
    known, choosing = (training._pictures(world.views(split)) for split in ("train", "validation"))
    with training.reproducible(training.EVALUATOR_SEED, threads=1) as generator:
        judge = evaluator.trained_evaluator(known.pixels, known.label, choosing.pixels, choosing.label, 3, generator)
    work = serve.open_work(trained.folder, {})
    wished = torch.arange(120) % 3
    made = np.stack([shown(work(wish(label, seed))) for seed, label in enumerate(wished.tolist())])
    right = training._right(judge, torch.from_numpy(made.transpose(0, 3, 1, 2).astype(np.float32) / 255), wished)
    assert right.mean() == pytest.approx(trained.metadata["metrics"]["accuracy"]["value"], abs=0.15)


def test_training_is_the_same_for_the_same_seed_and_tells_its_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "wgan_gp_small"), training.Effort(2, 3, (1e-3, 1e-3), 8, 0.5, 12))
    monkeypatch.setattr(evaluator, "EPOCHS", 1)
    few, told = ColouredThings(things=4, views=2), list[Event]()
    first = training.train(few, "wgan_gp_small", 7, "tiny", told.append).graphs["model"].network.state_dict()
    again = training.train(few, "wgan_gp_small", 7, "tiny", untold).graphs["model"].network.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert [(event.n, event.metric) for event in told if isinstance(event, Epoch)] == [(1, "accuracy"), (2, "accuracy")]


def test_the_mean_of_the_weights_lags_behind() -> None:
    mean, network = nn.Linear(2, 1), nn.Linear(2, 1)
    old, new = mean.weight.detach().clone(), network.weight.detach()
    training._towards(mean, network, 0.75)
    torch.testing.assert_close(mean.weight.detach(), 0.75 * old + 0.25 * new)


@pytest.mark.long
def test_the_published_network_is_trained_a_step_exported_and_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """export() compares ONNX with torch. Two of the steps of serving are enough to see that it serves."""
    monkeypatch.setattr(serve, "TAKEN", 2)
    monkeypatch.setattr(evaluator, "EPOCHS", 1)
    few = ColouredThings(things=4, views=2)
    done = training.train(few, "ddpm_cifar", 7, "tiny", untold)
    files = export(done)
    assert set(files) == {"model.safetensors", "model.onnx", "gallery.onnx"}
    assert len(files["model.safetensors"]) == pytest.approx(4 * 35_746_307, rel=0.02)
    session = opened_session(files["model.onnx"])
    made = serve.denoised(session, 1, np.random.default_rng(1), np.asarray(done.serving["kept_share"]))
    assert made.shape == (3, SIDE, SIDE)
    assert np.isfinite(made).all()


def opened_session(content: bytes) -> object:
    import onnxruntime as ort

    return ort.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.long
def test_a_step_of_the_published_network_changes_every_weight() -> None:
    torch.manual_seed(3)
    network = model.build("ddpm_cifar", 3)
    assert isinstance(network, ddpm.Ddpm)
    step = training.DdpmStep(network, training.EFFORTS["tiny", "ddpm_cifar"], torch.Generator().manual_seed(1))
    known = {name: value.clone() for name, value in network.named_parameters()}
    for _ in range(2):
        step(torch.rand(3, 3, SIDE, SIDE), torch.arange(3))
    assert {name for name, value in network.named_parameters() if torch.equal(value, known[name])} == set()


def test_the_library_names_a_small_and_a_full_model() -> None:
    spec = component("image_generation")
    assert spec is not None
    assert [(row.name, row.profile.value) for row in spec.models] == [("wgan_gp_small", "small"), ("ddpm_cifar", "full")]
    assert set(model.MODELS) == {row.name for row in spec.models}
