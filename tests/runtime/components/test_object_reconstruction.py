"""3D object reconstruction: shapes, mirrored bodies, the published layers, and what is served as it was measured."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.answers import Voxels
from aibenchrt.catalog import component
from aibenchrt.components.object_reconstruction_3d import model, serve
from aibenchrt.components.object_reconstruction_3d import train as training
from aibenchrt.datasets.arcade.dataset import WORLDS
from aibenchrt.datasets.arcade.world import ArcadeWorld
from aibenchrt.datasets.looks import packed, unpacked
from aibenchrt.metrics import score_each
from aibenchrt.train.events import untold
from aibenchrt.train.export import export
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Work
from PIL import Image, UnidentifiedImageError
from torch import nn

OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)


@pytest.fixture(scope="module")
def world() -> ArcadeWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: ArcadeWorld) -> ModelVersion:
    return train_task("object_reconstruction_3d", "voxels_small", world, size="tiny")


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def listed(layers: nn.Module) -> str:
    """The convolutions and poolings, in order: kind[filters, size]."""
    names = []
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            names.append(f"conv[{layer.out_channels},{layer.kernel_size[0]}]")
        elif isinstance(layer, nn.ConvTranspose3d):
            names.append(f"up[{layer.out_channels},{layer.kernel_size[0]}]")
        elif isinstance(layer, nn.MaxPool2d | nn.MaxPool3d):
            names.append(f"max[{layer.kernel_size}]")
        elif isinstance(layer, nn.Linear):
            names.append(f"fc[{layer.out_features}]")
    return "-".join(names)


def test_the_published_network_is_pix2vox_a() -> None:
    """Xie et al. 2019, figure 3 and section 3.2 to 3.5; table 5: Pix2Vox-A has 114.24 M parameters, with the fusion of several views."""
    with torch.device("meta"):
        network = model.build("pix2vox_a")
        made = network(torch.zeros(2, 3, serve.PIXELS, serve.PIXELS))
    assert made.shape == (2, serve.SIDE, serve.SIDE, serve.SIDE)
    assert isinstance(network, model.Pix2Vox)
    assert listed(network.encoder) == (
        "conv[64,3]-conv[64,3]-max[2]-conv[128,3]-conv[128,3]-max[2]-conv[256,3]-conv[256,3]-conv[256,3]-max[2]-conv[512,3]-"
        "conv[512,3]-conv[512,3]-max[3]-conv[256,1]"
    )
    assert listed(network.decoder) == "up[512,4]-up[128,4]-up[32,4]-up[8,4]-up[1,1]"
    assert listed(network.refiner) == ("conv[32,4]-max[2]-conv[64,4]-max[2]-conv[128,4]-max[2]-fc[2048]-fc[8192]-up[64,4]-up[32,4]-up[1,4]")
    assert count(network) == 114_235_896
    assert abs(count(network) / 114.24e6 - 1) < 0.02


@pytest.mark.parametrize("name", ["voxels_small", pytest.param("pix2vox_a", marks=pytest.mark.long)])
def test_training_steps_lower_the_loss_and_change_every_weight(name: str, world: ArcadeWorld) -> None:
    torch.manual_seed(3)
    network = model.build(name).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    known = training.shown(world.solids("train")[::100])
    pixels, full = torch.from_numpy(serve.as_input(known.pixels)), torch.from_numpy(known.full).float()
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = model.loss_of(network(pixels), full)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    unchanged = {name for name, value in network.named_parameters() if torch.equal(value, before[name])}
    assert not unchanged


def test_the_loss_is_least_for_the_truth() -> None:
    full = (torch.rand(3, 24, 24, 24) < 0.2).float()
    assert model.loss_of(full, full) < 1e-4
    assert model.loss_of(full * 0.8 + 0.1, full) < model.loss_of(1 - full, full)


def test_a_mirrored_picture_is_of_the_mirrored_body() -> None:
    pixels, full = torch.rand(64, 3, 64, 64), (torch.rand(64, 24, 24, 24) < 0.3).float()
    _, bodies = training.varied(pixels, full, torch.Generator().manual_seed(1))
    same = [torch.equal(one, other) for one, other in zip(bodies, full, strict=True)]
    other_way = [torch.equal(one, other.flip(2)) for one, other in zip(bodies, full, strict=True)]
    assert all(a != b for a, b in zip(same, other_way, strict=True))
    assert 16 < sum(same) < 48


def test_colours_change_only_before_the_background() -> None:
    pixels = torch.full((8, 3, 64, 64), 0.3)
    pixels[:, :, 20:40, 20:40] = 0.7
    seen, _ = training.varied(pixels, torch.zeros(8, 24, 24, 24), torch.Generator().manual_seed(2))
    assert torch.equal(seen[:, :, :20], pixels[:, :, :20])
    assert (seen[:, :, 25:35, 25:35] != 0.7).any()


def test_bodies_of_another_side_are_refused(world: ArcadeWorld) -> None:
    class Other:
        png, solid, side, item_id, label = world.solids("test")[0].png, b"\0", 2, 1, 1

    with pytest.raises(ValueError, match="24 voxels"):
        training.shown([Other()])


def test_what_is_remembered_is_given_back(world: ArcadeWorld) -> None:
    known = training.remembered(world.solids("train"))
    again = serve.Known.read(known.stored())
    shown = training.shown(world.solids("train")[:1])
    assert np.array_equal(again.body(again.nearest(shown.pixels[0])), shown.full[0]), "a training picture is nearest to itself"
    assert (again.of, again.solids) == (known.of, known.solids)
    assert max(np.bincount(known.of)) <= training.REMEMBERED


def test_overlaps_are_the_metric() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 5, 24, 24, 24)) < 0.3
    metric = score_each("voxel_iou", [Voxels(packed(body), 24) for body in one], [Voxels(packed(body), 24) for body in other])
    assert training.overlaps(other, one) == pytest.approx(metric)


# Trained on synthetic data.


def test_it_beats_the_nearest_picture_and_the_mean_shape(trained: ModelVersion) -> None:
    assert trained.metadata["metrics"]["voxel_iou"]["value"] > 0.45
    assert all(gain["low"] > 0 for gain in trained.metadata["gains"].values())


@pytest.mark.parametrize(("opener", "name"), [(serve.open_work, None), (serve.open_baseline, training.NEAREST)])
def test_what_is_served_has_the_quality_that_was_measured(
    opener: Callable[[Path, dict[str, str | int]], Work], name: str | None, trained: ModelVersion, world: ArcadeWorld
) -> None:
    work, test = opener(trained.folder, {}), world.solids("test")
    given = [work({"image": {"png": one.png}})["solid"] for one in test]
    scores = score_each(
        "voxel_iou", [Voxels(one.solid, one.side) for one in test], [Voxels(solid["content"], solid["side"]) for solid in given]
    )
    measured = (trained.metadata["baselines"][name] if name else trained.metadata["metrics"])["voxel_iou"]["value"]
    assert scores.mean() == pytest.approx(measured, abs=2e-3)


@pytest.mark.parametrize("opener", OPENERS)
def test_any_picture_has_a_body_that_depends_on_it_alone(
    opener: Callable[[Path, dict[str, str | int]], Work], trained: ModelVersion, world: ArcadeWorld
) -> None:
    out = io.BytesIO()
    Image.new("LA", (300, 20)).save(out, "PNG")
    pngs: list[Any] = [one.png for one in world.solids("test")[::30]] + [out.getvalue()]
    answers = [opener(trained.folder, {})({"image": {"png": png}})["solid"] for png in pngs]
    assert answers == [opener(trained.folder, {})({"image": {"png": png}})["solid"] for png in pngs]
    assert len({answer["content"] for answer in answers}) > 2
    for answer in answers:
        assert unpacked(answer["content"], answer["side"]).shape == (serve.SIDE,) * 3
    with pytest.raises(UnidentifiedImageError):
        opener(trained.folder, {})({"image": {"png": b"no picture"}})


def test_training_is_the_same_for_the_same_seed(world: ArcadeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "voxels_small"), training.Effort(1, 4e-3, 16, 48))
    first, again = (training.train(world, "voxels_small", 7, "tiny", untold).graphs["model"].network.state_dict() for _ in range(2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())


@pytest.mark.long
def test_the_published_network_is_trained_a_step_and_exported(world: ArcadeWorld) -> None:
    """export() compares ONNX with torch on real pictures."""
    files = export(training.train(world, "pix2vox_a", 7, "tiny", untold))
    assert set(files) == {"model.safetensors", "model.onnx"}
    assert 4.5e8 < len(files["model.safetensors"]) < 4.7e8


def test_the_library_names_a_small_and_a_full_model() -> None:
    spec = component("object_reconstruction_3d")
    assert spec is not None
    assert [(row.name, row.profile.value) for row in spec.models] == [("voxels_small", "small"), ("pix2vox_a", "full")]
    assert set(model.MODELS) == {row.name for row in spec.models}


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_three_seeds_beat_the_baselines_on_real_data() -> None:
    real = WORLDS.load("real")
    for seed in (7, 8, 9):
        metadata = train_task("object_reconstruction_3d", "voxels_small", real, seed, "small").metadata
        assert all(gain["low"] > 0 for gain in metadata["gains"].values())
