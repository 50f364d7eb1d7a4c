"""validate: what a spec says becomes a Scenario with one unit for each number; the graph does not depend on the order of writing."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from aibenchc.codes import CODES, Severity
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.graph import Edge, ExclusiveChoice, Fallback, Graph, Guard, PortRef
from aibenchc.model import (
    Arrivals,
    Constant,
    LatencyPercentile,
    LatencyRatio,
    Load,
    Poisson,
    ReferenceItem,
    Scenario,
    Sessions,
    TimeFraction,
    Users,
)
from aibenchc.source import SourceFile
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from aibenchrt import catalog
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import ROOT

ECOMMERCE = (ROOT / "specs" / "ecommerce.aib").read_text(encoding="utf-8")

SPEC = """aib 1
param rate = 120/min
scenario shop_search "Search" {{
  dataset shop = movielens_shop
  request text {{ share 100%, from shop.queries }}
  task parse    : query_parsing
  task spell    : spelling_correction {{ service 0.5 ms }}
  task category : text_classification {{ model textcnn (accuracy >= 81%) | fasttext, quality accuracy >= 70% }}
  task find     : indexing {{ tier excellent, shards 2 }}
  task more     : indexing {{ tier others }}
  task summary  : database_operation {{ table items, top 20 }}
  permutation {{
    {chains}
  }}
  metrics {{ ndcg@10, latency p99.9 p50 }}
  slo {{ latency p99 < 0.5 s }}
  load {{ {load}, for 2 min, warmup 500 ms, seed 7 }}
  {more}
}}
"""
CHAINS = "text -> parse -> spell -> category -> ( find else 35%: more until find.hits >= 20 ) -> summary -> response"


def scenario_of(text: str, **params: str) -> Scenario:
    diagnostics = Diagnostics()
    spec = parse(SourceFile("main.aib", text), diagnostics, lambda *_: None)
    scenario = validate(spec, diagnostics, params) if spec is not None else None
    assert scenario is not None, render_text(diagnostics)
    return scenario


def spec(chains: str = CHAINS, load: str = "poisson $rate", more: str = "") -> str:
    return SPEC.format(chains=chains, load=load, more=more)


def test_numbers_have_one_unit() -> None:
    scenario = scenario_of(spec())
    assert scenario.load == Load(Poisson(2.0), duration_s=120.0, warmup_s=0.5, seed=7)
    assert [(slo.percentile, slo.below_ms) for slo in scenario.slo] == [(99.0, 500.0)]
    assert scenario.latency.percentiles == (50.0, 99.9)
    assert scenario.metrics == ("ndcg@10",)
    assert next(task.service_ms for task in scenario.graph.tasks if task.name == "spell") == 0.5
    assert scenario.params == (("rate", "120/min"),)


def test_the_command_line_sets_parameters() -> None:
    scenario = scenario_of(spec(), rate="3/s")
    assert scenario.load.arrivals == Poisson(3.0)
    assert scenario.params == (("rate", "3/s"),)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("constant $rate", Constant(2.0)),
        ("users 200 think 30 s, sessions_of 1", None),
        ("sessions $rate think 10 s", Sessions(2.0, think_s=10.0)),
    ],
)
def test_arrivals(load: str, expected: Arrivals | None) -> None:
    diagnostics = Diagnostics()
    parsed = parse(SourceFile("main.aib", spec(load=load)), diagnostics, lambda *_: None)
    assert parsed is not None
    scenario = validate(parsed, diagnostics)
    if expected is None:
        assert scenario is None
        return
    assert scenario is not None
    assert scenario.load == Load(expected, duration_s=120.0, warmup_s=0.5, seed=7)


def test_users() -> None:
    load = scenario_of(spec(load="users 200 think 30 s").replace("param rate = 120/min\n", "")).load
    assert load.arrivals == Users(200, think_s=30.0)


def test_models_and_settings() -> None:
    tasks = {task.name: task for task in scenario_of(spec()).graph.tasks}
    stage = tasks["category"].stages[0]
    classifier = catalog.component("text_classification")
    assert classifier is not None
    fasttext = next(model for model in classifier.models if model.name == "fasttext")
    assert [(c.model, dict(c.quality), c.profile) for c in stage.candidates] == [
        ("textcnn", {"accuracy": 0.81}, "small"),
        ("fasttext", dict(fasttext.quality), "small"),  # the catalogue's
    ]
    assert stage.target is not None
    assert (stage.target.metric, stage.target.bound) == ("accuracy", 0.7)
    assert dict(tasks["find"].stages[0].settings) == {"tier": "excellent", "shards": 2, "limit": 100}
    assert [port.type for port in tasks["summary"].inputs] == ["Items"]


def test_fallback() -> None:
    graph = scenario_of(spec()).graph
    (choice,) = graph.choices
    assert isinstance(choice, Fallback)
    assert [(arm.share, arm.tasks) for arm in choice.arms] == [(1.0, ("find",)), (0.35, ("more",))]
    assert (choice.until.ref, choice.until.at_least) == (PortRef("find", "hits"), 20.0)
    assert edges(graph) >= {
        ("category", "find", (Guard(choice.name, 0),)),
        ("category", "more", (Guard(choice.name, 1),)),
        ("find", "summary", ()),
        ("more", "summary", ()),
    }


def test_nested_choices_and_shares() -> None:
    chains = "text -> parse -> ( 25%: (40%: spell | rest: other) | rest: third ) -> category -> find -> summary -> response"
    text = spec(chains).replace(
        "task more     : indexing { tier others }", "task other : spelling_correction\n  task third : spelling_correction"
    )
    graph = scenario_of(text).graph
    outer, inner = graph.choices
    assert [arm.share for arm in outer.arms] == [0.25, 0.75]
    assert [arm.share for arm in inner.arms] == [0.4, 0.6]
    assert outer.arms[0].tasks == ("spell", "other")
    assert ("parse", "spell", (Guard(outer.name, 0), Guard(inner.name, 0))) in edges(graph)
    assert ("parse", "third", (Guard(outer.name, 1),)) in edges(graph)


def test_an_arm_that_ends_in_the_response_does_not_go_on() -> None:
    chains = """text -> parse -> answers
    text.user -> answers
    answers -> ( 15% when answers.hit: response | rest: category ) -> find -> summary -> response"""
    text = (
        spec(chains)
        .replace("task more     : indexing { tier others }", "task answers : cache_lookup")
        .replace("task spell    : spelling_correction { service 0.5 ms }", "")
    )
    graph = scenario_of(text).graph
    (choice,) = graph.choices
    assert isinstance(choice, ExclusiveChoice)
    assert choice.arms[0].when == PortRef("answers", "hit")
    assert choice.arms[1].when is None
    assert ("answers", "response", (Guard(choice.name, 0),)) in edges(graph)
    assert {edge[0] for edge in edges(graph) if edge[1] == "find"} == {"category"}


def test_named_ports() -> None:
    chains = CHAINS + "\n    parse.query -> find.query\n    spell.query -> more"
    graph = scenario_of(spec(chains)).graph
    named = {(edge.source, edge.source_port, edge.target, edge.target_port) for edge in graph.edges if edge.source_port}
    assert named == {("parse", "query", "find", "query"), ("spell", "query", "more", None)}


def test_defaults() -> None:
    scenario = scenario_of(re.sub(r"  (metrics|slo) .*\n", "", spec()))
    assert [(d.name, d.nodes, d.profile) for d in scenario.deployments] == [("local", 1, "small")]
    assert scenario.latency.percentiles == (50.0, 90.0, 99.0)
    assert (scenario.distill.threshold, scenario.distill.similarity, scenario.distill.confirm_tail) == (0.02, 0.8, False)


def test_distill_settings_and_references() -> None:
    more = """deployment cluster { nodes 15, profile full }
  distill { branches below 3%, similarity above 75%, keep find, keep text, use category.fasttext, confirm tail }
  update low every 2 d { category }
  reference "r" { on cluster, fingerprint "abc", latency p99 1.5 s within 6%, ratio p99 / find.p99 = 2.2 within 20%
    time non_ai 30% within 10% }"""
    scenario = scenario_of(spec(more=more))
    choices = scenario.distill
    assert (choices.threshold, choices.similarity, choices.keep) == (0.03, 0.75, ("find", "text"))
    assert (choices.use, choices.confirm_tail) == ((("category", "fasttext"),), True)
    (update,) = scenario.updates
    assert (update.frequency, update.every_s, update.tasks) == ("low", 172800.0, ("category",))
    (reference,) = scenario.references
    assert (reference.deployment, reference.fingerprint) == ("cluster", "abc")
    assert reference.items == (
        ReferenceItem(LatencyPercentile(99.0), 1500.0, 0.06),
        ReferenceItem(LatencyRatio(99.0, "find"), 2.2, 0.2),
        ReferenceItem(TimeFraction("non_ai"), 0.3, 0.1),
    )


def edges(graph: Graph) -> set[tuple[str, str, tuple[Guard, ...]]]:
    return {(edge.source, edge.target, edge.guards) for edge in graph.edges}


def findings(text: str) -> set[tuple[str, str]]:
    diagnostics = Diagnostics()
    parsed = parse(SourceFile("main.aib", text), diagnostics, lambda *_: None)
    if parsed is not None:
        validate(parsed, diagnostics)
    return {(diagnostic.code.id, diagnostic.message) for diagnostic in diagnostics.all}


@given(st.randoms(use_true_random=False), st.sets(st.integers(0, 40), max_size=2))
@settings(max_examples=40, deadline=None)
def test_the_order_of_edges_and_declarations_does_not_matter(rng: random.Random, without: set[int]) -> None:
    """The e-commerce spec, complete or without some chains, gives the same graph and the same mistakes when its chains and tasks are
    shuffled."""
    start = ECOMMERCE.index("  permutation {\n") + len("  permutation {\n")
    end = ECOMMERCE.index("\n  }\n", start)
    plain = re.sub(r"#[^\n]*", "", ECOMMERCE[start:end])
    chains = [chain for chain in re.split(r"\n(?!\s*(?:->|\n|$))", plain) if chain.strip()]
    chains = [chain for i, chain in enumerate(chains) if i not in without]
    shuffled = rng.sample(chains, len(chains))

    def whole(order: list[str]) -> str:
        return ECOMMERCE[:start] + "\n".join(order) + ECOMMERCE[end:]

    original, moved = findings(whole(chains)), findings(whole(shuffled))
    assert {code for code, _ in original} == {code for code, _ in moved}
    if not any(CODES[code].severity is Severity.ERROR for code, _ in original):
        first, second = scenario_of(whole(chains)).graph, scenario_of(whole(shuffled)).graph
        assert set(first.edges) == set(second.edges)
        assert set(first.choices) == set(second.choices)


def test_equal_edges_are_equal_wherever_they_were_written() -> None:
    original, moved = scenario_of(ECOMMERCE), scenario_of("# moved\n" + ECOMMERCE)
    assert original.graph == moved.graph
    assert isinstance(original.graph.edges[0], Edge)


def test_many_mistakes_stay_quick_to_report() -> None:
    """Hints search for near names, but a spec full of mistakes must not cause every name to be compared with every other."""
    chains = "\n".join(f"    taks{i} -> tsak{i}" for i in range(3000))
    tasks = "\n".join(f"  task task{i} : query_parsing" for i in range(3000))
    diagnostics = Diagnostics()
    text = spec(chains).replace("  task parse ", f"{tasks}\n  task parse ")
    parsed = parse(SourceFile("main.aib", text), diagnostics, lambda *_: None)
    assert parsed is not None
    assert validate(parsed, diagnostics) is None
    assert diagnostics.errors >= 6000
    hints = [diagnostic.hint for diagnostic in diagnostics.all if diagnostic.code.id == "AIB101"]
    assert "did you mean 'task" in hints[0]
    assert sum("did you mean" in hint for hint in hints) < 100


def test_a_model_that_does_not_declare_the_targets_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """AIB219, of a catalogue in which one model has no figure yet."""
    spec = catalog.component("recommendation")
    assert spec is not None
    models = tuple(replace(model, quality=(("hit_rate@10", 0.1),)) if model.name == "neumf" else model for model in spec.models)
    monkeypatch.setitem(catalog.COMPONENTS.own, spec.name, replace(spec, models=models))
    text = (ROOT / "specs/ecommerce.aib").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "task recommend " in line)
    asked = re.sub(r"quality \S+ >= \S+,", "quality ndcg@10 >= 5%,", line)
    assert asked.count("ndcg@10") == 1
    diagnostics = Diagnostics()
    spec_tree = parse(SourceFile("spec.aib", text.replace(line, asked)), diagnostics, lambda *_: None)
    assert spec_tree is not None
    assert validate(spec_tree, diagnostics) is None
    (error,) = diagnostics.all
    assert (error.code.id, error.message) == ("AIB219", "model 'neumf' declares no ndcg@10")
    assert "declare it: `neumf (ndcg@10 >= " in error.hint


def test_a_need_that_no_data_set_meets(monkeypatch: pytest.MonkeyPatch) -> None:
    """AIB127, of a catalogue without `web_pages`: its hint names no data set."""
    monkeypatch.delitem(catalog.DATASETS.own, "web_pages")
    text = (ROOT / "specs/web_search.aib").read_text(encoding="utf-8").replace("= web_pages", "= movielens_shop")
    diagnostics = Diagnostics()
    spec_tree = parse(SourceFile("spec.aib", text), diagnostics, lambda *_: None)
    assert spec_tree is not None
    assert validate(spec_tree, diagnostics) is None
    unmet = [diagnostic for diagnostic in diagnostics.all if diagnostic.code.id == "AIB127"]
    assert [diagnostic.message.split()[1] for diagnostic in unmet] == ["'fetch'", "'snippets'"]
    assert all(diagnostic.hint.startswith("no data set of the catalogue") for diagnostic in unmet)


def test_what_a_task_needs_may_depend_on_a_setting() -> None:
    sort, statistics = catalog.component("sort"), catalog.component("basic_statistics")
    assert sort is not None
    assert statistics is not None
    needs = {by: [need.name for need in sort.needs_for({"by": by})] for by in ("recency", "popularity")}
    assert needs == {"recency": ["interactions"], "popularity": []}
    assert sort.needs_for({}) == ()  # by its default, a score
    assert [need.name for need in statistics.needs_for({"over": "items"})] == ["interactions"]
