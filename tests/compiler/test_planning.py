"""Planning: order, sources, choices, what runs after the response, models, ports; and what bars a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aibenchc import planning
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import Compiled, CompileSettings, compile_spec
from aibenchc.model import Arrivals, Load, Poisson, Sessions, Trace, Users
from aibenchc.planning import plan_load
from aibenchc.source import SourceFile
from aibenchrt import catalog
from aibenchrt.plan import Plan, PlanExclusiveChoice, PlanFallback, PlanLoad, Step, wiring_hash
from aibenchrt.planner.program import check_plan
from paths import ROOT
from pydantic import TypeAdapter

SMALL = (ROOT / "tests/specs/small.aib").read_text()
ECOMMERCE = (ROOT / "specs/ecommerce.aib").read_text()


def compiled(text: str, **settings: object) -> tuple[Compiled | None, Diagnostics]:
    diagnostics = Diagnostics()
    source = SourceFile("spec.aib", text)
    scenario = compile_spec(source, CompileSettings(**settings), diagnostics, lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
    return scenario, diagnostics


def plan_of(text: str, **settings: object) -> Plan:
    scenario, diagnostics = compiled(text, **settings)
    assert scenario is not None, diagnostics.all
    return scenario.plan


def codes(text: str, **settings: object) -> set[str]:
    scenario, diagnostics = compiled(text, **settings)
    assert scenario is None
    return {d.code.id for d in diagnostics.all if d.code.severity.value == "error"}


def by_task(plan: Plan) -> dict[str, Step]:
    return {step.task: step for step in plan.steps}


def test_the_runtime_accepts_what_the_compiler_plans() -> None:
    for text in (SMALL, ECOMMERCE):
        plan = plan_of(text)
        check_plan(plan)
        assert plan.graph_hash == wiring_hash(plan.requests, plan.steps, plan.choices, plan.response)


@pytest.mark.parametrize("text", [SMALL, ECOMMERCE])
def test_every_step_comes_after_what_it_waits_for(text: str) -> None:
    plan = plan_of(text)
    place = {step.task: i for i, step in enumerate(plan.steps)}
    choices = {choice.name: choice for choice in plan.choices}
    for step in plan.steps:
        for source in (s for entry in step.inputs for s in entry.sources):
            assert place.get(source.task, -1) < place[step.task]
            for guard in source.guards:
                choice = choices[guard.choice]
                deciders = choice.until.counts[: guard.arm] if isinstance(choice, PlanFallback) else choice.flags
                assert all(place[decider.task] < place[step.task] for decider in deciders)


def test_the_plan_does_not_depend_on_the_order_of_edges() -> None:
    edges = ["parse -> (best & others)", "summary -> clicks", "text.user -> clicks"]
    block = "\n    ".join(edges)
    assert block in SMALL
    turned = SMALL.replace(block, "\n    ".join(reversed(edges)))
    assert [s.task for s in plan_of(turned).steps] == [s.task for s in plan_of(SMALL).steps]


def test_effects_run_after_the_response() -> None:
    steps = by_task(plan_of(ECOMMERCE))
    assert {task for task, step in steps.items() if step.phase == "after"} == {"clicks", "remember"}


def test_a_decider_is_on_the_way() -> None:
    """Nothing uses the cache's data in the arm that it does not answer, but the response waits for its decision between the arms."""
    plan = plan_of(ECOMMERCE)
    assert by_task(plan)["answers"].phase == "response"
    choice = next(c for c in plan.choices if isinstance(c, PlanExclusiveChoice))
    assert [arm.when.port if arm.when else None for arm in choice.arms] == ["hit", None]


def test_arms_of_a_fallback_are_counted_and_concatenated() -> None:
    plan = plan_of(SMALL)
    (choice,) = plan.choices
    assert isinstance(choice, PlanFallback)
    assert [(c.task, c.port) for c in choice.until.counts] == [("best", "hits"), ("others", "hits")]
    items = by_task(plan)["summary"].inputs[0]
    assert (items.concat, [s.task for s in items.sources]) == (True, ["best", "others"])
    assert not by_task(plan)["category"].inputs[0].concat


def test_whichever_ran_is_not_concatenated() -> None:
    steps = by_task(plan_of(ECOMMERCE))
    category = next(entry for entry in steps["rank"].inputs if entry.port.name == "category")
    assert ([s.task for s in category.sources], category.concat) == (["category", "picture"], False)


def test_combined_tasks_are_one_step_of_two_stages() -> None:
    step = by_task(plan_of(ECOMMERCE))["parse_spell"]
    assert [stage.component for stage in step.stages] == ["query_parsing", "spelling_correction"]
    assert [(feed.stage, feed.port) for feed in step.stages[1].feeds] == [("parse", "query")]


