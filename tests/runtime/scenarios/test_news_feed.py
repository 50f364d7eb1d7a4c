"""The whole news feed, in small: real processes, Triton, a trained model, the synthetic world. Nothing is replaced by a double."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import Run
from aibenchrt.components.event_log.service import read_events
from aibenchrt.datasets.interactions.recency import last_met
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.news import dataset as news
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import LIKED, Interactions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.contribution import Contributions
from aibenchrt.experiments.ablation.variants import AblateOptions, ablate, spread
from aibenchrt.plan import Plan, PlanStage, read_plan
from aibenchrt.planner.executor import Executor
from aibenchrt.report import quality, report
from cuts import cuts
from recorded import shown
from scenario import SPECS, Deployed, Replayed, compiled, deploy, replay, tiny_models

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # on a machine without caches the first test trains

SPEC = SPECS / "news_feed.aib"
TASKS = {"reader", "fresh", "suited", "pool", "counts", "unread_timely", "recommend", "feed", "show"}


@pytest.fixture(scope="module")
def world() -> World:
    return news.WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def visits(world: World) -> list[Payload]:
    return news.payloads(world, "visits")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled("news_feed", tmp_path_factory.mktemp("news_feed") / "generated")


@pytest.fixture(scope="module")
def plan(generated: Path) -> Plan:
    return read_plan(generated / "plan.json")


@pytest.fixture(scope="module")
def folders(plan: Plan, world: World) -> dict[str, Path]:
    return tiny_models(plan, world)


@pytest.fixture(scope="module")
def deployed(generated: Path) -> Deployed:
    return deploy(generated, rate=20.0, duration_s=17.0, warmup_s=2.0, supplement=False)


@pytest.fixture(scope="module")
def run(deployed: Deployed) -> Run:
    return deployed.run


@pytest.fixture(scope="module")
def replayed(
    run: Run, plan: Plan, world: World, folders: dict[str, Path], visits: list[Payload], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Replayed]:
    """Every visit that the run asked for, answered again in this process: payload → answer and calls."""
    keys = sorted({r.payload for r in run.requests})
    asked = [("open", visits[key]) for key in keys]
    return dict(zip(keys, replay(plan, world, folders, asked, tmp_path_factory.mktemp("state")), strict=True))


def stage_of(plan: Plan, name: str) -> PlanStage:
    return next(stage for step in plan.steps for stage in step.stages if stage.name == name)


# --- the world


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_truth_is_what_a_reader_liked_from_the_visit_on(world: World, split: str) -> None:
    requests = news.payloads(world, "visits", split)
    assert len({payload.query_id for payload in requests}) == len(requests) > 300
    starts = {"fit": 0, "rank": world.rank_start, "validation": world.validation_start, "test": world.test_start}
    ends = {"fit": world.rank_start, "rank": world.validation_start, "validation": world.test_start, "test": 2**62}
    for payload in spread(requests, 50):
        user = payload.values["user"]["user_id"]
        own = world.interactions.where(world.interactions.user == user)
        inside = own.where((own.time >= starts[payload.part]) & (own.time < ends[payload.part]))
        liked = inside.where(inside.rating >= LIKED)
        first = liked.time[[item in payload.truth["relevant"] for item in liked.item.tolist()]].min()
        assert payload.truth == {"relevant": tuple(sorted(liked.item[liked.time >= first].tolist()))}


def test_articles_have_texts_of_their_topic_and_none_twice(world: World) -> None:
    assert len({item.text for item in world.items}) == len(world.items)
    assert {item.category for item in world.items} == set(range(len(world.categories)))
    assert all(item.text.startswith(f"{item.title}\n") for item in world.items)
    assert {row.kind for row in world.provenance} == {"composed"}


def test_the_same_seed_makes_the_same_world_and_another_another(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIBENCH_HOME", str(tmp_path))
    assert news.WORLDS.load("synthetic").version == world.version
    assert news.WORLDS.load("synthetic", seed=8).version != world.version


# --- the compiled plan


def test_distilling_leaves_the_published_tasks(plan: Plan) -> None:
    components = {stage.component for step in plan.steps for stage in step.stages}
    assert components == {"recommendation", "database_operation", "sort", "basic_statistics", "filter", "event_log"}
    assert set(plan.metrics) == {"precision@10", "recall@10"}
    assert [update.frequency for update in plan.update] == ["low"]
    assert {step.task for step in plan.steps if step.phase == "response"} == TASKS


def test_cutting_any_edge_of_the_compiled_plan_is_a_start_up_error(plan: Plan) -> None:
    Executor(plan)
    for cut in cuts(plan):
        with pytest.raises(EnvironmentFailure) as failure:
            Executor(cut)
        assert failure.value.code == "AIB613"


# --- the measured run


def test_no_request_fails_and_each_takes_the_whole_path(run: Run) -> None:
    assert run.info.outcome == "completed"
    assert Counter(r.outcome for r in run.requests) == {"ok": len(run.requests)}
    assert len(run.measured) >= 300
    for request in run.requests:
        assert Counter(call.task for call in run.calls_of[request.request_id]) == Counter([*TASKS, "clicks"])
        assert len(set(shown(request))) == 10


def test_the_process_run_and_this_process_give_the_same_answers(run: Run, replayed: dict[int, Replayed]) -> None:
    for request in run.requests:
        assert shown(request) == replayed[request.payload].shown, request


def test_data_flow_along_every_edge(plan: Plan, world: World, visits: list[Payload], replayed: dict[int, Replayed]) -> None:
    """Each task works on the output of the one before: pool merges, counts renews popularity, filters drop, feed orders by recency."""
    met = last_met(world)
    taken = {user: set(own.item.tolist()) for user in {v.values["user"]["user_id"] for v in visits} for own in [_training(world, user)]}
    limit, days = int(stage_of(plan, "pool").settings["limit"]), int(stage_of(plan, "timely").settings["max_age"])
    dropped = renewed = 0
    for payload, request in replayed.items():
        out = {task: call.outputs["items"] for task, call in request.calls.items() if "items" in call.outputs}
        fresh, suited, pool = (out[task]["item_id"] for task in ("fresh", "suited", "pool"))
        assert set(pool) <= {*fresh, *suited}
        assert len(pool) == min(limit, len({*fresh, *suited}))
        assert [met[item] for item in pool] == sorted((met[item] for item in pool), reverse=True)
        assert out["counts"]["item_id"] == pool
        renewed += out["counts"]["popularity"] != out["pool"]["popularity"]
        left = out["unread_timely"]["item_id"]
        assert [item for item in pool if item in set(left)] == left
        assert not taken[visits[payload].values["user"]["user_id"]] & set(left)
        assert min(met[item] for item in left) >= world.validation_start - days * 86400
        dropped += len(pool) - len(left)
        chosen = out["recommend"]["item_id"]
        assert set(chosen) <= set(left)
        assert sorted(out["feed"]["item_id"]) == sorted(chosen)
        assert [met[item] for item in request.shown] == sorted((met[item] for item in chosen), reverse=True)
    assert renewed == len(replayed)
    assert dropped > len(replayed)


def _training(world: World, user: int) -> Interactions:
    training = world.interactions.of("train")
    return training.where(training.user == user)


def test_every_feed_that_was_shown_is_in_the_event_log(run: Run, visits: list[Payload]) -> None:
    logged = Counter((event.user_id, event.item_id) for event in read_events(run.directory / "state"))
    feeds = Counter((visits[r.payload].values["user"]["user_id"], shown(r)) for r in run.requests)
    assert not feeds - logged


def test_quality_is_above_chance_and_reported(run: Run, world: World) -> None:
    requests = quality.with_truth(run, run.requests, "precision@10")
    by_chance = sum(len(run.held_out(r.request_id, "relevant")) for r in requests) / len(requests) / len(world.items)
    assert quality.scores(run, requests, "precision@10").value > 2 * by_chance
    made = report(run.directory)
    assert {(row.request_class, row.metric) for row in made.quality} >= {("open", metric) for metric in run.plan.metrics}
    assert {check.code for check in made.verdict.checks if check.ok} >= {"V01", "V02", "V07", "V10", "V17", "V18"}


def test_nothing_is_left_running(deployed: Deployed) -> None:
    assert not [process.name for process in deployed.run.info.processes if process.died]
    assert deployed.left == ()


# --- what distilling and the model contribute


def test_combining_saves_a_hop_and_changes_no_answer(
    plan: Plan, world: World, folders: dict[str, Path], visits: list[Payload], tmp_path: Path
) -> None:
    apart = read_plan(compiled("news_feed", tmp_path / "apart", "--no-stubs", "--without", "R5") / "plan.json")
    assert len(apart.steps) == len(plan.steps) + 1
    asked = [("open", payload) for payload in spread(visits, 40)]
    before, after = (replay(variant, world, folders, asked, tmp_path) for variant in (apart, plan))
    assert [request.answer.response for request in before] == [request.answer.response for request in after]


@pytest.fixture(scope="module")
def contributions(plan: Plan) -> Contributions:
    return ablate(plan, AblateOptions(variant="synthetic", size="tiny", requests=250))


@pytest.mark.parametrize("metric", ["precision@10", "recall@10"])
def test_random_answers_lower_quality_and_the_baseline_does_not_raise_it(contributions: Contributions, metric: str) -> None:
    rows = {row.overrides[0]: row for row in contributions.rows if row.metric == metric}
    assert set(rows) == {"recommend=random", "recommend=baseline"}
    assert rows["recommend=random"].worse, rows
    assert not rows["recommend=baseline"].better, rows
