"""Services of picture search: what is nearest, what is the same picture, what is kept where, and what is no picture."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchrt.catalog import component_module
from aibenchrt.components.image_filter.service import is_skin
from aibenchrt.components.image_lookup.service import LONGEST, path_of
from aibenchrt.components.image_memory.service import difference_hash
from aibenchrt.components.vector_index import service as vectors
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures.dataset import WORLDS
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Input, Plan, PlanPort, PlanStage, Source, Step
from aibenchrt.serve.pictures import MOST_PIXELS
from aibenchrt.serve.prepare import makers_of, prepare_component
from aibenchrt.values import Values, Work
from PIL import Image

SETTINGS: dict[str, str | int] = {"limit": 50, "expansion": 64, "weight": 150}


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return WORLDS.load("synthetic")


def opened(world: FurnitureWorld, component: str, **settings: str | int) -> Work:
    folder = prepare_component(component, settings, world)
    work: Work = component_module(component, "service").open_work(folder, settings, Path("unused"))
    return work


def asked(png: bytes) -> dict[str, Any]:
    return dict(vectors.pixels({"image": {"png": png}}))


def found(items: dict[int, float]) -> dict[str, list[Any]]:
    return {"item_id": list(items), "search_score": list(items.values())}


# -- vectors


def test_the_nearest_pictures_are_those_of_comparing_with_all(world: FurnitureWorld) -> None:
    search = opened(world, "vector_index", **SETTINGS | {"limit": 10})
    whole = np.array([asked(entry.png)["vector"]["value"] for entry in world.catalogue])
    for entry in world.catalogue[::7]:
        items = search(asked(entry.png))["items"]
        exact = whole @ np.asarray(asked(entry.png)["vector"]["value"])
        best = sorted(zip(-exact, (other.item_id for other in world.catalogue), strict=True))[:10]
        assert items["item_id"][0] == entry.item_id
        assert items["search_score"] == pytest.approx([-score for score, _ in best], abs=1e-5)
        labels = {other.item_id: other.label for other in world.catalogue}
        assert items["category"] == [labels[item] for item in items["item_id"]]


def test_words_move_an_item_up_by_their_weight_and_bring_in_others(world: FurnitureWorld) -> None:
    png = world.catalogue[0].png
    alone = opened(world, "vector_index", **SETTINGS | {"limit": 5})(asked(png))["items"]
    search = opened(world, "vector_index", **SETTINGS | {"limit": 5, "weight": 5000})
    far = next(entry.item_id for entry in world.catalogue if entry.item_id not in alone["item_id"])
    both = search({**asked(png), "words": found({far: 8.0, alone["item_id"][3]: 4.0, 10**9: 99.0})})["items"]
    assert both["item_id"][0] == far, "the weight is larger than any similarity"
    assert 10**9 not in both["item_id"], "an item that the index does not hold"
    scores = dict(zip(both["item_id"], both["search_score"], strict=True))
    before = dict(zip(alone["item_id"], alone["search_score"], strict=True))
    fourth = alone["item_id"][3]
    assert scores[fourth] == pytest.approx(before[fourth] + 5.0 * 4.0 / 99.0)
    assert search({**asked(png), "words": found({})})["items"]["item_id"] == alone["item_id"]


@pytest.mark.parametrize("value", [[], [0.1, 0.2], [float("nan")] * 192])
def test_a_vector_of_another_length_or_without_value_is_refused(world: FurnitureWorld, value: list[float]) -> None:
    search = opened(world, "vector_index", **SETTINGS)
    with pytest.raises(ValueError, match="192 finite numbers"):
        search({"vector": {"value": value}})


def test_the_index_is_made_by_the_model_that_it_is_given(world: FurnitureWorld, tmp_path: Path) -> None:
    def reversed_(inputs: Values) -> Values:
        return {"vector": {"value": list(reversed(vectors.pixels(inputs)["vector"]["value"]))}}

    vectors.prepare(world, SETTINGS, tmp_path, reversed_)
    search = vectors.open_work(tmp_path, SETTINGS, tmp_path)
    entry = world.catalogue[3]
    assert search(dict(reversed_({"image": {"png": entry.png}})))["items"]["item_id"][0] == entry.item_id
    lengths = iter(range(1, 10**6))
    with pytest.raises(ValueError, match="not equally long"):
        vectors.prepare(world, SETTINGS, tmp_path, lambda _: {"vector": {"value": [1.0] * next(lengths)}})


def stage_of(name: str, component: str, kind: Any) -> PlanStage:
    return PlanStage(name=name, component=component, kind=kind, model="cnn" if kind == "ai" else None)


def test_what_an_index_is_made_with_is_the_one_model_that_feeds_it() -> None:
    port = PlanPort(name="vector", type="Vector")

    def plan(*feeding: str) -> Plan:
        embedders = tuple(
            Step(task=f"{name}_step", kind="ai", family="x", stages=(stage_of(name, "image_embedding", "ai"),), inputs=(), outputs=(port,))
            for name in ("first", "second")
        )
        sources = tuple(Source(task=f"{name}_step", port="vector") for name in feeding)
        index = Step(
            task="find", kind="service", family="search", stages=(stage_of("find", "vector_index", "service"),),
            inputs=(Input(port=port, sources=sources),), outputs=(),
        )  # fmt: skip
        return Plan.model_construct(steps=(*embedders, index))

    folders = {"first": Path("a"), "second": Path("b")}
    one = plan("second")
    assert [(maker.stage.name, maker.folder) for maker in makers_of(one, one.steps[-1].stages[0], folders)] == [("second", Path("b"))]
    assert makers_of(one, stage_of("sort", "sort", "service"), folders) == ()
    both = plan("first", "second")
    (maker,) = makers_of(both, both.steps[-1].stages[0], dict.fromkeys(folders, Path("b")))
    assert maker.folder == Path("b"), "both arms of an experiment, with the same model"
    for feeding in (("first", "second"), ()):
        with pytest.raises(EnvironmentFailure) as failure:
            makers_of(plan(*feeding), plan(*feeding).steps[-1].stages[0], folders)
        assert failure.value.code == "AIB707"


# -- pictures


def smaller(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png)) as whole:
        return colour_png(np.asarray(whole.convert("RGB").resize((whole.width // 2, whole.height // 2), Image.Resampling.BILINEAR)))


def test_a_catalogue_picture_is_known_again_when_it_is_scaled_and_a_photo_is_not(world: FurnitureWorld) -> None:
    work = opened(world, "image_memory", bits=4)
    known = {}
    for entry in world.catalogue:
        for png in (entry.png, smaller(entry.png)):
            answer = work({"image": {"png": png}})
            known[entry.item_id] = answer["details"]["item_id"]
            assert answer["hit"]["value"] == bool(known[entry.item_id])
    assert np.mean([found[:1] == [item] for item, found in known.items()]) > 0.8
    shown = work({"image": {"png": world.catalogue[2].png}})["details"]
    item = next(item for item in world.items if item.item_id == shown["item_id"][0])
    assert (shown["title"], shown["category"], shown["price"]) == ([item.title], [item.category], [item.price])
    photos = [photo.png for photo in world.boxed("test")[:100]]
    assert sum(work({"image": {"png": png}})["hit"]["value"] for png in photos) <= 2
    apart = [(difference_hash(smaller(photos[0])) ^ difference_hash(png)).bit_count() for png in photos]
    assert apart[0] <= 4 < min(apart[1:])
    nothing = opened(world, "image_memory", bits=0)({"image": {"png": photos[0]}})
    assert nothing == {"details": {"item_id": [], "title": [], "category": [], "price": []}, "hit": {"value": False}}


def test_reports(world: FurnitureWorld) -> None:
    work = opened(world, "image_filter")

    def said(pixels: np.ndarray) -> str:
        return str(work({"image": {"png": colour_png(pixels.astype(np.uint8))}})["report"]["text"])

    rng = np.random.default_rng(3)
    skin = np.clip(np.array([224, 172, 105]) + rng.normal(0, 8, (40, 40, 3)), 0, 255)
    assert is_skin(skin.astype(np.int16)).mean() > 0.95
    assert "skin-coloured" in said(skin)
    assert said(rng.integers(0, 256, (40, 40, 3))) == "clean"
    assert said(np.full((40, 40, 3), 3)) == "too dark; out of focus"
    assert said(np.full((40, 40, 3), 250)) == "too bright; out of focus"
    assert said(np.full((2, 2, 3), 100)) == "clean", "too small to judge its focus"


@pytest.mark.parametrize("component", ["image_memory", "image_filter"])
def test_what_is_no_picture_fails(world: FurnitureWorld, component: str) -> None:
    work = opened(world, component, **({"bits": 4} if component == "image_memory" else {}))
    good = world.boxed("test")[0].png
    jpeg, large = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "JPEG")
    Image.new("1", (MOST_PIXELS // 1024 + 1, 1024)).save(large, "PNG")
    for content in (b"", b"\x89PNG\r\n", good[: len(good) // 2], jpeg.getvalue(), large.getvalue()):
        with pytest.raises((OSError, ValueError)):
            work({"image": {"png": content}})


def test_a_picture_is_found_at_its_address_however_it_is_written(world: FurnitureWorld) -> None:
    work = opened(world, "image_lookup")
    address, png = next(iter(world.hosted.items()))
    assert address.startswith("/kept/")
    for written in (address, f" {address}\n", f"http://shop.example{address}?size=2#top", address.replace("/kept/", "/kept/x/../"),
                    address.replace("kept", "%6Bept"), address.lstrip("/")):  # fmt: skip
        assert work({"text": {"text": written}})["image"]["png"] == png
    for wrong in ("", "/", "/kept/", "/etc/passwd", "../../etc/passwd", address + "x", "'; DROP TABLE pictures; --"):
        with pytest.raises(LookupError):
            work({"text": {"text": wrong}})
    with pytest.raises(ValueError, match="too long"):
        path_of("x" * (LONGEST + 1))


def test_an_index_and_a_model_are_opened_in_one_process_in_either_order() -> None:
    """Loaded before onnxruntime, usearch makes that end by SIGSEGV; the index is made with a model in the process that opens both."""
    modules = ("aibenchrt.components.vector_index.service", "aibenchrt.serve.models")
    for order in (modules, modules[::-1]):
        ended = subprocess.run([sys.executable, "-c", f"import {', '.join(order)}"], check=False)
        assert ended.returncode == 0
