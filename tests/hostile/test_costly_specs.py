"""Specs below 1 MiB that cost minutes or gigabytes: each now ends in an answer or a diagnostic, under limits of CPU time and address space.

What they cost: tests/benchmarks/bench_costly_specs.py.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aibenchc.build import MAX_EDGES
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.distill import Rule, distill, settings
from aibenchc.distill.r1_similar_branches import R1
from aibenchc.distill.r2_smallest_fraction import R2
from aibenchc.flow import MAX_VISITS, analyse
from aibenchc.model import Scenario
from aibenchc.source import SourceFile
from aibenchc.syntax.parse import parse_file
from aibenchc.validate import validate
from costly_specs import COSTLY, MIB, arms, classes_and_choices, crossed, plain, repeated, request_classes

CPU_S = 60  # generous: the machine may be slow; what was mended took minutes
ADDRESS_SPACE = 2 * 2**30


def read(text: str) -> tuple[Scenario | None, Diagnostics]:
    diagnostics = Diagnostics()
    spec = parse_file(SourceFile("main.aib", text), diagnostics)
    return (validate(spec, diagnostics) if spec is not None else None), diagnostics


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


REFUSED = (
    (classes_and_choices(40, 9), "AIB238"),
    (arms(1001), "AIB237"),
    (request_classes(1001), "AIB237"),
    (repeated(320), "AIB237"),
    (crossed(320), "AIB237"),
)


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=lambda value: value if len(value) < 10 else "")
def test_a_total_that_is_too_large_is_refused_with_a_way_out(text: str, code: str) -> None:
    scenario, diagnostics = read(text)
    assert scenario is None
    refused = [d for d in diagnostics.all if d.code.id == code]
    assert len(refused) == 1, render_text(diagnostics)
    assert refused[0].span is not None
    assert refused[0].hint


def test_too_many_words_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aibenchc.syntax.grammar.MAX_TOKENS", 1000)
    scenario, diagnostics = read(plain(200))
    assert scenario is None
    assert [d.code.id for d in diagnostics.all] == ["AIB022"]


@pytest.mark.parametrize(("text", "merged"), [(arms(350), 349), (request_classes(350), 349)], ids=["arms", "classes"])
def test_hundreds_of_like_branches_are_merged_together(text: str, merged: int) -> None:
    """Each of 350 arms, and of 350 classes, does the same: one is left, and each step says what went where."""
    scenario, diagnostics = read(text)
    assert scenario is not None, render_text(diagnostics)
    distilled = distill(scenario.graph, settings(scenario, "local"))
    steps = [step for step in distilled.steps if step.rule == "R1"]
    assert len(steps) == merged
    assert len({name for step in steps for name in step.removed}) >= merged
    assert len(distilled.changes) < 10
    assert not distilled.graph.choices
    assert len(distilled.graph.requests) == 1
    assert "AIB309" not in {problem.code for problem in distilled.problems}


@pytest.mark.parametrize("rule", [R1, R2], ids=lambda rule: rule.id)
@pytest.mark.parametrize("text", [arms(60), request_classes(60)], ids=["arms", "classes"])
def test_a_fork_in_one_turn_comes_out_as_step_by_step(rule: Rule, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, diagnostics = read(text)
    assert scenario is not None, render_text(diagnostics)
    chosen = replace(settings(scenario, "local"), highest_percentile=50.0)
    monkeypatch.setattr("aibenchc.distill.STEP_BY_STEP", 1000)
    one_by_one = distill(scenario.graph, chosen, (rule,))
    monkeypatch.setattr("aibenchc.distill.STEP_BY_STEP", 10)
    together = distill(scenario.graph, chosen, (rule,))
    assert len(one_by_one.steps) > 10
    assert len(together.changes) < 3
    assert [(step.removed, step.why) for step in together.steps] == [(step.removed, step.why) for step in one_by_one.steps]
    assert [step.pruned for step in together.steps] == pytest.approx([step.pruned for step in one_by_one.steps])
    assert [request.name for request in together.graph.requests] == [request.name for request in one_by_one.graph.requests]
    assert together.graph.edges == one_by_one.graph.edges
    shares = [arm.share for choice in together.graph.choices for arm in choice.arms]
    assert shares == pytest.approx([arm.share for choice in one_by_one.graph.choices for arm in choice.arms])


def test_more_work_than_the_rules_may_take_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aibenchc.distill.rule.MOST_WORK", 500)
    scenario, diagnostics = read(arms(350))
    assert scenario is not None, render_text(diagnostics)
    distilled = distill(scenario.graph, settings(scenario, "local"))
    (problem,) = [problem for problem in distilled.problems if problem.code == "AIB309"]
    assert problem.span is not None
    assert sum(request.share for request in distilled.graph.requests) == pytest.approx(1)


def test_plain_tasks_are_far_from_what_is_refused() -> None:
    """What they cost is linear, so ten thousand take five times as much as two thousand."""
    text = plain(2_000)
    scenario, diagnostics = read(text)
    assert scenario is not None, render_text(diagnostics)
    flow = analyse(scenario.graph)
    assert 5 * flow.visits < MAX_VISITS / 4
    assert 5 * len(scenario.graph.edges) < MAX_EDGES / 2


@pytest.mark.long
@pytest.mark.parametrize("name", COSTLY)
def test_any_mebibyte_ends_within_limits(name: str, tmp_path: Path) -> None:
    path = tmp_path / "costly.aib"
    text = COSTLY[name]()
    assert len(text) <= MIB
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "aibenchc", "distill", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert ended.returncode in (0, 1), f"{ended.returncode}: {ended.stderr[-2000:]}"
    assert ended.returncode == 0 or "error[AIB" in ended.stderr
    assert "Traceback" not in ended.stderr
