"""The offline module on the synthetic world: it learns, repeats itself, keeps its models whole; Triton serves what was trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.emit import emit
from aibenchc.source import SourceFile
from aibenchrt.control.local.triton import assemble
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS, payloads
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanPort, Step
from aibenchrt.serve.models import open_stage
from aibenchrt.serve.stages import chain
from aibenchrt.train import task as training
from aibenchrt.train.events import untold
from aibenchrt.train.path_samples import PartRequest, collect
from aibenchrt.train.repository import Key, ModelVersion, find, open_version, store
from aibenchrt.train.samples import Sample, Samples
from aibenchrt.train.task import plan_models, train_task
from aibenchrt.values import Values
from aibenchrt.wire.tensors import decode, encode
from paths import SPECS
from triton_process import infer, triton
from tritonclient.utils import InferenceServerException

SPEC = SPECS / "ecommerce.aib"
SEED = 7
pytestmark = pytest.mark.timeout(900)  # the first test trains all models: half a minute of CPU, more on a busy machine


@pytest.fixture(scope="module")
def plan() -> Plan:
    compiled = compile_spec(
        SourceFile(SPEC.name, SPEC.read_text()), CompileSettings(), Diagnostics(), lambda _name, _span: None, lambda _name, _span: True
    )
    assert compiled is not None
    return compiled.plan


@pytest.fixture(scope="module")
def world() -> World:
    return WORLDS.load("synthetic", SEED)


@pytest.fixture(scope="module")
def models(plan: Plan, world: World) -> dict[str, ModelVersion]:
    """The same as the scenario's tests serve."""
    return plan_models(plan, world, SEED, "tiny")


@pytest.fixture(scope="module")
def samples(plan: Plan, world: World, models: dict[str, ModelVersion]) -> list[Sample]:
    """Test requests as they reach the ranker."""
    return collect(plan, world, models, ["rank"], training._requests(plan, world, "test", "test")[:40])["rank"]


def _step(plan: Plan, task: str) -> Step:
    return next(step for step in plan.steps if step.task == task)


def test_every_model_beats_its_baseline(models: dict[str, ModelVersion]) -> None:
    metadata = {stage: version.metadata for stage, version in models.items()}
    assert set(metadata) == {"category", "picture", "recommend", "rank"}
    accuracy = metadata["category"]["metrics"]["accuracy"]
    for baseline in ("majority", "tf-idf + linear"):
        assert accuracy["low"] > metadata["category"]["baselines"][baseline]["accuracy"]["high"]
    assert metadata["picture"]["metrics"]["accuracy"]["low"] > 0.5 > metadata["picture"]["baselines"]["majority"]["accuracy"]["high"]
    assert metadata["category"]["gains"]["accuracy over tf-idf + linear"]["low"] > 0
    assert metadata["picture"]["gains"]["accuracy over majority"]["low"] > 0
    assert metadata["recommend"]["gains"]["ndcg@10 over popularity"]["low"] > 0
    assert metadata["recommend"]["gains"]["ndcg@10 over popularity of likes"]["low"] > 0
    assert metadata["rank"]["gains"]["ndcg@10 over search order"]["low"] > 0
    assert metadata["rank"]["gains"]["ndcg@10 over popularity order"]["low"] > 0


def test_metadata_says_what_a_reader_must_know(models: dict[str, ModelVersion], world: World) -> None:
    for version in models.values():
        stored = json.loads((version.folder / "metadata.json").read_text())
        assert stored["key"]["world_version"] == world.version
        assert stored["key"]["seed"] == SEED
        assert stored["protocol"]
        assert all(part["licence"] for part in stored["data"]["provenance"])
        assert all({"low", "value", "high", "n", "method"} <= set(metric) for metric in stored["metrics"].values())
        assert stored["trained_on"].startswith("cpu, torch ")
        assert "device" not in stored["key"], "a model trained elsewhere serves as well"
        assert stored["parameters"] > 0
        assert set(stored["files"]) == {"model.safetensors", "model.onnx"}


