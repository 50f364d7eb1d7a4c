"""A second world, of another kind than the shop: no goods, no users, no time; texts for answers. Nothing asks which world it is."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aibenchrt import catalog
from aibenchrt.answers import ANSWER_TYPES, Decision, Label, answer_of
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.component import PORT_TYPES, DatasetSpec, Port, RequestSource
from aibenchrt.control.assets import prepare
from aibenchrt.control.options import RunOptions
from aibenchrt.datasets import listing as data
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.worlds import load_world, world_module
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.contribution import TRAINED, Answered, contribution_rows, not_better
from aibenchrt.experiments.ablation.variants import spread
from aibenchrt.home import home
from aibenchrt.plan import Plan, PlanPort, PlanRequest, PlanStage, Step
from aibenchrt.progress import Progress
from aibenchrt.report import quality
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.report.make import make_report
from aibenchrt.report.tables import tables
from aibenchrt.train.task import plan_models
from recorded import answer_entries, truth_entries
from synthetic_run import Shape, write_run

SHOP_WORDS = ("goods", "items", "movie")


@dataclass(frozen=True)
class Sentences:
    """version: of the sentences; provenance: all made here."""

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...] = (Provenance("sentences", "composed", "counted", "Apache-2.0"),)


def _load(variant: str, seed: int, progress: Progress) -> Sentences:
    progress("counting", 1.0)
    return Sentences(f"{variant}{seed}" + "0" * 12, variant, seed)


def _payloads(_world: Sentences, source: str, split: str) -> list[Payload]:
    assert source == "pairs"
    return [Payload({"text": {"text": f"satz {k}"}}, {"reference": f"sentence {k}"}, k, "", split) for k in range(20)]


MODULE: Any = SimpleNamespace(
    WORLDS=SimpleNamespace(
        variants=("synthetic",),
        load=_load,
        folder=lambda home, variant, seed: home / "worlds" / f"sentences-{variant}-{seed}",
        stored=lambda _folder: None,
    ),
    PACKAGES=(),
    sizes=lambda _world: "20 sentences",
    payloads=_payloads,
)
SPEC = DatasetSpec(
    "sentences", "sentences", "counted sentences", "Apache-2.0", ("text",),
    (RequestSource("pairs", (Port("text", "Text"),), ""),), ("chrf", "wer"),
    truth="the sentence by the same number", truth_types=("reference",),
)  # fmt: skip


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentences.dataset", MODULE)  # type: ignore[arg-type]
    monkeypatch.setitem(catalog.DATASETS.own, "sentences", SPEC)


def plan_of(run: Run) -> Plan:
    """The plan of a simulated run, asked with sentences."""
    requests = tuple(r.model_copy(update={"dataset": "texts", "source": "pairs"}) for r in run.plan.requests)
    return run.plan.model_copy(update={"datasets": {"texts": "sentences"}, "requests": requests, "metrics": ("chrf", "wer")})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "shop", Shape(duration_s=20.0, error_share=0.02)))


@pytest.fixture
def texts(shop: Run, second: None) -> Run:
    """The same run with texts as answers: every second one right, the others with two of four words wrong."""
    assert second is None
    truth = {i: replace(t, truth=truth_entries(reference=f"this is sentence {i}")) for i, t in shop.truth_of.items()}
    requests = tuple(
        replace(r, answer=answer_entries(text=(f"{'this is' if r.payload % 2 else 'that was'} sentence {r.request_id}",)))
        if r.outcome == "ok"
        else r
        for r in shop.requests
    )
    (info,) = shop.info.data
    run_info = shop.info.model_copy(
        update={"data": (info.model_copy(update={"name": "sentences", "licence": "Apache-2.0", "provenance": ()}),)}
    )
    return replace(shop, plan=plan_of(shop), info=run_info, requests=requests, truth=tuple(truth.values()))


@pytest.mark.usefixtures("second")
def test_a_plan_takes_the_world_that_its_requests_name(shop: Run) -> None:
    plan = plan_of(shop)
    world = load_world(plan, "synthetic", 3)
    assert (world.version, world.variant) == ("synthetic3000000000000", "synthetic")
    assert len(spread(world_module(plan).payloads(world, "pairs", "test"), 7)) == 7
    (row,) = [row for row in data.data_rows(home()) if row.name == "sentences"]
    assert (row.variant, row.state, row.licence) == ("synthetic", "not made yet", "Apache-2.0")
    assert [row.name for row in data.data_rows(home(), ["sentences"])] == ["sentences"]


@pytest.mark.usefixtures("second")
def test_requests_of_two_worlds_or_of_none_are_refused(shop: Run) -> None:
    plan = plan_of(shop)
    first, second = plan.requests
    mixed = plan.model_copy(
        update={
            "datasets": {"texts": "sentences", "shop": "movielens_shop"},
            "requests": (first, second.model_copy(update={"dataset": "shop"})),
        }
    )
    for wrong in (mixed, plan.model_copy(update={"datasets": {"texts": "unheard_of"}})):
        with pytest.raises(EnvironmentFailure) as failure:
            world_module(wrong)
        assert failure.value.code == "AIB672"


@pytest.mark.usefixtures("second")
def test_services_are_prepared_from_any_world_and_no_ranker_is_trained_without_one(shop: Run, tmp_path: Path) -> None:
    stage = PlanStage(name="parse", component="query_parsing", kind="service")
    text = (PlanPort(name="text", type="Text"),)
    plan = plan_of(shop).model_copy(
        update={
            "requests": (PlanRequest(name="text", share=1.0, dataset="texts", source="pairs", ports=text),),
            "steps": (Step(task="parse", kind="service", family="query_understanding", stages=(stage,), inputs=(), outputs=()),),
        }
    )
    assets = prepare(plan, RunOptions(variant="synthetic"), tmp_path)
    assert [p.truth["reference"] for p in assets.payloads["text"]] == [f"sentence {k}" for k in range(20)]
    assert {p.part for p in assets.trial["text"]} == {"validation"}
    assert not assets.models
    assert (assets.prepared / "parse").is_dir()
    with pytest.raises(EnvironmentFailure) as failure:
        plan_models(with_ranker(plan), assets.world, size="tiny")
    assert failure.value.code == "AIB677"
    assert "time split" in failure.value.message
    assert "SNAPSHOTS" in failure.value.hint


def with_ranker(plan: Plan) -> Plan:
    stage = PlanStage(name="rank", component="learning_to_rank", kind="ai", model="linear_lambda")
    return plan.model_copy(update={"steps": (Step(task="rank", kind="ai", family="ranking", stages=(stage,), inputs=(), outputs=()),)})


def test_texts_are_scored_and_a_failed_request_has_none(texts: Run) -> None:
    requests = quality.with_truth(texts, texts.measured, "wer")
    assert len(requests) == len(texts.measured)
    by_hand = [1.0 if r.outcome != "ok" else 0.0 if r.payload % 2 else 0.5 for r in requests]
    assert set(by_hand) == {0.0, 0.5, 1.0}
    assert quality.scores(texts, requests, "wer").values == pytest.approx(by_hand)
    rows = {(r.metric, r.request_class): r for r in quality.quality_rows(texts, np.random.default_rng(1))}
    assert rows["wer", "all"].estimate.value == pytest.approx(np.mean(by_hand))
    assert rows["chrf", "all"].ok_only is not None
    assert rows["chrf", "all"].ok_only > rows["chrf", "all"].estimate.value  # failures count against it
    assert quality.with_truth(texts, texts.measured, "ndcg@10") == []


def test_the_report_speaks_of_nothing_that_this_world_has_not(texts: Run) -> None:
    made, _ = make_report(texts)
    note = next(note for note in made.notes if note.startswith("Truth of a request"))
    assert note.startswith("Truth of a request: the sentence by the same number. chrf: ")
    assert "wer: " in note
    assert "(lower is better)" in note
    for table in tables(made):
        said = " ".join((table.title, table.legend, *table.columns)).lower()
        assert not [word for word in SHOP_WORDS if word in said], table.key
    assert not [word for word in SHOP_WORDS if word in note.lower()]


def test_what_a_component_is_worth_by_an_error_rate_and_without_users() -> None:
    truth = tuple({"reference": f"one two three four {k}"} for k in range(30))
    right, wrong = ([{"text": (held["reference"].replace("one", word),)} for held in truth] for word in ("one", "eins"))
    group = Answered("text", None, truth, {TRAINED: right[:20] + wrong[20:], "t=random": wrong, "t=baseline": right}, frozenset({"t"}))
    rows = contribution_rows([group], ["wer", "ndcg@10"], bootstrap_rng())
    assert [(r.overrides, r.metric, r.worse, r.better) for r in rows] == [
        (("t=random",), "wer", True, False),
        (("t=baseline",), "wer", False, True),
    ]
    assert rows[0].difference.value == pytest.approx(0.2 * 20 / 30)
    assert rows[0].difference.method == "paired bootstrap over 30 requests"
    assert [(n.task, n.verdict) for n in not_better(rows)] == [("t", "baseline wins")]


def test_answers_are_read_by_their_type() -> None:
    translation = {"text": "hello"}
    snippets: dict[str, Any] = {"item_id": [4, 2], "title": ["a", "b"], "text": ["x", "y"]}
    details = {"item_id": [9], "title": ["t"], "category": [0], "price": [1.0]}
    assert answer_of([("Translation", translation.__getitem__)]) == {"text": ("hello",)}
    assert answer_of([("Snippets", snippets.__getitem__), ("Details", details.__getitem__)]) == {"ranking": (4, 2, 9), "text": ("x", "y")}
    assert answer_of([("Suggestions", {"text": ["z"]}.__getitem__)]) == {}
    category = {"label": [3, 1], "probability": [0.75, 0.25]}
    assert answer_of([("Category", category.__getitem__)]) == {"label": Label((3, 1), (0.75, 0.25))}
    assert answer_of([("Decision", {"accepted": True, "score": 0.5}.__getitem__)]) == {"decision": Decision(True, 0.5)}
    assert answer_of([("Image", {"png": b"PNG"}.__getitem__)]) == {"picture": b"PNG"}
    for port_type in PORT_TYPES.values():
        fields = {field.name for field in port_type.fields}
        assert {name for shows in port_type.shows for name in shows.fields} <= fields
        assert {shows.answer for shows in port_type.shows} <= ANSWER_TYPES.keys()
