"""Distilling: the six rules, repeated in this order until nothing changes.

    graph ─R1─R2─R3─R4─R5─R6─┐    every turn that changes something is recorded with the graph before and after it
      ^──── until no step ───┘

The graph is valid before and after each turn, and shares still add up; that is asserted here, not hoped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from aibenchc.diagnostics import Diagnostics
from aibenchc.distill.r1_similar_branches import R1
from aibenchc.distill.r2_smallest_fraction import R2
from aibenchc.distill.r3_auxiliary import R3
from aibenchc.distill.r4_one_model import R4
from aibenchc.distill.r5_successive_steps import R5
from aibenchc.distill.r6_unneeded import R6, remaining_updates
from aibenchc.distill.rule import MOST_WORK, DistillStep, Problem, Rule, TooMuchWorkError, Turn, Work
from aibenchc.distill.settings import DistillSettings, Measurements, MeasurementsError, read_measurements, settings
from aibenchc.flow import Flow, analyse
from aibenchc.graph import ExclusiveChoice, Graph
from aibenchc.model import Update

__all__ = [
    "RULES",
    "Change",
    "DistillSettings",
    "DistillStep",
    "Distilled",
    "Measurements",
    "MeasurementsError",
    "Problem",
    "Rule",
    "UnknownRuleError",
    "distill",
    "read_measurements",
    "report",
    "select",
    "settings",
]

RULES: tuple[Rule, ...] = (R1, R2, R3, R4, R5, R6)

STEP_BY_STEP = 100  # tasks, classes or data sets; a larger graph is analysed again after each turn of a rule, not after each step


@dataclass(frozen=True)
class Change:
    """One turn of a rule that changed something."""

    rule: Rule
    pass_number: int
    steps: tuple[DistillStep, ...]
    before: Flow
    after: Flow


@dataclass(frozen=True)
class Distilled:
    """graph: the distilled graph. passes: number of passes over all rules, the last of which changed nothing. problems: in the order of
    discovery. updates: the spec's, without the tasks that were removed; they name stages, which keep the author's names."""

    original: Graph
    graph: Graph
    changes: tuple[Change, ...]
    passes: int
    problems: tuple[Problem, ...]
    updates: tuple[Update, ...]
    settings: DistillSettings

    @property
    def steps(self) -> tuple[DistillStep, ...]:
        return tuple(step for change in self.changes for step in change.steps)


def distill(graph: Graph, settings: DistillSettings, rules: tuple[Rule, ...] = RULES) -> Distilled:
    """The graph under the rules, applied in the given order until none of them changes it. AssertionError if the graph is not valid."""
    flow = analyse(graph)
    _check(flow)
    changes: list[Change] = []
    problems: dict[Problem, None] = {}
    passes = 0
    try:
        for number, change in _changes(flow, settings, rules, problems):
            passes = number
            if change is not None:
                changes.append(change)
                flow = change.after
    except TooMuchWorkError:
        problems[Problem("AIB309", (("limit", f"{MOST_WORK:,}"),), graph.requests[0].span)] = None
    updates, notes = remaining_updates(settings.updates, flow.graph)
    problems.update(dict.fromkeys(notes))
    left = tuple(problem for problem in problems if _still_there(problem, flow.graph))
    return Distilled(graph, flow.graph, tuple(changes), passes, left, updates, settings)


def _changes(
    flow: Flow, settings: DistillSettings, rules: tuple[Rule, ...], problems: dict[Problem, None]
) -> Iterator[tuple[int, Change | None]]:
    """(pass, what changed); None where a pass begins. TooMuchWorkError."""
    size = max(len(flow.graph.tasks), len(flow.graph.requests), len(flow.graph.datasets))
    limit = 1 if size <= STEP_BY_STEP else None
    work = Work()
    done: list[DistillStep] = []
    for number in count(1):
        before = len(done)
        yield number, None
        for rule in rules:
            while True:
                rewrite = rule.apply(Turn(flow, settings, tuple(done), limit, work))
                for note in [problem for problem in problems if problem.is_note_of(rule.id)]:
                    del problems[note]  # of an earlier turn, with the figures of a larger graph
                problems.update(dict.fromkeys(rewrite.problems))
                if not rewrite.steps:
                    break
                _check(rewrite.flow)
                steps = tuple(replace(step, pass_number=number) for step in rewrite.steps)
                yield number, Change(rule, number, steps, flow, rewrite.flow)
                done += steps
                flow = rewrite.flow
        if len(done) == before:
            return


def _check(flow: Flow) -> None:
    """A graph that is distilled is valid, and its shares add up."""
    findings = [(f.kind.value, f.request, f.task, f.port, f.choice) for f in flow.findings[:3]]
    assert not findings, f"distilling works on valid graphs, not on one with {findings}"
    shares = sum(request.share for request in flow.graph.requests)
    assert abs(shares - 1) < 1e-6, f"the request classes have {shares} of the requests"
    for choice in flow.graph.choices:
        if isinstance(choice, ExclusiveChoice):
            total = sum(arm.share for arm in choice.arms)
            assert abs(total - 1) < 1e-6, f"the arms of {choice.name} have {total} of its requests"


def _still_there(problem: Problem, graph: Graph) -> bool:
    """Whether the task that lacks a model is still in the graph."""
    task = dict(problem.fields).get("task")
    return task is None or any(t.name == task for t in graph.tasks)


class UnknownRuleError(ValueError):
    """There is no rule of this name (AIB306); the message is the name."""


def select(only: str | None, without: str | None) -> tuple[Rule, ...]:
    """RULES narrowed by `--rules R1,R3` and `--without R2`. UnknownRuleError for any other name."""
    by_id = {rule.id: rule for rule in RULES}

    def ids(text: str) -> set[str]:
        names = {part.strip().upper() for part in text.split(",") if part.strip()}
        for name in sorted(names - by_id.keys()):
            raise UnknownRuleError(name)
        return names

    chosen = ids(only) if only else by_id.keys()
    left = chosen - ids(without) if without else chosen
    return tuple(rule for rule in RULES if rule.id in left)


def report(distilled: Distilled, diagnostics: Diagnostics) -> None:
    """Reports the problems; the table of codes says which of them are errors."""
    for problem in distilled.problems:
        fields = dict(problem.fields)
        hint = fields.pop("way_out", None)
        diagnostics.report(problem.code, problem.span, hint=hint or None, **{**fields, "way_out": hint or ""})
