"""The distilled e-commerce path in this process: what combining steps changes, what each AI component contributes, what a cut edge does."""

from __future__ import annotations

from pathlib import Path

import pytest
from aibenchc.cli import main
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.movielens_shop.dataset import WORLDS, payloads
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.contribution import TRAINED, Answered, Contributions, contribution_rows, not_better
from aibenchrt.experiments.ablation.variants import AblateOptions, ablate, answer, spread
from aibenchrt.plan import Plan, read_plan
from aibenchrt.planner.executor import Executor
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.train.task import plan_models
from cuts import cuts
from scenario import SPECS, compiled, replay

SPEC = SPECS / "ecommerce.aib"
pytestmark = pytest.mark.timeout(900)  # trains on a machine without caches

USES = {("text", "category"), ("image", "picture"), *((c, t) for c in ("text", "image") for t in ("recommend", "rank"))}


@pytest.fixture(scope="module")
def world() -> World:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return read_plan(compiled("ecommerce", tmp_path_factory.mktemp("ecommerce") / "all", "--no-stubs") / "plan.json")


@pytest.fixture(scope="module")
def folders(plan: Plan, world: World) -> dict[str, Path]:
    return {stage: version.folder for stage, version in plan_models(plan, world, size="tiny").items()}


def test_combining_saves_a_hop_and_a_process_and_changes_no_answer(
    plan: Plan, world: World, folders: dict[str, Path], tmp_path: Path
) -> None:
    apart = read_plan(compiled("ecommerce", tmp_path / "apart", "--no-stubs", "--without", "R5") / "plan.json")
    combined = [step for step in plan.steps if len(step.stages) > 1]
    saved = sum(len(step.stages) - 1 for step in combined)
    assert [step.task for step in combined] == ["parse_spell"]
    assert all(len(step.stages) == 1 for step in apart.steps)
    assert {s.name for step in apart.steps for s in step.stages} == {s.name for step in plan.steps for s in step.stages}
    assert len(apart.steps) - len(plan.steps) == len(apart.services) - len(plan.services) == saved
    asked = [(name, p) for name, source in (("text", "queries"), ("image", "photos")) for p in spread(payloads(world, source), 60)]
    before = replay(apart, world, folders, asked, tmp_path)
    after = replay(plan, world, folders, asked, tmp_path)
    assert [request.answer.response for request in before] == [request.answer.response for request in after]
    for (name, _), first, second in zip(asked, before, after, strict=True):
        assert len(first.calls) - len(second.calls) == (saved if name == "text" else 0)


def test_cutting_any_edge_of_the_compiled_plan_is_a_start_up_error(plan: Plan) -> None:
    Executor(plan)
    every = cuts(plan)
    assert len(every) == sum(len(i.sources) for s in plan.steps for i in s.inputs) + sum(len(p.sources) for p in plan.response) > 25
    for cut in every:
        with pytest.raises(EnvironmentFailure) as failure:
            Executor(cut)
        assert failure.value.code == "AIB613"


@pytest.fixture(scope="module")
def contributions(plan: Plan) -> Contributions:
    return ablate(plan, AblateOptions(variant="synthetic", size="tiny", requests=150))


def test_random_answers_of_any_component_lower_quality(contributions: Contributions) -> None:
    rows = {(r.request_class, *r.overrides[0].split("=")): r for r in contributions.rows if r.metric == "ndcg@10"}
    assert set(rows) == {(*use, how) for use in USES for how in ("random", "baseline")}
    assert contributions.requests == {"text": 150, "image": 150}
    for use in USES:
        assert rows[*use, "random"].worse, rows[*use, "random"]


def test_no_baseline_raises_quality_unless_it_is_listed(contributions: Contributions) -> None:
    listed = {(n.request_class, n.task, n.metric): n for n in contributions.not_better}
    for row in contributions.rows:
        task, how = row.overrides[0].split("=")
        if how == "baseline":
            key = (row.request_class, task, row.metric)
            assert (key in listed) == (row.difference.high >= 0)
            assert not row.better or listed[key].verdict == "baseline wins"
    assert not [n for n in contributions.not_better if n.metric == "ndcg@10" and n.verdict == "baseline wins"]


def test_nothing_of_one_variant_reaches_another(plan: Plan, world: World, folders: dict[str, Path]) -> None:
    """The same query asked twice: an answer kept by a cache would come back, whatever the second variant did."""
    asked = [p for p in spread(payloads(world, "queries"), 20) for _ in range(2)]
    (both,) = answer(plan, world, folders, {"text": asked}, ["category", "recommend", "rank"])
    (only,) = answer(plan, world, folders, {"text": asked}, ["category"])
    assert both.tasks == {"category", "recommend", "rank"}
    assert {name: shown for name, shown in both.shown.items() if name in only.shown} == only.shown
    assert (
        len({repr(shown) for shown in both.shown.values()}) == len(both.shown) == 7
    )  # as trained, and three components replaced in two ways: all differ
    for shown in both.shown.values():
        assert list(shown[::2]) == list(shown[1::2])


def test_a_component_whose_baseline_wins_is_listed() -> None:
    good, bad = {"ranking": tuple(range(10))}, {"ranking": tuple(range(50, 60))}
    group = Answered(
        request_class="text",
        users=tuple(range(40)),
        truth=({"relevant": (3,)},) * 40,
        shown={TRAINED: [bad] * 30 + [good] * 10, "a=random": [bad] * 40, "a=baseline": [good] * 40},
        tasks=frozenset({"a"}),
    )
    rows = contribution_rows([group], ["recall@10"], bootstrap_rng())
    assert [(r.overrides, r.base, r.variant, r.worse, r.better) for r in rows] == [
        (("a=random",), 0.25, 0.0, True, False),
        (("a=baseline",), 0.25, 1.0, False, True),
    ]
    (listed,) = not_better(rows)
    assert (listed.task, listed.request_class, listed.metric, listed.verdict) == ("a", "text", "recall@10", "baseline wins")


def test_the_verb_prints_a_table_and_writes_json(tmp_path: Path, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert folders  # trained by now
    words = [
        "ablate",
        str(SPECS / "ecommerce.aib"),
        "--out",
        str(tmp_path / "out"),
        "--data",
        "synthetic",
        "--size",
        "tiny",
        "--requests",
        "8",
    ]
    assert main([*words, "--json", str(tmp_path / "found.json")]) == 0
    out = capsys.readouterr().out
    written = Contributions.model_validate_json((tmp_path / "found.json").read_bytes())
    assert written.requests == {"text": 8, "image": 8}
    assert out.splitlines()[0].strip() == "What each AI component contributes"
    assert out.count("ndcg@10") >= len(USES)
    assert "steps after the response are not run" in out
    for row in written.not_better:
        assert f"{row.task}: " in out
