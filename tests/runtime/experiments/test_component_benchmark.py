"""Component benchmarks: what reaches the component, its plan, its runs by real processes, its training to a target."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aibenchc.cli import main
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.source import SourceFile
from aibenchrt.answers import known_truth
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.options import RunOptions
from aibenchrt.datasets.payload import Payload
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.component.one_task_plan import Mode, load_of, one_task_plan, percentiles_for
from aibenchrt.experiments.component.performance import ComponentFigures, inside, throughput
from aibenchrt.experiments.component.recording import find_stage, record
from aibenchrt.experiments.component.training import Point, Trainings, TrainingTarget, target_of
from aibenchrt.experiments.component.truth import component_truth
from aibenchrt.home import home
from aibenchrt.load.schedule import MOST_PER_S, schedule
from aibenchrt.plan import Plan, PlanPoisson, wiring_hash
from aibenchrt.planner.executor import CallTimes, Executor, Request
from aibenchrt.planner.in_process import caller, open_chains, works
from aibenchrt.planner.program import check_plan
from paths import TEST_SPECS
from shop_plan import free_ports, shop_plan, step

SPEC = TEST_SPECS / "one_model.aib"
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def own_home(assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that shares the data and holds the model of `category` and no other."""
    shared, folder, model = home(), tmp_path / "home", assets.models["category"].folder
    shutil.copytree(model, folder / model.relative_to(shared))
    for name in ("downloads", "worlds"):
        (folder / name).symlink_to(shared / name)
    monkeypatch.setenv("AIBENCH_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def plan() -> Plan:
    source = SourceFile(SPEC.name, SPEC.read_text(encoding="utf-8"))
    compiled = compile_spec(source, CompileSettings(), Diagnostics(), lambda _name, _span: None, lambda _name, _span: None)
    assert compiled is not None
    return compiled.plan


@pytest.fixture(scope="module")
def assets(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return prepare(plan, RunOptions(variant="synthetic", size="tiny"), tmp_path_factory.mktemp("prepared"))


# -- what reaches it, and its plan


def test_what_is_recorded_is_what_the_component_gets_inside(plan: Plan, assets: Assets, tmp_path: Path) -> None:
    stage = find_stage(plan, "indexing")
    assert stage is not None
    recording = record(plan, assets, stage, 5, seed=7)
    (reached,) = recording.classes
    assert recording.calls_per_request == 1.0
    assert len(reached.payloads) == 40
    assert 0 < len(reached.trial) <= 8
    assert reached.request.share == 1.0
    assert {port.name: port.type for port in reached.request.ports} == {"query": "Query", "category": "Category"}
    payload = reached.payloads[0]
    asked = next(p for p in assets.payloads["text"] if p.query_id == payload.query_id)
    assert payload.truth == asked.truth

    calls: dict[str, CallTimes] = {}
    seen: dict[str, Any] = {}
    folders = {name: version.folder for name, version in assets.models.items()}
    answered = caller(open_chains(plan, works(plan, assets.world, folders, tmp_path)))

    async def call(called: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        seen[called.task] = dict(inputs)
        return await answered(called, inputs)

    async def ask() -> None:
        await Executor(plan).start(Request(1, "text", dict(asked.values)), call, lambda t: calls.update({t.step.task: t})).answer

    asyncio.run(ask())
    assert {name: dict(value) for name, value in payload.values.items()} == {n: dict(v) for n, v in seen["find"].items()}
    again = record(plan, assets, stage, 5, seed=7).classes[0]
    assert [p.query_id for p in again.payloads] == [p.query_id for p in reached.payloads]


def test_the_plan_of_a_component_alone_can_be_executed_and_holds_nothing_else(plan: Plan, assets: Assets) -> None:
    for stage in [stage for planned in plan.steps for stage in planned.stages]:
        recording = record(plan, assets, stage, 1, seed=7)
        load = load_of(Mode.OPEN, plan.load, 12.5, 8, 3.0, 1.0)
        made = one_task_plan(plan, stage, recording, load, (50.0,), 24000)
        check_plan(made)
        assert [planned.task for planned in made.steps] == [stage.name]
        assert made.steps[0].stages[0].settings == stage.settings
        assert made.load.rate == 12.5
        assert [service.name for service in made.services] == ["planner", "triton" if stage.kind == "ai" else stage.name]
        assert made.metrics == {"category": ("accuracy",), "find": ("recall@100",), "show": ("ndcg@10",)}.get(stage.name, ())
        assert [target.task for target in made.quality] == (["category"] if stage.name == "category" else [])
    assert {stage.name for planned in plan.steps for stage in planned.stages} >= {"parse", "category", "find", "show", "clicks"}


@pytest.mark.long
def test_requests_that_feed_other_ports_are_a_class_of_their_own(assets: Assets) -> None:
    """An optional port that is fed for one class only; a class that never gets there."""
    spec = """aib 1
scenario two "Two classes" {
  dataset goods = movielens_shop
  request text  { share 60%, from goods.queries }
  request image { share 40%, from goods.photos }
  task parse    : query_parsing
  task category : text_classification  { model fasttext }
  task picture  : image_classification { model resnet20 }
  task find     : indexing { limit 10 }
  task show     : database_operation { table items }
  permutation {
    text -> parse -> (category & find)
    image -> picture
    (category | picture) -> find -> show -> response
  }
  metrics { ndcg@10, latency p50 }
  load { poisson 40/s, for 3 s, seed 7 }
}
"""
    diagnostics = Diagnostics()
    compiled = compile_spec(SourceFile("two.aib", spec), CompileSettings(), diagnostics, lambda _n, _s: None, lambda _n, _s: None)
    assert compiled is not None, diagnostics.all
    two = prepare(compiled.plan, RunOptions(variant="synthetic", size="tiny"), assets.prepared.parent / "two")
    find, parse = find_stage(compiled.plan, "indexing"), find_stage(compiled.plan, "query_parsing")
    assert find is not None
    assert parse is not None
    recording = record(compiled.plan, two, find, 1, seed=7)
    assert [(c.request.name, round(c.request.share, 6), [p.name for p in c.request.ports]) for c in recording.classes] == [
        ("text", 0.6, ["category", "query"]),
        ("image", 0.4, ["category"]),
    ]
    check_plan(one_task_plan(compiled.plan, find, recording, compiled.plan.load, (50.0,), 24000))
    only = record(compiled.plan, two, parse, 1, seed=7)
    assert [c.request.name for c in only.classes] == ["text"]
    assert only.calls_per_request == pytest.approx(0.6)
    none = replace(two, payloads={**two.payloads, "text": []})
    with pytest.raises(EnvironmentFailure, match="AIB643"):
        record(compiled.plan, none, parse, 1, seed=7)


def test_a_recogniser_is_compared_with_what_was_said_and_anything_else_with_the_answer() -> None:
    class Utterance:
        wav, text = b"RIFF", "good morning"

    class Spoken:
        def utterances(self, split: str) -> list[Utterance]:
            return [Utterance()] if split == "test" else []

    payload = Payload({}, {"reference": "guten Morgen"}, 1, "")
    assert component_truth("speech_recognition", Spoken())({"audio": {"wav": b"RIFF"}}, payload) == {"reference": "good morning"}
    assert not known_truth(component_truth("speech_recognition", Spoken())({"audio": {"wav": b"?"}}, payload))
    assert component_truth("text_translation", Spoken())({}, payload) == {"reference": "guten Morgen"}


def test_modes_are_loads_of_the_language_and_percentiles_what_they_have_samples_for() -> None:
    base = PlanPoisson(rate=20.0, duration_s=60.0, warmup_s=6.0, seed=9)
    offline, single = (load_of(mode, base, 5.0, 8, 4.0, 1.0) for mode in (Mode.OFFLINE, Mode.SINGLE))
    assert (offline.arrival, offline.users, offline.think_s, offline.seed) == ("users", 8, 0.0, 9)
    assert (single.arrival, single.users) == ("users", 1)
    assert percentiles_for(0) == (50.0,)
    assert percentiles_for(240) == (50.0, 90.0)
    assert percentiles_for(2399) == (50.0, 90.0)
    assert percentiles_for(2400) == (50.0, 90.0, 99.0)


def test_users_who_do_not_think_are_given_what_a_generator_can_send(plan: Plan) -> None:
    rows = schedule(load_of(Mode.OFFLINE, plan.load, 1.0, 4, 2.0, 0.5), plan.requests, {"text": 10}, 7)
    assert len(rows) == 4 + int(2.5 * MOST_PER_S)
    assert [row.offset_s for row in rows[:5]] == [0.0, 0.0, 0.0, 0.0, -1.0]


def test_where_nothing_is_answered_with_a_request_is_answered_when_all_is_done() -> None:
    base = shop_plan()
    steps = (step("first", {"user:User": ["text.user"]}, ["profile:Profile"]), step("last", {"profile:Profile": ["first.profile"]}, []))
    requests = base.requests[:1]
    silent = base.model_copy(
        update={
            "requests": requests,
            "steps": steps,
            "choices": (),
            "response": (),
            "graph_hash": wiring_hash(requests, steps, (), ()),
        }
    )
    order: list[str] = []

    async def call(called: Any, _inputs: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        order.append(called.task)
        return {port.name: {} for port in called.outputs}

    async def ask() -> None:
        running = Executor(silent).start(Request(1, "text", {"text": {"text": "x"}, "user": {"user_id": 1}}), call)
        answer = await running.answer
        assert answer.error == ""
        assert order == ["first", "last"]
        await running.finished()

    asyncio.run(asyncio.wait_for(ask(), 120))
    deaf = silent.model_copy(update={"steps": steps[:1], "graph_hash": wiring_hash(requests, steps[:1], (), ())})
    with pytest.raises(EnvironmentFailure, match="it has no response"):
        check_plan(deaf)


# -- runs


def _bench(folder: Path, component: str, *more: str) -> tuple[int, ComponentFigures]:
    command = [
        "bench",
        "component",
        component,
        "--spec",
        str(SPEC),
        "--data",
        "synthetic",
        "--size",
        "tiny",
        "--runs",
        str(folder / "runs"),
    ]
    command += ["--first-port", str(free_ports(1)[0]), "--json", str(folder / "figures.json"), *more]
    code = main(command)
    return code, ComponentFigures.model_validate_json((folder / "figures.json").read_text(encoding="utf-8"))


@pytest.mark.long
def test_a_model_alone_is_a_run_like_any_other_with_the_quality_of_its_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, figures = _bench(tmp_path, "text_classification", "--duration", "3", "--warmup", "1", "--in-flight", "4")
    assert code in (0, 3, 4), capsys.readouterr().err  # 3, 4: the machine was busy
    assert [mode.mode for mode in figures.modes] == ["offline", "single stream", "open loop"]
    assert (figures.task, figures.model, figures.scenario, figures.rate) == ("category", "fasttext", "one_model", 40.0)
    for mode in figures.modes:
        run = read_run(Path(mode.directory))
        assert run.info.outcome == "completed"
        assert Counter(r.outcome for r in run.measured) == {"ok": mode.answered}
        assert {call.task for call in run.calls} == {"category"}
        assert [m.stage for m in run.info.models] == ["category"]
        assert {process.role for process in run.info.processes} == {"planner", "triton", "generator"}
        window = run.info.load.window_end_ns - run.info.load.window_start_ns
        answered = [r.done_ns for r in run.requests if r.outcome == "ok"]  # of the warm-up one may fail while the machine is busy
        inside_window = sum(run.info.load.window_start_ns <= done_ns < run.info.load.window_end_ns for done_ns in answered)
        assert throughput(run).value == pytest.approx(inside_window / (window / 1e9))
        (seen,) = [row for row in mode.models if row.where == "in this run"]
        assert seen.metric == "accuracy"
        assert seen.value > 0.5  # ten labels
        assert (Path(mode.directory) / "report.html").is_file()
        assert mode.component.name == "category"
    offline, single, opened = figures.modes
    assert read_run(Path(offline.directory)).info.load.arrival == "users"
    assert opened.load.startswith("poisson 40/s")
    gaps = sorted(read_run(Path(single.directory)).measured, key=lambda r: r.sent_ns)
    assert all(later.sent_ns >= earlier.done_ns for earlier, later in pairwise(gaps)), "one at a time"
    flying = max(_in_flight(read_run(Path(offline.directory)).measured))
    assert flying == 4
    shown = capsys.readouterr().out
    assert "Component benchmark: text_classification, model fasttext" in shown
    assert all(mode.directory in shown for mode in figures.modes)
    assert inside(Path(opened.directory), "category") is not None
    assert inside(Path(opened.directory), "elsewhere") is None


def _in_flight(requests: Any) -> list[int]:
    events = sorted([(r.sent_ns, 1) for r in requests] + [(r.done_ns, -1) for r in requests])
    count, counts = 0, []
    for _, change in events:
        count += change
        counts.append(count)
    return counts


@pytest.mark.long
def test_what_only_stores_is_answered_when_it_has_stored(tmp_path: Path) -> None:
    _, figures = _bench(tmp_path, "event_log", "--duration", "2", "--warmup", "0.5", "--modes", "single", "--task", "clicks")
    (mode,) = figures.modes
    run = read_run(Path(mode.directory))
    assert run.plan.response == ()
    assert mode.answered > 20
    for request in run.measured:
        (call,) = run.calls_of[request.request_id]
        assert call.end_ns <= request.done_ns
        assert not call.after
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (Path(mode.directory) / "state").rglob("*.jsonl"))
    assert lines >= len(run.measured)


def test_a_service_that_finds_goods_is_scored_by_them(tmp_path: Path) -> None:
    _, figures = _bench(tmp_path, "indexing", "--duration", "2", "--warmup", "0.5", "--modes", "open", "--rate", "30")
    (mode,) = figures.modes
    (row,) = [row for row in mode.quality if row.request_class == "all"]
    assert row.metric == "recall@100"
    assert 0.0 < row.estimate.value < 1.0
    assert row.requests == mode.answered


# -- what cannot be


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["text_clasification"], 1, "error[AIB102]: unknown component 'text_clasification'"),
        (["text_classification", "--model", "fastext"], 1, "did you mean 'fasttext'?"),
        (["cache_lookup"], 1, "error[AIB642]: no distilled scenario has 'cache_lookup'"),
        (["indexing", "--task", "nowhere"], 1, "(its tasks: find)"),
        (["indexing", "--modes", "sideways"], 2, "offline,single,open"),
        (["indexing", "--rate", "0"], 2, "above 0"),
        (["indexing", "--train", "--data", "synthetic"], 2, "error[AIB644]: 'indexing' is not trained"),
    ],
)
def test_what_cannot_be_measured_is_said(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "component", *words, "--spec", str(SPEC)]) == code
    assert said in capsys.readouterr().err