def test_a_second_time_everything_is_found(
    plan: Plan, world: World, models: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "store", _refuse)
    monkeypatch.setattr(training, "collect", _refuse)
    assert {stage: v.version for stage, v in plan_models(plan, world, SEED, "tiny").items()} == {s: v.version for s, v in models.items()}


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("it was trained again")


@pytest.mark.long
@pytest.mark.parametrize(("component", "stage"), [("text_classification", "category"), ("recommendation", "recommend")])
def test_the_same_seed_gives_the_same_version(
    component: str, stage: str, world: World, models: dict[str, ModelVersion], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    again = train_task(component, models[stage].model, world, SEED, "tiny")
    assert again.folder != models[stage].folder
    assert again.version == models[stage].version
    assert train_task(component, models[stage].model, world, SEED + 1, "tiny").version != again.version


def test_the_same_samples_give_the_same_ranker(samples: list[Sample]) -> None:
    import torch
    from aibenchrt.components.learning_to_rank.train import train

    parts = Samples(samples, samples, [], samples)
    trained = [train(parts, "mlp_lambda", seed, "tiny", untold) for seed in (1, 1, 2)]
    first, again, other = (version.graphs["model"].network for version in trained)
    same = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_a_ranker_trains_on_features_that_do_not_know_its_labels(plan: Plan, world: World, models: dict[str, ModelVersion]) -> None:
    """Everything that reached it comes from before `rank_start`: popularity, and a recommender that never saw the labels."""
    earlier = world.snapshot(world.rank_start)
    stored = find("recommendation", "neumf", earlier.version, "tiny", seed=SEED)
    assert stored is not None, "no recommender was trained as of rank_start"
    assert stored.version != models["recommend"].version
    versions, requests = models | {"recommend": stored}, training._requests(plan, world, "train", "rank")[:20]
    reached = collect(plan, earlier, versions, ["rank"], requests)["rank"]
    assert len(reached) == 20
    changed = 0
    for sample in reached:
        items = sample.inputs["items"]
        assert items["popularity"] == pytest.approx([earlier.item[item].popularity for item in items["item_id"]])
        changed += sum(abs(earlier.item[item].popularity - world.item[item].popularity) > 1e-6 for item in items["item_id"])
    assert changed > 0, "the earlier world's popularity is the later one's: the test would notice nothing"


def test_what_measures_a_ranker_is_not_what_was_seen_while_its_settings_were_chosen(
    plan: Plan, world: World, models: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    def collected(_plan: Plan, _world: World, _models: Any, stages: Any, requests: Sequence[PartRequest]) -> dict[str, list[Sample]]:
        samples = [Sample({}, {}, request.payload.query_id, request.request_class, request.part) for request in requests]
        return dict.fromkeys(stages, samples)

    monkeypatch.setattr(training, "collect", collected)
    monkeypatch.setattr(training, "_MOST", {"tiny": training.Most(50, 30, 40)})
    how = training._How(SEED, "tiny", lambda _what, _done: None, "cpu")
    gathered = training._collect(plan, world, world.snapshot(world.rank_start), models, models, how)["rank"]
    everything = [request.payload.query_id for request in training._requests(plan, world, "test", "test")]
    assert [sample.user_id for sample in gathered.seen] == everything[:30]
    assert [sample.user_id for sample in gathered.held_out] == everything[30:70]
    assert len(gathered.training) == 50
    assert {sample.part for sample in gathered.choosing} == {"validation"}
    stage = _step(plan, "rank").stages[0]
    states = (world, models)
    more = training.Most(50, 30, 41)
    assert training._context(plan, stage, training._MOST["tiny"], states) != training._context(plan, stage, more, states)


def test_a_ranker_says_what_the_seen_requests_gave(samples: list[Sample]) -> None:
    from aibenchrt.components.learning_to_rank.train import train

    trained = train(Samples(samples, samples, samples[:25], samples[25:]), "linear_lambda", 1, "tiny", untold)
    assert trained.metrics["ndcg@10"].n == len(samples) - 25
    assert trained.gains["ndcg@10 over search order"].n == len(samples) - 25
    assert trained.only_for_comparison["ndcg@10"].n == 25
    assert "optimistic" in trained.only_for_comparison["what"]


def test_alternatives_ask_for_every_other_model_on_the_device_and_not_for_the_chosen_again(
    plan: Plan, world: World, models: dict[str, ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def trained(component: str, model: str, on: World, *_: Any, device: str, **__: Any) -> ModelVersion:
        asked.append((component, model, on is world, device))
        return ModelVersion(component, model, model, Path(model), {})

    monkeypatch.setattr(training, "train_task", trained)
    monkeypatch.setattr(training, "plan_models", _refuse)
    versions = training.alternatives(plan, world, models, SEED, "tiny", device="cuda")
    assert {version.model for version in versions} == {"textcnn", "resnet20_colour", "resnet56", "resnet110", "gmf", "linear_lambda"}
    others = [(component, model, True, "cuda") for component, model in _OTHERS]
    assert [training_of_world for training_of_world in asked if training_of_world[2]] == others
    assert ("recommendation", "neumf", False, "cuda") in asked, "the ranker's recommender as of rank_start"


_OTHERS = (
    ("text_classification", "textcnn"),
    ("image_classification", "resnet20_colour"),
    ("image_classification", "resnet56"),
    ("image_classification", "resnet110"),
    ("recommendation", "gmf"),
    ("learning_to_rank", "linear_lambda"),
)


def test_the_device_reaches_the_component_that_trains(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aibenchrt.components.text_classification import train as component

    def refused(*arguments: Any) -> Any:
        raise RuntimeError(f"trains on {arguments[-1]}")

    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(component, "train", refused)
    with pytest.raises(RuntimeError, match="trains on cuda"):
        train_task("text_classification", "fasttext", world, SEED, "tiny", device="cuda")


def _damaged(version: ModelVersion, into: Path, name: str) -> Path:
    folder = Path(shutil.copytree(version.folder, into / version.version))
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / name).write_bytes(bytes(content))
    return folder


def test_a_missing_or_corrupted_model_is_a_coded_failure(plan: Plan, models: dict[str, ModelVersion], tmp_path: Path) -> None:
    stage = _step(plan, "category").stages[0]
    damaged = _damaged(models["category"], tmp_path / "damaged", "model.onnx")
    for folder in (tmp_path / "nowhere", damaged, models["rank"].folder):
        with pytest.raises(EnvironmentFailure) as caught:
            open_stage(stage, folder)
        assert caught.value.code == "AIB603"
        assert "aibenchc train" in caught.value.hint
    for name in ("model.safetensors", "metadata.json"):
        with pytest.raises(EnvironmentFailure, match="AIB603"):
            open_version(_damaged(models["category"], tmp_path / name, name))


def test_a_broken_version_is_not_found_and_is_replaced(models: dict[str, ModelVersion], world: World, tmp_path: Path) -> None:
    version = models["category"]
    folder = tmp_path / version.component / version.model
    _damaged(version, folder, "model.onnx")
    assert find(version.component, version.model, world.version, "tiny", models=tmp_path) is None
    files = {name: (version.folder / name).read_bytes() for name in version.metadata["files"]}
    rest = {
        name: value for name, value in version.metadata.items() if name not in ("component", "model", "key", "files", "metadata_version")
    }
    stored = store(Key(**version.metadata["key"]), files, rest, models=tmp_path)
    assert stored.version == version.version
    assert find(version.component, version.model, world.version, "tiny", models=tmp_path) == stored
    assert [path.name for path in folder.iterdir()] == [version.version], "something half-written was left"


def _inputs(world: World, samples: list[Sample], task: str) -> list[Values]:
    """Real inputs of an AI step, an empty one among them where the step can get it."""
    user = next(user for user in world.users if user.history)
    profile = {
        "user_id": user.user_id,
        "age": user.age,
        "gender": user.gender,
        "occupation": user.occupation,
        "history": list(user.history),
    }
    none = {field: [] for field in samples[0].inputs["items"]}
    if task == "category":
        asked = [p.values["text"]["text"] for p in payloads(world, "queries")[:10]]
        return [{"query": {"text": text, "term": text.split()}} for text in [*asked, ""]]
    if task == "picture":
        return [{"image": p.values["image"]} for p in payloads(world, "photos")[:5]]
    if task == "recommend":
        stranger = profile | {"user_id": 10**9, "history": []}
        return [{"items": items, "profile": who} for items in (samples[0].inputs["items"], none) for who in (profile, stranger)]
    without = {"items": samples[1].inputs["items"]}
    return [*(sample.inputs for sample in samples[:5]), without, {**samples[0].inputs, "items": none}]


TASKS = ("category", "picture", "recommend", "rank")


def _repository(plan: Plan, models: dict[str, ModelVersion], into: Path) -> Path:
    for artifact in emit(plan):
        path = into / "generated" / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.data)
    return assemble(plan, into / "generated", {stage: version.folder for stage, version in models.items()}, into / "repository")


def test_triton_answers_what_the_process_answers(
    plan: Plan, world: World, models: dict[str, ModelVersion], samples: list[Sample], tmp_path: Path
) -> None:
    with triton(_repository(plan, models, tmp_path), tmp_path / "triton.log") as client:
        for task in TASKS:
            step = _step(plan, task)
            work = chain(step, {stage.name: open_stage(stage, models[stage.name].folder) for stage in step.stages})
            ports = [source.port for source in step.inputs]
            for inputs in _inputs(world, samples, task):
                tensors = infer(client, task, encode(ports, inputs))
                assert tensors["timing__service_ns"].shape == (1,)
                assert tensors["timing__stage_ns"].shape == (len(step.stages),)
                assert 0 < tensors["timing__stage_ns"].sum() <= tensors["timing__service_ns"][0]
                expected = encode(step.outputs, work(inputs))
                assert {name for name in tensors if not name.startswith("timing__")} == set(expected)
                for name, tensor in expected.items():
                    assert tensors[name].dtype == tensor.dtype
                    np.testing.assert_array_equal(tensors[name], tensor, err_msg=f"{task}: {name}")
        broken = encode([PlanPort(name="image", type="Image")], {"image": {"png": b"no picture"}})
        with pytest.raises(InferenceServerException, match="UnidentifiedImageError"):
            infer(client, "picture", broken)
        after = infer(client, "picture", encode([PlanPort(name="image", type="Image")], _inputs(world, samples, "picture")[0]))
        assert {name for name in after if not name.startswith("timing__")} == {"category__label", "category__probability"}


def test_the_benchmark_of_alternatives_measures_the_answers_of_its_own_run(
    plan: Plan, world: World, models: dict[str, ModelVersion], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SPEC.parents[1] / "tests" / "benchmarks"))
    import bench_alternatives as bench

    version, step = models["category"], _step(plan, "category")
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    own = shutil.copytree(version.folder, tmp_path / "models" / version.component / version.model / version.version)
    allowed = dict(bench.allowed(plan, step, world, "tiny"))
    assert allowed == {"fasttext": replace(version, folder=own), "textcnn": None}
    asked = bench.test_inputs(world, "text_classification", 40)
    answered = bench.serve_and_ask(plan, step, models["category"], asked, 50.0)
    work = open_stage(step.stages[0], models["category"].folder)
    assert [answer.label for answer in answered] == [work(answer.inputs)["category"]["label"][0] for answer in asked]
    assert all(0 < answer.service_ms < answer.latency_ms for answer in answered)
    row = bench.figures(models["category"], asked, answered)
    assert row["accuracy"]["value"] == pytest.approx(sum(a.label == q.label for a, q in zip(answered, asked, strict=True)) / 40)
    assert row["latency_p50_ms"] is not None
    assert row["latency_p99_ms"] is None, "40 requests are too few"
    assert "| too few |" in bench.table([row])
    with pytest.raises(SystemExit, match="no classifier"):
        bench.test_inputs(world, "recommendation", 1)


@pytest.mark.parametrize("rule", ["baseline", "random"])
def test_a_stage_can_answer_by_its_baseline_or_at_random(
    rule: str, plan: Plan, world: World, models: dict[str, ModelVersion], samples: list[Sample]
) -> None:
    for task in TASKS:
        step = _step(plan, task)
        stage = step.stages[0]
        model, ruled = (open_stage(stage.model_copy(update={"model": name}), models[task].folder) for name in (stage.model, rule))
        inputs = [request for request in _inputs(world, samples, task) if not ("items" in request and not request["items"]["item_id"])]
        answers = [encode(step.outputs, ruled(request)) for request in inputs]
        assert [{k: v.tolist() for k, v in a.items()} for a in answers] == [
            {k: v.tolist() for k, v in encode(step.outputs, ruled(request)).items()} for request in inputs
        ], "the same request got another answer"
        key = "category__label" if task in ("category", "picture") else "items__item_id"
        differing = sum(
            a[key].tolist() != encode(step.outputs, model(request))[key].tolist() for a, request in zip(answers, inputs, strict=True)
        )
        assert differing > len(inputs) / 2


def test_goods_that_the_user_has_are_not_recommended_again(plan: Plan, models: dict[str, ModelVersion], samples: list[Sample]) -> None:
    work = open_stage(_step(plan, "recommend").stages[0], models["recommend"].folder)
    items = samples[0].inputs["items"]
    had = items["item_id"][:3]
    profile = {"user_id": 1, "age": 30, "gender": "F", "occupation": "other", "history": had}
    ranked = work({"items": items, "profile": profile})["items"]
    scores = dict(zip(ranked["item_id"], ranked["recommend_score"], strict=True))
    assert all(scores.get(item, 0) == 0 for item in had)
    assert sum(score > 0 for score in scores.values()) >= len(scores) - 3
    assert ranked["recommend_score"] == sorted(ranked["recommend_score"], reverse=True)


PORTS = [PlanPort(name="q", type="Query"), PlanPort(name="w", type="Weights", optional=True), PlanPort(name="f", type="Flag")]


@pytest.mark.parametrize(
    "values",
    [
        {"q": {"text": "grüne Züge", "term": ["grüne", "Züge"]}, "w": {"weight": [0.25, 0.75]}, "f": {"value": True}},
        {"q": {"text": "", "term": []}, "f": {"value": False}},
        {"q": {"text": "a", "term": ["a"]}, "w": {"weight": []}, "f": {"value": False}},
    ],
)
def test_values_become_tensors_and_come_back(values: Values) -> None:
    tensors = encode(PORTS, values)
    assert tensors["q__text"].shape == (1,)
    assert tensors["q__term"].shape == (len(values["q"]["term"]),)
    assert tensors["q__term"].dtype == np.object_
    assert decode(PORTS, tensors) == values


def test_cut_tensors_are_refused() -> None:
    values: Values = {"q": {"text": "a", "term": ["a"]}, "f": {"value": True}}
    with pytest.raises(ValueError, match="'f' has no value"):
        encode(PORTS, {"q": values["q"]})
    with pytest.raises(ValueError, match="is missing the field 'term'"):
        encode(PORTS, {**values, "q": {"text": "a"}})
    tensors = encode(PORTS, values)
    with pytest.raises(ValueError, match="is missing the tensors q__term"):
        decode(PORTS, {name: tensor for name, tensor in tensors.items() if name != "q__term"})
    with pytest.raises(ValueError, match="differ in length"):
        encode([PlanPort(name="c", type="Category")], {"c": {"label": [1, 2], "probability": [0.5]}})
