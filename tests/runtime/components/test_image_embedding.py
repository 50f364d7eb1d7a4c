"""image_embedding: what a picture is compared by, the networks, what is served, and that it finds more than colours do."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_classification.model import Bottleneck
from aibenchrt.components.image_embedding import model, serve
from aibenchrt.components.image_embedding import train as training
from aibenchrt.components.image_embedding.simple import COARSE, coarse_pixels, colours, simple_vector
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures.dataset import WORLDS
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld
from aibenchrt.serve import pictures
from aibenchrt.train.events import untold
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Work
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first

SIDE = serve.SIDE
OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: FurnitureWorld) -> ModelVersion:
    return train_task("image_embedding", "residual_small", world, size="tiny")


def plain(inner: tuple[int, int, int], outer: tuple[int, int, int], side: int = SIDE) -> NDArray[np.uint8]:
    """A disc of one colour on another."""
    place = (np.arange(side) + 0.5) / side - 0.5
    inside = place[:, None] ** 2 + place[None, :] ** 2 < 0.3**2
    return np.where(inside[:, :, None], np.array(inner), np.array(outer)).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def vector(work: Work, png: bytes) -> NDArray[Any]:
    return np.array(work({"image": {"png": png}})["vector"]["value"])


# The simple vector.


def test_a_simple_vector_is_of_the_colours_in_the_middle() -> None:
    red_on_green, red_on_blue, blue_on_green = (
        plain(*pair) for pair in (((200, 20, 20), (20, 160, 20)), ((200, 20, 20), (20, 20, 200)), ((20, 20, 200), (20, 160, 20)))
    )
    assert colours(red_on_green) @ colours(red_on_blue) > 2 * (colours(red_on_green) @ colours(blue_on_green))
    assert simple_vector(red_on_green) @ simple_vector(red_on_blue) > simple_vector(red_on_green) @ simple_vector(blue_on_green)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_grey_has_a_vector_too(level: int) -> None:
    grey = np.full((SIDE, SIDE, 3), level, dtype=np.uint8)
    assert not coarse_pixels(grey).any()
    assert np.linalg.norm(simple_vector(grey)) == pytest.approx(1.0)
    assert len(simple_vector(grey)) == 8**3 + COARSE**2 * 3


# Networks.


def test_resnet50_is_that_of_table_1() -> None:
    """He et al. 2016, table 1: 25.6 million parameters with 1,000 classes, 50 layers, maps of 56, 28, 14, 7."""
    with torch.device("meta"):
        network = model.build("resnet50")
        classes = nn.Linear(network.trunk.leaving, 1000)
    assert isinstance(network.trunk, model.BottleneckTrunk)
    whole = sum(p.numel() for part in (network.trunk, classes) for p in part.parameters())
    assert whole == 25_557_032
    assert abs(whole / 25.6e6 - 1) < 0.02
    blocks = [block for block in network.modules() if isinstance(block, Bottleneck)]
    assert 1 + 3 * len(blocks) + 1 == 50
    shapes: list[tuple[int, ...]] = []
    for block in blocks:
        block.register_forward_hook(lambda _block, _inputs, output: shapes.append(tuple(output.shape[1:])))
    network.eval()(torch.zeros(1, 3, SIDE, SIDE, device="meta"))
    assert shapes == [(256, 56, 56)] * 3 + [(512, 28, 28)] * 4 + [(1024, 14, 14)] * 6 + [(2048, 7, 7)] * 3


def test_every_model_of_the_catalogue_can_be_built() -> None:
    spec = component("image_embedding")
    assert spec is not None
    assert {declared.name for declared in spec.models} == set(model.MODELS)


def test_the_small_network_ends_in_maps_of_four_and_a_generalised_mean() -> None:
    torch.manual_seed(1)
    network = model.build("residual_small").eval()
    trunk = network.trunk
    assert isinstance(trunk, model.SmallTrunk)
    assert sum(p.numel() for p in network.parameters()) == 323_320
    maps: list[torch.Tensor] = []
    trunk.blocks.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
    with torch.no_grad():
        features = network.features(torch.rand(2, 3, SIDE, SIDE))
    assert maps[0].shape == (2, 128, 4, 4)
    # Between the mean and the largest.
    assert (features >= maps[0].mean((2, 3)) - 1e-5).all()
    assert (features <= maps[0].amax((2, 3)) + 1e-3).all()


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name == "resnet50" else []) for name in model.MODELS])
def test_a_training_step_changes_every_weight_and_lowers_the_loss(name: str, world: FurnitureWorld) -> None:
    torch.manual_seed(3)
    network, loss_of = model.build(name).train(), training.Loss(128 if name == "residual_small" else 2048, 6)
    entries = [entry for entry in world.catalogue if entry.split == "train"][:4]
    wanted = {entry.item_id for entry in entries}
    views = {view.item_id: view for view in world.views("train") if view.item_id in wanted}
    shown = training._pictures([*(views[entry.item_id] for entry in entries), *entries])
    labels = torch.from_numpy(shown.label[:4])
    optimizer = torch.optim.SGD([*network.parameters(), *loss_of.parameters()], lr=0.01)

    def loss() -> torch.Tensor:
        features = network.features(shown.pixels)
        value: torch.Tensor = loss_of(network.vector(features), features, labels)
        return value

    before = {key: value.clone() for key, value in network.named_parameters()}
    first = loss()
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss().detach()) < float(first.detach())
    assert [key for key, value in network.named_parameters() if torch.equal(value, before[key])] == []
    made = training.graph(network.eval(), shown)
    assert difference(made, to_onnx(made)) <= 1.0


# Training.


def test_the_loss_of_two_models_is_what_the_paper_says() -> None:
    """Views at right angles to each other, each like its own picture: -log of e^(1/T) / (e^(1/T) + 1), both ways."""
    loss_of = training.Loss(3, 5)
    nn.init.zeros_(loss_of.nouns.weight)
    nn.init.zeros_(loss_of.nouns.bias)
    vectors = torch.eye(2).repeat(2, 1)
    cold = np.exp(1 / training.TEMPERATURE)
    contrast = -np.log(cold / (cold + 1))
    loss = loss_of(vectors, torch.zeros(4, 3), torch.tensor([0, 4]))
    assert float(loss.detach()) == pytest.approx(contrast + training.NOUNS * np.log(5), rel=1e-4)
    swapped = loss_of(vectors[[0, 1, 3, 2]], torch.zeros(4, 3), torch.tensor([0, 4]))
    assert float(swapped.detach()) == pytest.approx(contrast + 1 / training.TEMPERATURE + training.NOUNS * np.log(5), rel=1e-4)


def test_an_epoch_has_every_view_once_and_no_model_twice_in_a_batch() -> None:
    items = np.repeat(np.array([3, 5, 8, 9, 11]), 4)
    rows = list(training._epoch(items, training.Effort(1, 0.1, 2), np.random.default_rng(1)))
    assert all(len(batch) == len(set(items[batch])) == 2 for batch in rows)  # the fifth model's single rows are left out
    seen = list(itertools.chain(*rows))
    assert len(seen) == len(set(seen)) == 16
    every = np.concatenate(list(training._epoch(items, training.Effort(1, 0.1, 5), np.random.default_rng(1))))
    assert sorted(every) == list(range(20))
    few = np.concatenate(list(training._epoch(items, training.Effort(1, 0.1, 5, models=2), np.random.default_rng(1))))
    assert set(items[few]) == {3, 5}


def test_a_rank_counts_nearer_pictures_and_half_of_those_as_near() -> None:
    nothing = torch.zeros(0)
    catalogue = training.Pictures(nothing, np.array([7, 4, 9, 2]), np.zeros(4, dtype=np.int64))
    shown = training.Pictures(nothing, np.array([4, 2]), np.zeros(2, dtype=np.int64))
    among = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.6, 0.8]])
    assert training._places(shown.item, catalogue).tolist() == [1, 3]
    assert training._ranks(np.array([[1.0, 0.0], [0.0, 1.0]]), among, shown, catalogue).tolist() == [1, 1]
    alike = np.ones((4, 2))
    assert training._ranks(alike[:2], alike, shown, catalogue).tolist() == [1, 1], "a vector that is always the same finds nothing by it"


def test_the_same_seed_gives_the_same_network(world: FurnitureWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "residual_small"), training.Effort(1, 1e-3, 8, 16))
    first, again, other = (training.train(world, "residual_small", seed, "tiny", untold) for seed in (3, 3, 4))
    weights = [trained.graphs["model"].network.state_dict()["out.weight"] for trained in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert first.metrics == again.metrics


def test_no_test_model_and_no_picture_of_one_is_learned_from(world: FurnitureWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other pictures of what is held out for the test, the network is the same."""
    monkeypatch.setitem(training.EFFORTS, ("tiny", "residual_small"), training.Effort(1, 1e-3, 8, 16))
    black = colour_png(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))
    tests = {piece.item_id for piece in world.pieces if piece.split == "test"}
    hidden = tuple(black if piece.item_id in tests else png for piece, png in zip(world.pieces, world.pictures, strict=True))
    changed = replace(world, pictures=hidden)
    weights = [
        training.train(given, "residual_small", 3, "tiny", untold).graphs["model"].network.state_dict() for given in (world, changed)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


# Serving.


def found(work: Work, world: FurnitureWorld) -> float:
    catalogue = np.stack([vector(work, entry.png) for entry in world.catalogue])
    ids = np.array([entry.item_id for entry in world.catalogue])
    views = world.views("test")
    asked = np.stack([vector(work, view.png) for view in views])
    nearest = ids[np.argsort(-(asked @ catalogue.T), axis=1)[:, :10]]
    return float(np.mean([view.item_id in row for view, row in zip(views, nearest, strict=True)]))


def test_what_is_served_finds_as_many_as_training_measured_and_more_than_colours_and_chance(
    world: FurnitureWorld, trained: ModelVersion
) -> None:
    measured, gains = trained.metadata["metrics"]["recall@10"], trained.metadata["gains"]
    served, simple, drawn = (found(opener(trained.folder, {}), world) for opener in OPENERS)
    assert served == pytest.approx(measured["value"], abs=0.01)
    assert simple == pytest.approx(trained.metadata["baselines"][training.BASELINE]["recall@10"]["value"], abs=0.01)
    assert gains[f"recall@10 over {training.BASELINE}"]["low"] > 0
    assert drawn < 2.5 * 10 / len(world.pieces) < simple < served


@pytest.mark.parametrize("opener", OPENERS)
def test_a_vector_has_unit_length_and_is_the_pictures_own(opener: Any, world: FurnitureWorld, trained: ModelVersion) -> None:
    work = opener(trained.folder, {})
    views = world.views("test")[:6]
    vectors = [vector(work, view.png) for view in views]
    assert [np.linalg.norm(one) for one in vectors] == pytest.approx([1.0] * 6, abs=1e-5)
    assert len({one.round(6).tobytes() for one in vectors}) == 6
    again = [vector(opener(trained.folder, {}), view.png) for view in views]
    assert all((one == other).all() for one, other in zip(vectors, again, strict=True))


@pytest.mark.parametrize("opener", OPENERS[:2])
def test_size_and_mode_of_a_picture_hardly_matter(opener: Any, world: FurnitureWorld, trained: ModelVersion) -> None:
    work = opener(trained.folder, {})
    with Image.open(io.BytesIO(world.catalogue[0].png)) as opened:
        image = opened.convert("RGB")
    own = vector(work, encoded(image))
    for other in (image.resize((192, 192), Image.Resampling.BILINEAR), image.convert("RGBA"), image.quantize(128)):
        assert own @ vector(work, encoded(other)) > 0.97
    for odd in (image.convert("L"), image.convert("1"), Image.new("I;16", (5, 300)), Image.new("RGB", (1, 1)), Image.new("LA", (9, 9))):
        assert np.linalg.norm(vector(work, encoded(odd))) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("opener", OPENERS[:2])
def test_what_is_no_picture_is_refused(opener: Any, world: FurnitureWorld, trained: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    work = opener(trained.folder, {})
    png = world.catalogue[0].png
    for wrong in (b"", b"no picture", encoded(Image.new("RGB", (8, 8)), "JPEG"), encoded(Image.new("RGB", (8, 8)), "GIF")):
        with pytest.raises(UnidentifiedImageError):
            vector(work, wrong)
    with pytest.raises(OSError, match=r"(?i)truncated|broken"):
        vector(work, png[: len(png) // 2])
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(ValueError, match="too large"):
        vector(work, png)
    assert np.linalg.norm(vector(work, encoded(Image.new("RGB", (10, 10))))) == pytest.approx(1.0, abs=1e-5)


def test_a_model_of_another_component_is_not_opened(trained: ModelVersion, tmp_path: Path) -> None:
    from aibenchrt.errors import EnvironmentFailure

    with pytest.raises(EnvironmentFailure, match="AIB603"):
        serve.open_work(tmp_path, {})
    (tmp_path / "metadata.json").write_bytes((trained.folder / "metadata.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(EnvironmentFailure, match="AIB603"):
        serve.open_work(tmp_path, {})
