"""Data that are made with models: which models these are, and what stays as learnt where an ablation replaces one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from aibenchrt.catalog import COMPONENTS
from aibenchrt.component import ComponentSpec
from aibenchrt.components.vector_index import service as vectors
from aibenchrt.datasets.furniture_pictures.dataset import WORLDS
from aibenchrt.datasets.furniture_pictures.world import FurnitureWorld
from aibenchrt.plan import Input, Plan, PlanPort, PlanStage, Source, Step
from aibenchrt.registry import Registry
from aibenchrt.serve import prepare
from aibenchrt.serve.models import open_stage
from aibenchrt.serve.prepare import LEARNT, Maker, makers_of, prepare_component, prepared_key
from aibenchrt.train.export import export
from aibenchrt.train.repository import Key, store
from aibenchrt.train.trained import Graph, Trained
from aibenchrt.values import Work
from torch import Tensor, nn

SETTINGS: dict[str, str | int] = {"limit": 5, "expansion": 64, "weight": 150}


class Mean(nn.Module):
    """The mean of each colour, of unit length."""

    def forward(self, pixels: Tensor) -> Tensor:
        return nn.functional.normalize(pixels.mean(dim=(2, 3)), dim=1)


@pytest.fixture(scope="module")
def world() -> FurnitureWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = torch.rand(2, 3, 64, 64)
    graph = Graph(Mean(), {"pixels": pictures}, ("vector",), {}, ({"pixels": pictures[:1]},))
    files = export(Trained({"model": graph}, {}, "", {}, {}, 1))
    key = Key("image_embedding", "residual_small", "w", "tiny", 7, "", "c")
    return store(key, files, {"serving": {"width": 3}}, models=tmp_path_factory.mktemp("models")).folder


def stage(name: str, component: str, model: str | None = None) -> PlanStage:
    return PlanStage(name=name, component=component, kind="ai" if model else "service", model=model)


def maker(version: Path, model: str) -> Maker:
    return Maker(stage("embed", "image_embedding", model), version)


def learn(world: FurnitureWorld, settings: Mapping[str, str | int], folder: Path, embed: Work = vectors.pixels) -> None:  # noqa: ARG001
    first = world.catalogue[0]
    (folder / "first.json").write_text(json.dumps(list(embed({"image": {"png": first.png}})["vector"]["value"])), encoding="utf-8")


def test_what_is_learnt_is_learnt_with_the_model_itself_and_the_rest_made_anew(
    world: FurnitureWorld, version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    calls: list[str] = []

    def counted(*given: object) -> None:
        calls.append("learn")
        learn(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(vectors, "learn", counted, raising=False)
    folders = {
        model: prepare_component("vector_index", SETTINGS, world, makers=[maker(version, model)])
        for model in ("residual_small", "random", "baseline")
    }
    assert len(set(folders.values())) == 3
    assert calls == ["learn"], "once, whatever takes the model's place"
    png = world.catalogue[0].png
    own = open_stage(stage("embed", "image_embedding", "residual_small"), version)({"image": {"png": png}})["vector"]["value"]
    lengths = {}
    for model, folder in folders.items():
        assert json.loads((folder / LEARNT / "first.json").read_bytes()) == pytest.approx(own)
        lengths[model] = json.loads((folder / "held.json").read_bytes())["length"]
    assert lengths["residual_small"] == lengths["random"] == 3
    assert lengths["baseline"] > 3, "the index is made with the rule"
    assert prepare_component("vector_index", SETTINGS, world, makers=[maker(version, "random")]) == folders["random"]
    assert calls == ["learn"]


def test_without_a_model_a_service_learns_with_what_stands_in_for_it(
    world: FurnitureWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(vectors, "learn", learn, raising=False)
    folder = prepare_component("vector_index", SETTINGS, world)
    assert len(json.loads((folder / LEARNT / "first.json").read_bytes())) == 192


def test_several_ports_are_fed_by_models_in_the_order_of_the_spec(
    world: FurnitureWorld, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec: ComponentSpec = replace(COMPONENTS["vector_index"], made_with=("words", "vector"))
    known = Registry(spec if row.name == spec.name else row for row in COMPONENTS.values())
    monkeypatch.setattr(prepare, "COMPONENTS", known)
    port = PlanPort(name="vector", type="Vector")
    models = [
        Step(task=name, kind="ai", family="x", stages=(stage(name, "image_embedding", "residual_small"),), inputs=(), outputs=(port,))
        for name in ("first", "second")
    ]
    entries = (
        Input(port=port, sources=(Source(task="first", port="vector"),)),
        Input(port=PlanPort(name="words", type="Vector"), sources=(Source(task="second", port="vector"),)),
    )
    find = stage("find", "vector_index")
    step = Step(task="find", kind="service", family="search", stages=(find,), inputs=entries, outputs=())
    makers = makers_of(Plan.model_construct(steps=(*models, step)), find, {"first": version, "second": version})
    assert [made.stage.name for made in makers] == ["second", "first"]
    keys = {prepared_key("vector_index", SETTINGS, world, [maker(version, a), maker(version, b)]) for a in RULED for b in RULED}
    assert len(keys) == len(RULED) ** 2, "each of them, and their order, is part of what the data are"


RULED = ("residual_small", "baseline", "random")
