"""face_embedding and face_recognition_3d: the networks, what is served, and that persons are verified by it. Faces are drawn ones."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.face_embedding import model as colour_model
from aibenchrt.components.face_embedding import serve as colour_serve
from aibenchrt.components.face_embedding import train as colour_train
from aibenchrt.components.face_embedding.simple import simple_features
from aibenchrt.components.face_recognition_3d import model as depth_model
from aibenchrt.components.face_recognition_3d import relief
from aibenchrt.components.face_recognition_3d import serve as depth_serve
from aibenchrt.components.face_recognition_3d import train as depth_train
from aibenchrt.components.image_classification.model import Bottleneck
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.depth_png import depth_png
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve import depth, pictures
from aibenchrt.train.angular_margin import AngularMargin
from aibenchrt.train.events import untold
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.recognisers import Effort, graph
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.train.verification import EQUAL, pairs_of, similarities, templates
from aibenchrt.values import Work
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tiny_faces import Capture, TinyFaces
from torch import nn

SIDE = 64
SMALL = {"face_embedding": "arcface_small", "face_recognition_3d": "depth_small"}
FULL = {"face_embedding": "iresnet50", "face_recognition_3d": "rgbd_resnet50"}
SERVE: dict[str, ModuleType] = {"face_embedding": colour_serve, "face_recognition_3d": depth_serve}
TRAIN: dict[str, ModuleType] = {"face_embedding": colour_train, "face_recognition_3d": depth_train}
MODEL: dict[str, ModuleType] = {"face_embedding": colour_model, "face_recognition_3d": depth_model}
WORKS = [(name, opener) for name in SMALL for opener in ("open_work", "open_baseline", "open_random")]


@pytest.fixture(scope="module")
def world() -> TinyFaces:
    return TinyFaces()


@pytest.fixture(scope="module")
def trained(world: TinyFaces, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelVersion]:
    models, any_world = tmp_path_factory.mktemp("models"), cast(Any, world)
    return {name: train_task(name, model, any_world, size="tiny", models=models) for name, model in SMALL.items()}


def faces_of(name: str, captures: Sequence[Capture], model: str) -> Any:
    return colour_train.faces(captures) if name == "face_embedding" else depth_train.faces(captures, depth_model.channels(model))


def given(capture: Capture) -> dict[str, dict[str, bytes]]:
    return {"image": {"png": capture.png}, "depth": {"png": capture.depth}}


def vector(work: Work, capture: Capture) -> NDArray[Any]:
    return np.array(work(given(capture))["vector"]["value"])


def opened(name: str, opener: str, trained: dict[str, ModelVersion]) -> Work:
    work: Work = getattr(SERVE[name], opener)(trained[name].folder, {})
    return work


# Networks.


@pytest.mark.parametrize("name", SMALL)
def test_every_model_of_the_catalogue_can_be_built(name: str) -> None:
    spec = component(name)
    assert spec is not None
    assert {declared.name for declared in spec.models} == set(MODEL[name].MODELS)


def stage(entering: int, leaving: int, count: int) -> int:
    """Parameters of a stage: two convolutions, three norms and slopes a block; a projection with a norm in the first."""
    first = 2 * entering + 9 * entering * leaving + 3 * leaving + 9 * leaving**2 + 2 * leaving + entering * leaving + 2 * leaving
    return first + (count - 1) * (18 * leaving**2 + 7 * leaving)


def test_iresnet50_is_that_of_arcface() -> None:
    """The authors' network (insightface, recognition/arcface_torch/backbones/iresnet.py): stages of 3, 4, 14 and 3 blocks, maps of 56, 28,
    14 and 7, 512 outputs; its parameters counted by hand, block by block."""
    with torch.device("meta"):
        network = colour_model.build("iresnet50")
    whole = sum(p.numel() for p in network.parameters())
    first, last = 3 * 9 * 64 + 3 * 64, 2 * 512 + (512 * 49 + 1) * 512 + 2 * 512
    stages = sum(stage(entering, leaving, count) for entering, leaving, count in ((64, 64, 3), (64, 128, 4), (128, 256, 14), (256, 512, 3)))
    assert whole == first + stages + last == 43_590_848
    blocks = [block for block in network.modules() if isinstance(block, colour_model.ImprovedBlock)]
    assert 1 + 2 * len(blocks) + 1 == 50
    shapes: list[tuple[int, ...]] = []
    for block in blocks:
        block.register_forward_hook(lambda _block, _inputs, output: shapes.append(tuple(output.shape[1:])))
    out = network.eval()(torch.zeros(1, 3, SIDE, SIDE, device="meta"))
    assert shapes == [(64, 56, 56)] * 3 + [(128, 28, 28)] * 4 + [(256, 14, 14)] * 14 + [(512, 7, 7)] * 3
    assert out.shape == (1, 512)
    ((entering, leaving),) = {(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)}
    assert (entering, leaving) == (512 * 7 * 7, 512)


def test_rgbd_resnet50_is_table_1_with_a_channel_of_depth() -> None:
    """He et al. 2016, table 1: 25.6 million parameters with 1,000 classes, 50 layers, maps of 56, 28, 14, 7; the first convolution reads
    four channels."""
    with torch.device("meta"):
        network = depth_model.build("rgbd_resnet50")
        classes = nn.Linear(2048, 1000)
    assert isinstance(network, depth_model.ColourAndDepth)
    whole = sum(p.numel() for part in (network.trunk, classes) for p in part.parameters())
    assert whole == 25_557_032 + 7 * 7 * 64
    assert abs(whole / 25.6e6 - 1) < 0.02
    blocks = [block for block in network.modules() if isinstance(block, Bottleneck)]
    assert 1 + 3 * len(blocks) + 1 == 50
    shapes: list[tuple[int, ...]] = []
    for block in blocks:
        block.register_forward_hook(lambda _block, _inputs, output: shapes.append(tuple(output.shape[1:])))
    network.eval()(torch.zeros(1, 4, SIDE, SIDE, device="meta"))
    assert shapes == [(256, 56, 56)] * 3 + [(512, 28, 28)] * 4 + [(1024, 14, 14)] * 6 + [(2048, 7, 7)] * 3


def test_the_small_networks_see_where_each_feature_is() -> None:
    """With the rows of its last maps exchanged a face is another: nothing is averaged over places."""
    torch.manual_seed(1)
    network = colour_model.build("arcface_small").eval()
    assert sum(p.numel() for p in network.parameters()) == 569_592
    assert sum(p.numel() for p in depth_model.build("depth_small").parameters()) == 568_392
    end: Any = cast(Any, network).network.end
    maps = torch.randn(1, 128, 4, 4)
    with torch.no_grad():
        assert float((end(maps) * end(maps.flip(2))).sum()) < 0.9


@pytest.mark.parametrize(
    ("name", "chosen"),
    [*SMALL.items(), *(pytest.param(*full, marks=pytest.mark.long) for full in FULL.items())],
)
def test_a_training_step_changes_every_weight_and_lowers_the_loss(name: str, chosen: str, world: TinyFaces) -> None:
    torch.manual_seed(3)
    network = MODEL[name].build(chosen).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    faces = faces_of(name, world.faces("train")[::12][:6], chosen)
    persons = torch.arange(6)
    with torch.no_grad():
        width = network(faces.given(slice(0, 6))).shape[1]
    loss_of = AngularMargin(width, 6, 24.0, 0.3)
    optimizer = torch.optim.SGD([*network.parameters(), *loss_of.parameters()], lr=0.001)  # small, for the scale of ArcFace is large
    before = {key: value.clone() for key, value in network.named_parameters() if value.requires_grad}
    first = loss_of(network(faces.given(slice(0, 6))), persons)
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss_of(network(faces.given(slice(0, 6))), persons).detach()) < float(first.detach())
    unchanged = [key for key, value in network.named_parameters() if key in before and torch.equal(value, before[key])]
    assert unchanged == []
    made = graph(network.eval(), faces)
    assert difference(made, to_onnx(made)) <= 1.0


# What is known of a face.


def test_relief_is_how_near_the_face_is_whatever_its_distance() -> None:
    levels = np.full((SIDE, SIDE), 5000, dtype=np.uint16)
    levels[:8] = 0
    levels[30:34, 30:34] = 4700  # 3 cm nearer
    levels[60:] = 9000
    made = relief.relief(levels)
    assert made.dtype == np.float32
    assert (made[:8] == relief.NOTHING).all()
    assert made[31, 31] == pytest.approx(300 / relief.REACH)
    assert made[20, 20] == 0.0
    assert (made[60:] == -1).all()
    nearer = relief.relief(np.where(levels > 0, levels - 1500, 0).astype(np.uint16))
    assert nearer == pytest.approx(made)
    assert (relief.relief(np.zeros((SIDE, SIDE), dtype=np.uint16)) == relief.NOTHING).all()
    border = np.zeros((SIDE, SIDE), dtype=np.uint16)
    border[0, 0] = 4000
    assert relief.relief(border)[0, 0] == 0.0, "nothing in the middle: what there is counts"


def test_the_simple_features_of_depth_have_the_nose_in_the_middle() -> None:
    def face(down: int, across: int) -> NDArray[np.float32]:
        near = np.full((SIDE, SIDE), -0.5, dtype=np.float32)
        near[20 + down : 40 + down, 20 + across : 44 + across] = 0.0
        near[30 + down : 32 + down, 30 + across : 32 + across] = 0.8
        return near

    still, moved = (relief.simple_features(face(*by)).reshape(relief.COARSE, relief.COARSE) for by in ((0, 0), (6, -8)))
    inner = np.s_[8:-8, 8:-8]
    assert still[inner] == pytest.approx(moved[inner])
    assert {int(place) for place in np.unravel_index(still.argmax(), still.shape)} <= {15, 16}
    flat = relief.simple_features(np.zeros((SIDE, SIDE), dtype=np.float32))
    assert flat.shape == (relief.COARSE**2,)
    assert np.isfinite(flat).all()


def test_the_simple_features_of_colour_do_not_change_with_light() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(60, 120, size=(SIDE, SIDE, 3), dtype=np.uint8)
    assert simple_features(np.multiply(picture, 2, dtype=np.uint8)) == pytest.approx(simple_features(picture), abs=1e-4)
    assert simple_features(np.full((SIDE, SIDE, 3), 7, dtype=np.uint8)) == pytest.approx(0.0, abs=1e-6)


# Training.


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_network(name: str, world: TinyFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRAIN[name].EFFORTS, ("tiny", SMALL[name]), Effort(1, 1e-3, 16, captures=48))
    first, again, other = (TRAIN[name].train(world, SMALL[name], seed, "tiny", untold) for seed in (3, 3, 4))
    weights = [one.graphs["model"].network.state_dict() for one in (first, again, other)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert any(not torch.equal(weights[0][key], weights[2][key]) for key in weights[0])
    assert first.metrics == again.metrics


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_learned_from_persons_of_the_test(name: str, world: TinyFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    """With other faces of theirs the network, the baseline and the threshold are the same."""
    monkeypatch.setitem(TRAIN[name].EFFORTS, ("tiny", SMALL[name]), Effort(1, 1e-3, 16, captures=48))

    class Others(TinyFaces):
        def faces(self, split: str) -> Sequence[Capture]:
            found = super().faces(split)
            return [replace(c, png=found[0].png, depth=found[0].depth) for c in found] if split == "test" else found

    made = [TRAIN[name].train(one, SMALL[name], 3, "tiny", untold) for one in (world, Others())]
    for key in made[0].graphs:
        weights = [one.graphs[key].network.state_dict() for one in made]
        assert all(torch.equal(weights[0][part], weights[1][part]) for part in weights[0])
    assert made[0].serving == made[1].serving
    assert made[0].metrics != made[1].metrics


def test_a_world_that_did_not_enrol_everybody_is_refused() -> None:
    class Missing(TinyFaces):
        def enrolled(self, split: str) -> Sequence[Capture]:
            return super().enrolled(split)[3:]

    with pytest.raises(ValueError, match="not the same"):
        colour_train.train(Missing(), "arcface_small", 3, "tiny", untold)


# Serving.


@pytest.mark.parametrize("name", SMALL)
def test_what_is_served_errs_as_training_measured(name: str, world: TinyFaces, trained: dict[str, ModelVersion]) -> None:
    from aibenchrt.error_rates import Trials

    metadata = trained[name].metadata
    expected = {
        "open_work": metadata["metrics"][EQUAL]["value"],
        "open_baseline": metadata["baselines"]["fisherfaces"][EQUAL]["value"],
        "open_random": 0.5,
    }
    captures, enrolled = world.faces("test"), world.enrolled("test")
    persons = np.array([capture.person for capture in captures])
    pairs = pairs_of(persons, 9, seed=0)
    for opener, rate in expected.items():
        work = opened(name, opener, trained)
        known = templates(np.stack([vector(work, c) for c in enrolled]), np.array([c.person for c in enrolled]))
        scores = similarities(pairs, np.stack([vector(work, c) for c in captures]), known)
        error = Trials(pairs.genuine, scores).equal_error_rate(np.ones(len(scores)))
        assert error == pytest.approx(rate, abs=0.15 if opener == "open_random" else 0.01), opener
    assert expected["open_work"] < 0.25


@pytest.mark.parametrize(("name", "opener"), WORKS)
def test_a_vector_has_unit_length_and_is_the_captures_own(
    name: str, opener: str, world: TinyFaces, trained: dict[str, ModelVersion]
) -> None:
    captures = world.faces("test")[::13][:5]
    vectors = [vector(opened(name, opener, trained), capture) for capture in captures]
    assert [np.linalg.norm(one) for one in vectors] == pytest.approx([1.0] * 5, abs=1e-5)
    assert len({one.round(6).tobytes() for one in vectors}) == 5
    again = [vector(opened(name, opener, trained), capture) for capture in captures]
    assert all((one == other).all() for one, other in zip(vectors, again, strict=True))


@pytest.mark.parametrize("opener", ["open_work", "open_baseline"])
def test_depth_alone_decides_in_three_dimensions(opener: str, world: TinyFaces, trained: dict[str, ModelVersion]) -> None:
    """The small network does not see the colours, which a printed photo has: with another picture, or none, it says the same."""
    capture, other = world.faces("test")[0], world.faces("test")[40]
    work = opened("face_recognition_3d", opener, trained)
    assert (vector(work, replace(capture, png=other.png)) == vector(work, capture)).all()
    assert (vector(work, replace(capture, png=b"")) == vector(work, capture)).all()
    assert (vector(work, replace(capture, depth=other.depth)) != vector(work, capture)).any()


@pytest.mark.parametrize(("name", "opener"), [row for row in WORKS if row[1] != "open_random"])
def test_what_is_no_picture_is_refused(
    name: str, opener: str, world: TinyFaces, trained: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, capture = opened(name, opener, trained), world.faces("test")[0]
    field = "png" if name == "face_embedding" else "depth"
    whole = getattr(capture, field)
    for wrong in (b"", b"no picture"):
        with pytest.raises(UnidentifiedImageError):
            vector(work, replace(capture, **{field: wrong}))
    with pytest.raises(OSError, match=r"(?i)truncated|broken"):
        vector(work, replace(capture, **{field: whole[: len(whole) // 2]}))
    for module in (pictures, depth):
        monkeypatch.setattr(module, "MOST_PIXELS", 100)
    with pytest.raises(ValueError, match="too large"):
        vector(work, capture)


@pytest.mark.parametrize(("name", "opener"), [row for row in WORKS if row[1] != "open_random"])
def test_captures_of_another_size_have_nearly_the_same_vector(
    name: str, opener: str, world: TinyFaces, trained: dict[str, ModelVersion]
) -> None:
    work, capture = opened(name, opener, trained), world.faces("test")[7]
    levels = depth.depth_levels(capture.depth, SIDE)
    larger = replace(
        capture,
        png=colour_png(pictures.colour_pixels(capture.png, SIDE).repeat(3, axis=0).repeat(3, axis=1)),
        depth=depth_png(levels.repeat(3, axis=0).repeat(3, axis=1)),
    )
    assert vector(work, larger) @ vector(work, capture) > 0.99


def test_depth_is_read_as_it_was_written() -> None:
    levels = np.random.default_rng(2).integers(0, 65536, size=(10, 7)).astype(np.uint16)
    assert (depth.depth_levels(depth_png(levels.repeat(7, axis=1).repeat(7, axis=0)[:49, :49]), 7) == levels[:7]).all()
    assert depth.depth_levels(depth_png(np.full((1, 1), 77, dtype=np.uint16)), 4).tolist() == [[77] * 4] * 4
    for image in (
        Image.new("L", (9, 9)),
        Image.new("RGB", (9, 9)),
        Image.new("1", (9, 9)),
        Image.new("P", (9, 9)),
        Image.new("LA", (9, 9)),
    ):
        out = io.BytesIO()
        image.save(out, "PNG")
        with pytest.raises(ValueError, match="16-bit grey"):
            depth.depth_levels(out.getvalue(), SIDE)
    out = io.BytesIO()
    Image.new("I;16", (9, 9)).save(out, "TIFF")
    with pytest.raises(UnidentifiedImageError):
        depth.depth_levels(out.getvalue(), SIDE)


@pytest.mark.parametrize("name", SMALL)
def test_a_broken_version_is_not_opened(name: str, trained: dict[str, ModelVersion], tmp_path: Path) -> None:
    for opener in ("open_work", "open_baseline", "open_random"):
        with pytest.raises(EnvironmentFailure, match="AIB603"):
            getattr(SERVE[name], opener)(tmp_path, {})
    (tmp_path / "metadata.json").write_bytes((trained[name].folder / "metadata.json").read_bytes())
    for graph_name in ("model", SERVE[name].BASELINE):
        (tmp_path / f"{graph_name}.onnx").write_bytes(b"other")
    for opener in ("open_work", "open_baseline"):
        with pytest.raises(EnvironmentFailure, match="AIB603"):
            getattr(SERVE[name], opener)(tmp_path, {})


@pytest.mark.parametrize("name", SMALL)
def test_serving_does_not_import_torch(name: str) -> None:
    lines = f"import sys\nimport aibenchrt.components.{name}.serve\nprint('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