def test_one_model_serves_each_task() -> None:
    models = {stage.name: stage.model for step in plan_of(ECOMMERCE).steps for stage in step.stages if stage.kind == "ai"}
    assert models == {"category": "fasttext", "picture": "resnet20", "recommend": "neumf", "rank": "mlp_lambda"}


def test_every_part_has_a_port_of_its_own() -> None:
    plan = plan_of(SMALL, ports_from=30000)
    endpoints = [endpoint for service in plan.services for endpoint in service.endpoints]
    assert endpoints == [f"127.0.0.1:{30000 + i}" for i in range(len(endpoints))]
    assert [s.name for s in plan.services] == ["planner", "triton", *(s.task for s in plan.steps if s.kind == "service")]


def test_settings_of_the_spec_and_defaults_of_the_catalogue_are_in_the_plan() -> None:
    assert by_task(plan_of(SMALL))["best"].stages[0].settings == {"tier": "excellent", "shards": 1, "limit": 100}


def test_a_task_without_a_component_that_survives_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.COMPONENTS.own, "query_rewrite", replace(catalog.COMPONENTS.own["query_rewrite"], implemented=False))
    spoken = SMALL.replace("task parse    : query_parsing", "task parse : query_parsing\n  task other : query_rewrite").replace(
        "text -> parse -> category", "text -> parse -> other -> category"
    )
    scenario, diagnostics = compiled(spoken)
    (error,) = [d for d in diagnostics.all if d.code.id == "AIB501"]
    assert scenario is None
    assert error.span is not None
    assert "other" in error.span.source.text[error.span.start : error.span.end]
    assert "query_rewrite" in error.message


def test_a_model_cannot_take_several_values_in_one_port() -> None:
    """No AI component of the catalogue has such a port; one that will is refused."""
    scenario, _ = compiled(SMALL)
    assert scenario is not None
    graph = scenario.distilled.graph
    tasks = tuple(
        replace(task, inputs=tuple(replace(port, many=True) for port in task.inputs)) if task.name == "category" else task
        for task in graph.tasks
    )
    diagnostics = Diagnostics()
    assert not planning.implemented(replace(graph, tasks=tasks), diagnostics, {})
    (error,) = diagnostics.all
    assert error.code.id == "AIB506"
    assert "'category'" in error.message


def test_a_data_set_without_a_loader_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.DATASETS.own, "spoken_queries", replace(catalog.DATASETS["spoken_queries"], implemented=False))
    voices = SMALL.replace("dataset shop = movielens_shop", "dataset shop = spoken_queries").replace("shop.queries", "shop.test")
    voices = voices.replace("task parse    :", "task hear : speech_recognition\n  task parse :").replace(
        "text -> parse", "text -> hear -> parse"
    )
    assert codes(voices) == {"AIB505"}


def test_a_deployment_that_the_spec_does_not_declare() -> None:
    assert codes(SMALL, deployment="locla") == {"AIB401"}


def test_no_ports_left() -> None:
    assert codes(SMALL, ports_from=65533) == {"AIB402"}


def test_a_task_may_have_a_name_of_the_emitted_code() -> None:
    assert [step.task for step in plan_of(SMALL.replace("clicks", "scenario")).steps].count("scenario") == 1


def test_models_that_the_profile_does_not_allow() -> None:
    text = SMALL.replace("task parse ", "task photo : image_classification { model resnet50 }\n  task parse ")
    text = text.replace("request text { share 100%,", "request image { share 50%, from shop.photos }\n  request text { share 50%,")
    text = text.replace("category -> (", "category\n    (category | photo) -> (").replace(
        "text.user -> clicks", "(text.user | image.user) -> clicks\n    image -> photo"
    )
    assert codes(text) & {"AIB404", "AIB308"}


@pytest.mark.parametrize(
    ("arrivals", "mean_rate"),
    [
        (Poisson(20.0), 20.0),
        (Sessions(2.0, think_s=10.0), 2.0),
        (Users(200, think_s=0.95), 200.0),  # each asks, waits 0.05 s, thinks 0.95 s
        (Trace((0.5, 1.0, 2.0, 50.0)), 0.3),  # three in the 10 s that it is followed
    ],
)
def test_the_rate_to_expect_of_every_load(arrivals: Arrivals, mean_rate: float) -> None:
    load = plan_load(Load(arrivals, duration_s=9.0, warmup_s=1.0, seed=7))
    assert load.mean_rate == pytest.approx(mean_rate)
    assert TypeAdapter(PlanLoad).validate_json(load.model_dump_json()) == load
