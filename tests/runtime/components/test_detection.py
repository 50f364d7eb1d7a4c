"""object_detection: what is learnt and read from the maps, the baseline's blobs, which thing is wanted, serving, and that it learns."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.average_precision import overlap
from aibenchrt.catalog import component
from aibenchrt.components.object_detection import blobs, loss, model, serve, set_loss
from aibenchrt.components.object_detection.augment import Batch, varied
from aibenchrt.components.object_detection.blobs import BlobRule
from aibenchrt.components.object_detection.finding import LEAST, MOST, Choice, Found, found, named_in, peaks, read
from aibenchrt.components.object_detection.picture import photo_of, planes, squared
from aibenchrt.components.object_detection.rtdetr import RtDetr
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures import dataset
from aibenchrt.datasets.furniture_pictures.photos import cut_out
from aibenchrt.datasets.furniture_pictures.world import CUT, FurnitureWorld
from aibenchrt.progress import silent
from aibenchrt.serve.pictures import MOST_PIXELS
from aibenchrt.train.export import export
from aibenchrt.train.measure import over_run_by_user
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.train.trained import Graph, Trained
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches the tiny model is trained first

SIDE = 64


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return dataset.WORLDS.load("synthetic", 7, silent)


@pytest.fixture(scope="module")
def version(world: FurnitureWorld) -> ModelVersion:
    return train_task("object_detection", "centernet", world, size="tiny")


def boxes(*rows: tuple[float, ...]) -> Found:
    """left, top, right, bottom, label, score of each."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 6)
    return Found(table[:, :4], table[:, 4].astype(np.int64), table[:, 5])


