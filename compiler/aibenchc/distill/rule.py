"""What a rule gets, what it returns, and what distilling records of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aibenchc.distill.settings import DistillSettings
from aibenchc.flow import Flow, analyse
from aibenchc.graph import Graph
from aibenchc.source import Span


@dataclass(frozen=True)
class DistillStep:
    """One thing that a rule did. rule: its id.

    removed: tasks, request classes, choices and data sets by name, models as task.model. took_over: what has their share, edges or place
    now. why: the reason with its numbers. pruned: the share of requests whose branch was pruned (R2 only). span: its place in the spec.
    """

    rule: str
    removed: tuple[str, ...]
    took_over: tuple[str, ...]
    why: str
    span: Span | None = field(default=None, compare=False)
    pruned: float = 0.0
    pass_number: int = 0


@dataclass(frozen=True)
class Problem:
    """Something to report: an AIB3xx code, the fields of its message, the place. The table of codes says whether it is an error."""

    code: str
    fields: tuple[tuple[str, str], ...] = ()
    span: Span | None = field(default=None, compare=False)

    def is_note_of(self, rule: str) -> bool:
        """Whether it says that this rule left something as it is."""
        return self.code == LEFT_ALONE and dict(self.fields)["rule"] == rule


LEFT_ALONE = "AIB305"


def left_alone(rule: str, text: str, way_out: str, span: Span | None) -> Problem:
    """A note that a rule left something as it is. Of all turns of a rule only the notes of the last count."""
    return Problem(LEFT_ALONE, (("rule", rule), ("text", text), ("way_out", way_out)), span)


MOST_WORK = 2_000_000  # tasks and edges that the rules look at: some seconds


class TooMuchWorkError(Exception):
    """The rules have looked at more than MOST_WORK tasks and edges (AIB309)."""


@dataclass
class Work:
    """What distilling a graph has cost so far, in tasks and edges looked at."""

    spent: int = 0

    def spend(self, amount: int) -> None:
        """TooMuchWorkError once it is more than MOST_WORK in all."""
        self.spent += amount
        if self.spent > MOST_WORK:
            raise TooMuchWorkError

    def analyse(self, graph: Graph) -> Flow:
        """As `flow.analyse`, at its cost."""
        flow = analyse(graph)
        self.spend(flow.visits)
        return flow


@dataclass(frozen=True)
class Turn:
    """A rule's turn. done: all steps so far. limit: the most steps to take before the graph is analysed again, None for no limit. work:
    what the rules look at is counted in it."""

    flow: Flow
    settings: DistillSettings
    done: tuple[DistillStep, ...] = ()
    limit: int | None = None
    work: Work = field(default_factory=Work)

    @property
    def graph(self) -> Graph:
        return self.flow.graph


@dataclass(frozen=True)
class Rewrite:
    """The analysed graph after the steps of a turn; the graph as it was, and no steps, if the rule does not apply."""

    flow: Flow
    steps: tuple[DistillStep, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Rule:
    """id: 'R1', from its module's constant ID; name: what it does.

    apply: takes as many steps as `limit` allows in one turn; the rule gets further turns until it takes no step.
    """

    id: str
    name: str
    apply: Callable[[Turn], Rewrite]