# -- training


@pytest.mark.long
def test_a_training_is_timed_to_its_target_and_leaves_the_repository_alone(own_home: Path, tmp_path: Path, assets: Assets) -> None:
    before = sorted(path for path in (own_home / "models").rglob("metadata.json"))
    assert [path.parent.name for path in before] == [assets.models["category"].version]
    command = ["bench", "component", "text_classification", "--spec", str(SPEC), "--data", "synthetic", "--size", "tiny", "--train"]
    assert main([*command, "--seeds", "7,8", "--json", str(tmp_path / "training.json")]) == 0
    trainings = Trainings.model_validate_json((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert trainings.target == TrainingTarget(metric="accuracy", value=0.3, source="the scenario's target of 'category'")
    assert [training.seed for training in trainings.trainings] == [7, 8]
    for training in trainings.trainings:
        assert [point.epoch for point in training.curve] == [1, 2, 3, 4]
        assert training.epoch is not None
        assert training.curve[training.epoch - 1].value >= 0.3
        assert training.to_target == training.curve[training.epoch - 1].seconds
        assert 0 < training.to_target <= training.seconds + 0.1
        assert training.held_out is not None
        assert training.held_out > 0.3
    assert trainings.trainings[0].version == assets.models["category"].version, "the same training gives the same version"
    assert trainings.trainings[1].version != trainings.trainings[0].version
    assert sorted(path for path in (own_home / "models").rglob("metadata.json")) == before
    assert main([*command, "--target", "0.9999"]) == 1


def test_a_target_comes_from_the_command_line_the_scenario_or_the_catalogue(plan: Plan) -> None:
    stage = find_stage(plan, "text_classification")
    assert stage is not None
    assert target_of(plan, stage, 0.7).value == 0.7
    assert target_of(plan.model_copy(update={"quality": ()}), stage, None) == TrainingTarget(
        metric="accuracy", value=round(0.861 * 0.95, 4), source="95 % of what the catalogue declares"
    )
    assert TrainingTarget(metric="wer", value=0.2, source="").reached(0.1)
    assert not TrainingTarget(metric="accuracy", value=0.2, source="").reached(0.1)
    assert json.loads(Point(epoch=1, seconds=2.0, value=0.5).model_dump_json()) == {"epoch": 1, "seconds": 2.0, "value": 0.5}
