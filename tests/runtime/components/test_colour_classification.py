"""image_classification of photos in colour: how they are read, varied and measured, by model and baselines; grey models are as before."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from aibenchrt.components.image_classification import model, serve
from aibenchrt.components.image_classification import train as training
from aibenchrt.components.image_classification.train import MAJORITY, REGRESSION
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures.dataset import WORLDS
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld
from aibenchrt.datasets.png import png
from aibenchrt.train.events import untold
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from PIL import Image, UnidentifiedImageError

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: FurnitureWorld) -> ModelVersion:
    return train_task("image_classification", "resnet20_colour", world, size="tiny")


def test_colours_are_read_in_the_order_red_green_blue_at_any_size() -> None:
    orange = np.full((50, 20, 3), (255, 128, 0), dtype=np.uint8)
    planes = serve.colour_planes(colour_png(orange), 32)
    assert (planes.shape, planes.dtype) == ((3, 32, 32), np.float32)
    assert [float(plane.mean()) for plane in planes] == pytest.approx([1.0, 128 / 255, 0.0])
    grey = serve.colour_planes(png(np.full((28, 28), 51, dtype=np.uint8)), 32)
    assert np.unique(grey).tolist() == pytest.approx([0.2])


def test_photos_that_fit_are_not_touched_and_others_converted(world: FurnitureWorld) -> None:
    photos = world.photos
    assert training.fitting(photos, model.resnet20_colour()) is photos
    grey = training.fitting(photos, model.resnet20())
    assert grey.images.shape == (len(photos.images), 28, 28)
    with Image.fromarray(photos.images[5]) as shown:
        out = io.BytesIO()
        shown.save(out, "PNG")
    served = serve.grey_pixels(out.getvalue(), 28)
    assert np.array_equal(np.rint(served * 255).astype(np.uint8), grey.images[5]), "as in serving"
    back = training.fitting(grey, model.resnet20_colour())
    assert back.images.shape == photos.images.shape
    assert np.array_equal(back.images[..., 0], back.images[..., 2])


def test_training_photos_are_varied_and_stay_what_they_are() -> None:
    photos = torch.arange(32.0).repeat(2, 3, 32, 1)
    varied = training._varied(photos, torch.Generator().manual_seed(1))
    assert varied.shape == photos.shape
    assert not torch.equal(varied[0], varied[1])
    assert torch.equal(varied, training._varied(photos, torch.Generator().manual_seed(1)))
    steps = varied[0, 0, 0].diff()
    assert bool((steps >= 0).all() or (steps <= 0).all()), "one that rises from left to right rises or falls"


def test_the_regression_never_answers_a_label_that_it_has_not_seen() -> None:
    rng = np.random.default_rng(1)
    labels = np.array([0, 2, 3] * 20)
    drawn = rng.normal(0, 0.1, (60, 3, 32, 32)).astype(np.float32)
    for label, photo in zip(labels, drawn, strict=True):
        photo[{0: 0, 2: 1, 3: 2}[int(label)]] += 2.0
    photos = torch.from_numpy(drawn)
    simple = training.regression(photos, labels, 4)
    with torch.no_grad():
        answers = simple(photos).argmax(dim=1).numpy()
        assert set(simple(torch.randn(200, 3, 32, 32)).argmax(dim=1).tolist()) <= {0, 2, 3}
    assert np.array_equal(answers, labels)


def test_it_beats_both_baselines_and_draws_things(trained: ModelVersion, world: FurnitureWorld) -> None:
    accuracy, baselines = trained.metadata["metrics"]["accuracy"], trained.metadata["baselines"]
    things = len({query.user_id for query in world.photo_queries_of("test")})
    assert accuracy["method"] == f"bootstrap over {things} users"
    assert trained.metadata["gains"][f"accuracy over {MAJORITY}"]["low"] > 0
    assert set(baselines) == {MAJORITY, REGRESSION}
    assert accuracy["value"] > 0.4 > baselines[MAJORITY]["accuracy"]["value"]


@pytest.mark.parametrize("name", [None, REGRESSION])
def test_what_is_served_has_the_quality_that_was_measured(name: str | None, trained: ModelVersion, world: FurnitureWorld) -> None:
    """Of the photos as PNG, by the model and by the baseline that takes its place in an ablation."""
    work = serve.open_baseline(trained.folder, {}) if name else serve.open_work(trained.folder, {})
    images, labels = world.photos.of("test")
    answers = [work({"image": {"png": colour_png(image)}})["category"] for image in images]
    measured = (trained.metadata["baselines"][name] if name else trained.metadata["metrics"])["accuracy"]["value"]
    assert np.mean([answer["label"][0] == label for answer, label in zip(answers, labels, strict=True)]) == pytest.approx(
        measured, abs=0.005
    )
    assert all(sum(answer["probability"]) == pytest.approx(1.0, abs=1e-4) for answer in answers[:20])


def test_what_is_no_picture_is_refused(trained: ModelVersion) -> None:
    with pytest.raises(UnidentifiedImageError):
        serve.open_work(trained.folder, {})({"image": {"png": b"no picture"}})


def test_random_answers_depend_on_the_photo_alone(trained: ModelVersion, world: FurnitureWorld) -> None:
    guess = serve.open_random(trained.folder, {})
    first, second = ({"image": {"png": colour_png(image)}} for image in world.photos.of("test")[0][:2])
    assert guess(first) == guess(first) != guess(second)
    assert sorted(guess(first)["category"]["label"]) == list(range(len(world.categories)))


def test_a_grey_model_still_reads_one_channel_and_has_the_majority_as_baseline(
    world: FurnitureWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On photos in colour, too, which it takes as grey."""
    monkeypatch.setitem(training.COLOUR_EFFORTS, "tiny", training.Effort(1, 64, 0.05, 16))
    made = training.train(world, "resnet20", 7, "tiny", untold)
    assert "channels" not in made.serving
    assert made.serving["pixels"] == 28
    assert made.graphs["model"].inputs["pixels"].shape == (8, 1, 28, 28)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_three_seeds_beat_the_baseline_on_real_data() -> None:
    real = WORLDS.load("real")
    for seed in (7, 8, 9):
        metadata = train_task("image_classification", "resnet20_colour", real, seed, "small").metadata
        assert metadata["gains"][f"accuracy over {REGRESSION}"]["low"] > 0