def png_of(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


# The network, its loss, and its maps.


def test_every_model_of_the_catalogue_can_be_built() -> None:
    spec = component("object_detection")
    assert spec is not None
    assert {row.name for row in spec.models} == set(model.MODELS)


@pytest.mark.parametrize("side", [64, 96])
def test_the_maps_have_a_quarter_of_the_pictures_resolution(side: int) -> None:
    network = model.build("centernet", 5).eval()
    with torch.no_grad():
        heat, offset, size = network(torch.rand(2, 3, side, side))
    assert heat.shape == (2, 5, side // 4, side // 4)
    assert offset.shape == size.shape == (2, 2, side // 4, side // 4)
    assert float(heat.sum(1).max()) < 0.2, "before training nothing is sure"
    assert float(size.min()) >= 0


CORNERS = torch.tensor([[[8.0, 12.0, 40.0, 44.0], [44.0, 4.0, 60.0, 28.0]], [[10.0, 10.0, 31.0, 20.0], [0.0, 0.0, 0.0, 0.0]]])
LABELS = torch.tensor([[2, 0], [1, -1]])


def _true_maps() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maps that say what CORNERS and LABELS say, everywhere."""
    cells = SIDE // 4
    axis = torch.arange(cells, dtype=torch.float32)
    bumps = loss.bumps_of(cells, CORNERS, LABELS)
    near = bumps.argmax(1)  # the box that each cell belongs to
    heat = torch.where(bumps.amax(1, keepdim=True) == 1, 12.0, -12.0)
    noun = torch.nn.functional.one_hot(LABELS.clamp(min=0), 3).float()[torch.arange(2)[:, None, None], near].permute(0, 3, 1, 2) * 30
    own = CORNERS[torch.arange(2)[:, None, None], near]
    middle, size = (own[..., :2] + own[..., 2:]) / 8, (own[..., 2:] - own[..., :2]) / loss.UNIT
    across, down = middle[..., 0] - axis[None, None, :], middle[..., 1] - axis[None, :, None]
    return heat, noun, torch.stack([across, down, size[..., 0], size[..., 1]], 1)


def test_maps_without_a_fault_cost_nothing_and_give_the_boxes_back() -> None:
    heat, noun, frame = _true_maps()
    assert float(loss.centernet_loss(heat, noun, frame, CORNERS, LABELS)) < 1e-3
    worse = [(-heat, noun, frame), (heat, noun.roll(1, 1), frame), (heat, noun, frame + 0.2)]
    assert min(float(loss.centernet_loss(*maps, CORNERS, LABELS)) for maps in worse) > 0.05
    for photo in range(2):
        shown = (heat.sigmoid() * noun.softmax(1))[photo].numpy()
        seen = peaks(shown, frame[photo, :2].numpy() * 4, frame[photo, 2:].numpy() * loss.UNIT, 4)
        there = LABELS[photo] >= 0
        sure = seen.scores > 0.5
        order = np.lexsort(seen.corners[sure].T)
        expected = CORNERS[photo][there].numpy()
        assert seen.corners[sure][order] == pytest.approx(expected[np.lexsort(expected.T)], abs=1e-3)
        assert sorted(seen.labels[sure]) == sorted(LABELS[photo][there].tolist())


def test_a_training_step_lowers_the_loss_and_changes_every_weight() -> None:
    torch.manual_seed(7)
    network = model.build("centernet", 3).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    pixels, optimizer = torch.rand(2, 3, SIDE, SIDE), torch.optim.Adam(network.parameters(), lr=1e-4)
    before = {name: value.clone() for name, value in network.named_parameters()}
    first = loss.centernet_loss(*network.maps(pixels), CORNERS, LABELS)
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss.centernet_loss(*network.maps(pixels), CORNERS, LABELS).detach()) < float(first.detach())
    assert not [name for name, value in network.named_parameters() if torch.equal(value, before[name])]


# RT-DETR R18.


def test_the_full_network_is_that_of_the_paper() -> None:
    """Zhao et al. 2024, table 2: 20 M parameters, of COCO's 80 classes; layers as in the authors' configuration."""
    with torch.device("meta"):
        network = model.build("rtdetr_r18", 80)
    assert abs(model.parameters(network) / 20e6 - 1) < 0.02
    assert isinstance(network, RtDetr)

    def convolutions(part: nn.Module) -> Counter[tuple[int, int, int]]:
        layers = [layer for layer in part.modules() if isinstance(layer, nn.Conv2d)]
        return Counter((layer.in_channels, layer.out_channels, layer.kernel_size[0]) for layer in layers)

    resnet: Counter[tuple[int, int, int]] = Counter({(3, 32, 3): 1, (32, 32, 3): 1, (32, 64, 3): 1, (64, 64, 3): 4})
    for entering in (64, 128, 256):
        leaving = 2 * entering
        resnet += Counter({(entering, leaving, 3): 1, (leaving, leaving, 3): 3, (entering, leaving, 1): 1})
    assert convolutions(network.backbone) == resnet
    fusion = Counter({(512, 128, 1): 2, (128, 128, 3): 3, (128, 128, 1): 3, (128, 256, 1): 1})
    assert all(convolutions(part) == fusion for part in (*network.encoder.up, *network.encoder.down))
    assert (len(network.encoder.up), len(network.encoder.down), len(network.layers)) == (2, 2, 3)
    linear = Counter((layer.in_features, layer.out_features) for layer in network.layers.modules() if type(layer) is nn.Linear)
    assert linear == {(256, 192): 3, (256, 96): 3, (256, 256): 6, (256, 1024): 3, (1024, 256): 3}


def test_training_steps_of_the_full_network_lower_the_loss_and_change_every_weight() -> None:
    torch.manual_seed(7)
    network = model.build("rtdetr_r18", 3).train()
    pixels, optimizer = torch.rand(2, 3, SIDE, SIDE), torch.optim.Adam(network.parameters(), lr=1e-4)
    before = {name: value.clone() for name, value in network.named_parameters()}
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        one = network.loss(pixels, CORNERS, LABELS)
        one.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(one.detach()))
    assert losses[2] < losses[0]
    assert not [name for name, value in network.named_parameters() if torch.equal(value, before[name])]


def test_answers_are_matched_with_the_boxes_that_they_fit() -> None:
    true = CORNERS[0] / SIDE
    logits, boxes = torch.full((4, 3), -4.0), torch.tensor([[0.5, 0.5, 0.9, 0.9]]).repeat(4, 1)
    boxes[3], boxes[1] = set_loss.middles_of(true)
    logits[3, 2] = logits[1, 0] = 4.0
    overlaps = set_loss.generalised_overlap(set_loss.corners_of(boxes)[:, None], true[None])[..., 1]
    answer, place = set_loss.matched(logits, boxes, set_loss.middles_of(true), LABELS[0], overlaps)
    assert dict(zip(place.tolist(), answer.tolist(), strict=True)) == {0: 3, 1: 1}
    right = float(set_loss.set_loss(logits[None], boxes[None], true[None], LABELS[:1]))
    worse = float(set_loss.set_loss(logits[None].roll(1, 2), boxes[None], true[None], LABELS[:1]))
    assert right < 0.2 < worse
    seen = read({"scores": logits.sigmoid().numpy(), "boxes": boxes.numpy()}, SIDE)
    assert sorted(seen.labels[:2].tolist()) == [0, 2]
    assert overlap(seen.corners[:2], CORNERS[0].numpy().astype(float)).max(1) == pytest.approx([1.0, 1.0], abs=1e-4)


def test_generalised_overlap_is_that_of_its_authors() -> None:
    """Two unit squares a unit apart: no overlap, and a third of the common frame is empty."""
    values = set_loss.generalised_overlap(torch.tensor([0.0, 0, 1, 1]), torch.tensor([2.0, 0, 3, 1]))
    assert values.tolist() == pytest.approx([0.0, -1 / 3])


def test_boxes_follow_the_photo_when_it_is_varied() -> None:
    """A white thing on black stays where its box says."""
    generator = torch.Generator().manual_seed(3)
    pixels = torch.zeros(40, 3, SIDE, SIDE)
    pixels[:, :, 16:40, 8:48] = 1.0
    corners = torch.tensor([[8.0, 16.0, 48.0, 40.0]]).repeat(40, 1, 1)
    new = varied(Batch(pixels, corners, torch.zeros(40, 1, dtype=torch.int64)), generator)
    assert bool((new.labels == 0).all())
    for photo, (frame,) in zip(new.pixels, new.corners, strict=True):
        bright = (photo.mean(0) > photo.mean(0).amin() + 0.3).numpy()
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        seen = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert frame.numpy() == pytest.approx(seen, abs=1.6)
    assert float(new.corners.std(0).max()) > 2


def test_what_leaves_the_photo_is_no_longer_there() -> None:
    generator = torch.Generator().manual_seed(3)
    corners = torch.tensor([[-60.0, 0.0, 2.0, 20.0]]).repeat(8, 1, 1)
    new = varied(Batch(torch.rand(8, 3, SIDE, SIDE), corners, torch.zeros(8, 1, dtype=torch.int64)), generator)
    assert bool((new.labels == -1).all())


def test_few_boxes_are_kept_and_the_surest_first() -> None:
    rng = np.random.default_rng(1)
    many = found(rng.random((100, 4)), rng.integers(3, size=100), np.concatenate([rng.random(50), np.full(50, LEAST / 2)]))
    assert len(many.scores) == MOST
    assert list(many.scores) == sorted(many.scores, reverse=True)
    assert not len(found(np.zeros((1, 4)), np.zeros(1), np.zeros(1)).scores)


# Photos that come in.


def test_a_photo_of_another_shape_keeps_it_and_its_boxes_are_in_its_own_pixels() -> None:
    photo = np.zeros((50, 200, 3), dtype=np.uint8)
    photo[:, 100:] = 255
    square, scale = squared(photo, 128)
    assert square.shape == (128, 128, 3)
    assert scale == pytest.approx(0.64)
    assert square[10, 30].max() < 20 < 235 < square[10, 100].min()
    back = boxes((0, 0, 64, 32, 0, 1), (100, 20, 200, 90, 0, 1), (-9, -9, -1, -1, 0, 1), (300, 300, 301, 301, 0, 1)).within(200, 50, scale)
    assert back.corners[0] == pytest.approx((0, 0, 100, 50))
    assert back.corners[1] == pytest.approx((156.25, 31.25, 200, 50))
    assert np.all(back.corners[:, 2:] - back.corners[:, :2] >= 1 - 1e-9)
    assert np.all((back.corners >= 0) & (back.corners <= (200, 50, 200, 50)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_pictures_of_any_mode_are_read(mode: str) -> None:
    assert photo_of(png_of(Image.new(mode, (5, 3)))).shape == (3, 5, 3)


def test_what_is_no_png_or_too_large_is_refused() -> None:
    for content in (b"", b"no picture", png_of(Image.new("RGB", (4, 4)), "BMP")):
        with pytest.raises(UnidentifiedImageError):
            photo_of(content)
    with pytest.raises(OSError, match=r"truncated|broken"):
        photo_of(png_of(Image.effect_noise((64, 64), 50))[:-200])
    with pytest.raises(ValueError, match="at most"):
        photo_of(png_of(Image.new("1", (MOST_PIXELS // 1000 + 1, 1000))))


def test_planes_are_what_the_network_reads() -> None:
    seen = planes(np.full((2, 4, 3), (255, 0, 51), dtype=np.uint8))
    assert seen.shape == (3, 2, 4)
    assert seen.dtype == np.float32
    assert seen[:, 0, 0] == pytest.approx((1.0, 0.0, 0.2))


# The wanted thing.


def test_the_wanted_box_is_the_surest_the_larger_or_the_named_one() -> None:
    seen = boxes((0, 0, 10, 10, 0, 0.9), (0, 0, 50, 50, 1, 0.6), (0, 0, 60, 60, 2, 0.05))
    assert Choice(0.0, 0.0).of(seen, 100, 100) == 0
    assert Choice(0.5, 0.0).of(seen, 100, 100) == 1
    assert Choice(0.5, 0.0).of(seen, 100, 100, {2}) == 2
    assert Choice(0.5, 0.5).of(seen, 100, 100, {2}) == 1, "a faint box of that noun is not believed"
    assert Choice(0.5, 0.5).of(boxes(), 100, 100) is None


def test_nouns_are_found_among_words() -> None:
    nouns = ("bed", "bench", "lamp")
    assert named_in(["a", "red", "lamps"], nouns) == {2}
    assert named_in(["benches", "beds"], nouns) == {0, 1}
    assert named_in(["bedroom"], nouns) == set()
    assert serve._words({"text": "", "term": ["wooden", "-bed", "bench like this"]}) == ["wooden", "bench", "like", "this"]
    assert serve._words(None) == []


# The baseline.


def test_a_blob_before_a_background_that_changes_smoothly_is_found() -> None:
    ramp = np.linspace(40, 200, SIDE)
    photo = np.stack([np.tile(ramp, (SIDE, 1)), np.tile(ramp[:, None], (1, SIDE)), np.full((SIDE, SIDE), 90.0)], axis=-1).astype(np.uint8)
    photo[20:50, 12:40] = (230, 20, 230)
    rule = BlobRule(1, 60.0, True, np.array([0.5, 0.5]), np.array([[0.9, 0.1, 0.9, 0, -1.6], [0.1, 0.9, 0.1, 0, -1.6]]), np.ones(5) * 0.3)
    seen = blobs.find_blobs(photo, rule)
    assert seen.labels[0] == 0
    assert overlap(seen.corners[:1], np.array([[12.0, 20, 40, 50]]))[0, 0] > 0.9
    assert BlobRule.of(rule.stored()).stored() == rule.stored()
    even = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    assert not len(blobs.find_blobs(even, rule).scores)


@given(st.integers(1, 9), st.integers(1, 9))
def test_a_photo_of_few_pixels_has_no_or_some_blobs(height: int, width: int) -> None:
    rng = np.random.default_rng([height, width])
    rule = BlobRule(2, 10.0, False, np.ones(2) / 2, np.zeros((2, 5)), np.ones(5))
    seen = blobs.find_blobs(rng.integers(256, size=(height, width, 3)).astype(np.uint8), rule)
    assert np.isfinite(seen.corners).all()


# Measurement.


def test_an_interval_of_a_metric_over_a_run_draws_users() -> None:
    """The mean, as a metric over a run: as wide as ten users make it, however often each asks."""
    rng = np.random.default_rng(5)
    own = rng.normal(size=10)
    users = np.repeat(np.arange(10), 200)
    values = own[users]
    measured = over_run_by_user(lambda counts: float(counts @ values / counts.sum()), users.tolist(), 7)
    assert measured.value == pytest.approx(own.mean(), abs=1e-6)
    assert measured.high - measured.low == pytest.approx(2 * 1.96 * own.std() / np.sqrt(10), rel=0.15)
    assert measured.method == "bootstrap over 10 users"


# The trained component.


def test_it_learns_and_beats_blobs(version: ModelVersion) -> None:
    metadata = version.metadata
    assert metadata["metrics"]["map50"]["low"] > metadata["baselines"]["blobs"]["map50"]["high"]
    assert metadata["gains"]["map50 over blobs"]["low"] > 0
    chosen = {name: row["value"] for name, row in metadata["only_for_comparison"].items() if name.startswith("right choices")}
    assert chosen["right choices"] > chosen["right choices of blobs"]
    assert metadata["metrics"]["map50"]["method"] == "bootstrap over 30 users"


def _right(work: Any, world: FurnitureWorld, named: bool, most: int = 120) -> float:
    hits = []
    for shot, png in world.shot("test")[:most]:
        noun = world.categories[shot.boxes[0].label]
        query = {"query": {"text": noun, "term": [noun]}} if named else {}
        answer = work({"image": {"png": png}, **query})
        first = shot.boxes[0]
        thing = photo_of(answer["thing"]["png"])
        assert thing.shape == (CUT, CUT, 3)
        expected = cut_out(photo_of(png), (first.left, first.top, first.right, first.bottom), 0.0, CUT)
        hits.append(float(np.abs(thing.astype(float) - expected).mean()) < 25)
    return float(np.mean(hits))


def test_what_is_handed_on_is_mostly_the_wanted_thing(version: ModelVersion, world: FurnitureWorld) -> None:
    """Better than blobs, and these better than drawn boxes."""
    works = [opener(version.folder, {}) for opener in (serve.open_work, serve.open_baseline, serve.open_random)]
    ours, simple, drawn = (_right(work, world, named=False) for work in works)
    assert ours > simple > drawn
    assert _right(works[0], world, named=True) >= ours - 0.05


def test_an_answer_holds_boxes_surest_first_in_the_photos_pixels(version: ModelVersion, world: FurnitureWorld) -> None:
    png = world.shot("test")[0][1]
    large = Image.open(io.BytesIO(png)).resize((400, 400))
    for opener in (serve.open_work, serve.open_baseline, serve.open_random):
        work = opener(version.folder, {})
        answer = work({"image": {"png": png_of(large)}})["boxes"]
        assert list(answer) == ["left", "top", "right", "bottom", "label", "score"]
        assert answer["score"] == sorted(answer["score"], reverse=True)
        assert len({len(column) for column in answer.values()}) == 1
        assert len(answer["label"]) > 0
        assert max(answer["right"]) <= 400
        assert max(answer["right"]) > 130
        assert answer == work({"image": {"png": png_of(large)}})["boxes"]


def test_nothing_found_hands_on_the_whole_photo(version: ModelVersion) -> None:
    photo = np.full((90, 60, 3), 128, dtype=np.uint8)
    answer = serve.open_baseline(version.folder, {})({"image": {"png": colour_png(photo)}})
    assert answer["boxes"]["label"] == []
    assert photo_of(answer["thing"]["png"]).shape == (CUT, CUT, 3)


def test_a_query_that_names_nothing_is_no_query(version: ModelVersion, world: FurnitureWorld) -> None:
    work, png = serve.open_work(version.folder, {}), world.shot("test")[0][1]
    assert work({"image": {"png": png}, "query": {"text": "this one", "term": ["this", "one"]}}) == work({"image": {"png": png}})


def test_a_request_without_a_picture_fails(version: ModelVersion) -> None:
    for opener in (serve.open_work, serve.open_baseline, serve.open_random):
        with pytest.raises(UnidentifiedImageError):
            opener(version.folder, {})({"image": {"png": b"\x89PNG\r\n"}})


@pytest.mark.parametrize("name", model.MODELS)
def test_onnx_agrees_with_torch(name: str) -> None:
    torch.manual_seed(7)
    network = model.build(name, 4).eval()
    if isinstance(network, RtDetr):  # scores as far apart as trained ones: else the last bit of a sum decides which cells are chosen
        network.chosen_score.weight.data.mul_(100)
    pixels = torch.rand(3, 3, SIDE, SIDE)
    graph = Graph(network, {"pixels": pixels[:2]}, network.OUTPUTS, others=[{"pixels": pixels[2:]}])
    assert set(export(Trained({"model": graph}, {}, "", {}, {}, 0))) == {"model.safetensors", "model.onnx"}
