"""Online translation, in small: real processes, Triton, trained models, the synthetic world. Nothing is replaced by a double."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.translation import dataset as translation
from aibenchrt.datasets.translation.world import TranslationWorld
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.contribution import Contributions
from aibenchrt.experiments.ablation.variants import AblateOptions, ablate
from aibenchrt.metrics import score_each
from aibenchrt.plan import Plan, read_plan
from aibenchrt.planner.executor import Executor
from aibenchrt.report import report
from cuts import cuts
from exported import figures, unpacked
from recorded import shown
from scenario import SPECS, Deployed, Replayed, compiled, deploy, replay, tiny_models

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # on a machine without caches the first test trains

SPEC = SPECS / "translation.aib"
SOURCES = {"text": "texts", "audio": "utterances", "image": "pictures"}
RECOGNISER = {"audio": "hear", "image": "read"}
USES = {("text", "translate"), *((name, task) for name, own in RECOGNISER.items() for task in (own, "translate"))}


@pytest.fixture(scope="module")
def world() -> TranslationWorld:
    return translation.WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def asked(world: TranslationWorld) -> dict[str, list[Payload]]:
    return {name: translation.payloads(world, source) for name, source in SOURCES.items()}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("translation", tmp_path_factory.mktemp("translation") / "generated")


@pytest.fixture(scope="module")
def plan(generated: Path) -> Plan:
    return read_plan(generated / "plan.json")


@pytest.fixture(scope="module")
def folders(plan: Plan, world: TranslationWorld) -> dict[str, Path]:
    return tiny_models(plan, world)


@pytest.fixture(scope="module")
def deployed(generated: Path) -> Deployed:
    return deploy(generated, rate=20.0, duration_s=17.0, warmup_s=2.0, supplement=False)


@pytest.fixture(scope="module")
def run(deployed: Deployed) -> Run:
    return deployed.run


@pytest.fixture(scope="module")
def replayed(
    run: Run,
    plan: Plan,
    world: TranslationWorld,
    folders: dict[str, Path],
    asked: dict[str, list[Payload]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[str, int], Replayed]:
    """Every payload that the run asked, answered again in this process: (class, payload) → answer and calls."""
    keys = sorted({(r.request_class, r.payload) for r in run.requests})
    requests = replay(plan, world, folders, [(name, asked[name][payload]) for name, payload in keys], tmp_path_factory.mktemp("state"))
    return dict(zip(keys, requests, strict=True))


def test_distilling_leaves_the_published_tasks(plan: Plan) -> None:
    components = {stage.component for step in plan.steps for stage in step.stages}
    assert components == {"text_translation", "speech_recognition", "text_recognition", "query_parsing", "text_normalization"}
    assert {request.name: request.share for request in plan.requests} == pytest.approx({"text": 0.795, "audio": 0.105, "image": 0.1})
    assert {"chrf", "bleu"} <= set(plan.metrics)
    assert [(update.frequency, update.tasks) for update in plan.update] == [("low", ("translate", "hear", "read"))]


def test_every_rule_has_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", str(SPEC), "--trace"]) == 0
    out = capsys.readouterr().out
    assert [rule for rule in range(1, 7) if f"R{rule}: " in out] == [1, 2, 3, 4, 5, 6]


def test_cutting_any_edge_of_the_compiled_plan_is_a_start_up_error(plan: Plan) -> None:
    Executor(plan)
    for cut in cuts(plan):
        with pytest.raises(EnvironmentFailure) as failure:
            Executor(cut)
        assert failure.value.code == "AIB613"


def test_no_request_fails_and_each_takes_its_path(run: Run) -> None:
    assert run.info.outcome == "completed"
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.requests)}
    assert len(run.measured) >= 300
    assert {r.request_class for r in run.measured} == set(SOURCES)
    for request in run.requests:
        tasks = ["normalize_parse", "translate", *([RECOGNISER[request.request_class]] if request.request_class in RECOGNISER else [])]
        assert Counter(call.task for call in run.calls_of[request.request_id]) == Counter(tasks)
        assert len(shown(request, "text")) == 1


def test_the_process_run_and_this_process_give_the_same_answers(run: Run, replayed: dict[tuple[str, int], Replayed]) -> None:
    for request in run.requests:
        text = replayed[request.request_class, request.payload].answer.response["translation"]["text"]
        assert shown(request, "text") == (text,), request


def test_what_is_recognised_is_parsed_and_what_is_parsed_is_translated(
    replayed: dict[tuple[str, int], Replayed], asked: dict[str, list[Payload]], folders: dict[str, Path]
) -> None:
    """Each task's output is the next one's input: the translation is that of what this recogniser made of this picture or recording."""
    from aibenchrt.components.query_parsing.sentence import sentence_of
    from aibenchrt.components.text_normalization.service import normalised
    from aibenchrt.components.text_translation.serve import open_work

    translate = open_work(folders["translate"], {})
    for (name, payload), request in replayed.items():
        typed = asked[name][payload].values["text"] if name == "text" else request.calls[RECOGNISER[name]].outputs["text"]
        parsed = request.calls["normalize_parse"].outputs["text"]
        assert parsed["text"] == sentence_of(normalised(str(typed["text"])))
        assert request.answer.response["translation"] == translate({"text": parsed})["translation"]


@pytest.mark.parametrize("metric", ["chrf", "bleu"])
def test_answers_are_far_better_than_copying_and_recognition_errors_show(
    metric: str, replayed: dict[tuple[str, int], Replayed], asked: dict[str, list[Payload]]
) -> None:
    scores: dict[str, list[float]] = {name: [] for name in SOURCES}
    copied: list[float] = []
    for (name, number), request in replayed.items():
        payload = asked[name][number]
        text = str(request.answer.response["translation"]["text"])
        scores[name] += score_each(metric, [payload.truth["reference"]], [(text,)]).tolist()
        copied += score_each(metric, [payload.truth["reference"]], [(payload.note,)]).tolist()
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    assert means["text"] > float(np.mean(copied)) + 0.3
    assert all(means[name] > float(np.mean(copied)) + 0.1 for name in RECOGNISER)
    assert min(means["audio"], means["image"]) < means["text"]


def test_a_run_is_reported_with_its_end_to_end_quality(run: Run) -> None:
    made = report(run.directory)
    rows = {(row.request_class, row.metric): row for row in made.quality}
    assert {(name, metric) for name in ("all", *SOURCES) for metric in ("chrf", "bleu")} <= set(rows)
    assert rows["text", "chrf"].estimate.value > 0.5
    assert {check.code for check in made.verdict.checks if check.ok} >= {"V01", "V02", "V07", "V10", "V17", "V18"}


def test_an_export_has_its_figures_and_none_of_its_texts(run: Run, tmp_path: Path) -> None:
    out = unpacked(run.directory, tmp_path)
    assert figures(out.folder) == figures(run.directory)
    texts = {text for r in run.requests for text in (*run.answer(r, "text"), run.held_out(r.request_id, "reference") or "")}
    long = [text for text in texts if len(text) > 8]
    assert len(long) > 50
    assert not [text for text in long if text.encode() in out.content]
    assert str(run.directory).encode() not in out.content
    assert [host.name for host in read_run(out.folder).info.hosts] == ["host-1"]


@pytest.fixture(scope="module")
def contributions(plan: Plan, folders: dict[str, Path]) -> Contributions:
    assert folders  # trained by now
    return ablate(plan, AblateOptions(variant="synthetic", size="tiny", requests=60))


@pytest.mark.parametrize("metric", ["chrf", "bleu"])
def test_random_answers_of_any_component_lower_quality_and_no_baseline_raises_it(contributions: Contributions, metric: str) -> None:
    rows = {(r.request_class, *r.overrides[0].split("=")): r for r in contributions.rows if r.metric == metric}
    assert set(rows) == {(*use, how) for use in USES for how in ("random", "baseline")}
    for use in USES:
        assert rows[*use, "random"].worse, rows[*use, "random"]
        assert not rows[*use, "baseline"].better, rows[*use, "baseline"]
        assert rows[*use, "baseline"].worse, rows[*use, "baseline"]


def test_nothing_is_left_running(deployed: Deployed) -> None:
    assert deployed.run.info.outcome == "completed"
    assert deployed.left == ()
