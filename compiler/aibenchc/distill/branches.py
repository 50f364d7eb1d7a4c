"""Branches: the arms of choices and the request classes, their shares, and the regions that only they reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from aibenchc.flow import Flow
from aibenchc.graph import Choice, ExclusiveChoice, Fallback, Guard
from aibenchc.source import Span


@dataclass(frozen=True)
class _Branch:
    """share: of all requests, along the whole path. cases: bit set over the flow's."""

    name: str
    share: float
    cases: int
    span: Span | None


@dataclass(frozen=True)
class ClassBranch(_Branch):
    """A request class."""

    @property
    def what(self) -> str:
        return f"request {self.name}"


@dataclass(frozen=True)
class ArmBranch(_Branch):
    """An arm of a choice. The cases of a fallback's arm are those in which it was tried."""

    guard: Guard

    @property
    def what(self) -> str:
        return f"branch {self.name}"


Branch: TypeAlias = ClassBranch | ArmBranch


def class_branches(flow: Flow) -> tuple[ClassBranch, ...]:
    return tuple(ClassBranch(r.name, r.share, flow.cases_of(r.name), r.span) for r in flow.graph.requests)


def arm_branches(flow: Flow, choice: Choice) -> tuple[ArmBranch, ...]:
    """The arms of a choice, in its order."""
    branches = []
    for number, arm in enumerate(choice.arms):
        guard = Guard(choice.name, number)
        cases = flow.cases_with(guard)
        branches.append(ArmBranch(arm_name(choice, number), flow.arm_shares.get(guard, 0.0), cases, arm.span or choice.span, guard))
    return tuple(branches)


def arm_name(choice: Choice, number: int) -> str:
    """The arm by its tasks; an empty one by the choice and its place."""
    tasks = choice.arms[number].tasks
    return " -> ".join(tasks) if tasks else f"{choice.name}[{number}]"


def share_of(flow: Flow, cases: int) -> float:
    """The share of all requests that these cases have together."""
    return sum(flow.weight(case) for case in flow.cases if cases & case.bit)


def region(flow: Flow, branch: Branch) -> tuple[str, ...]:
    """The tasks that run only on this branch, in topological order: they are removed with it."""
    return tuple(name for name in flow.order if flow.runs[name] and not flow.runs[name] & ~branch.cases)


def regions(flow: Flow, branches: Sequence[Branch]) -> dict[int, list[str]]:
    """The regions of branches that exclude each other, by the branches' cases."""
    tasks: dict[int, list[str]] = {branch.cases: [] for branch in branches}
    by_class = {branch.name: branch for branch in branches if isinstance(branch, ClassBranch)}
    by_arm = {branch.guard: branch for branch in branches if isinstance(branch, ArmBranch)}
    for name in flow.order:
        runs = flow.runs[name]
        if runs:
            case = flow.cases[(runs & -runs).bit_length() - 1]
            branch = by_class.get(case.request) or next((by_arm[taken] for taken in case.arms if taken in by_arm), None)
            if branch is not None and not runs & ~branch.cases:
                tasks[branch.cases].append(name)
    return tasks


@dataclass(frozen=True)
class Kept:
    """What `keep X` protects: X, and the classes and branches through which X is reached."""

    tasks: frozenset[str]
    requests: frozenset[str]
    guards: frozenset[Guard]

    def protects(self, branch: Branch) -> bool:
        return branch.guard in self.guards if isinstance(branch, ArmBranch) else branch.name in self.requests


def kept(flow: Flow, keep: Collection[str]) -> Kept:
    names = frozenset(keep)
    tasks = frozenset(t.name for t in flow.graph.tasks for stage in t.stages if t.name in names or stage.name in names)
    requests = {r.name for r in flow.graph.requests if r.name in names}
    guards: set[Guard] = set()
    if tasks:
        beyond = _running_beyond(flow, tasks)
        runs = 0
        for task in tasks:
            runs |= flow.runs[task]
        requests |= {request.name for request in flow.graph.requests if flow.cases_of(request.name) & runs}
        for guard in {guard for edge in flow.graph.edges for guard in edge.guards if flow.cases_with(guard) & beyond.get(edge.target, 0)}:
            guards |= _leading_to(flow, guard)
    return Kept(tasks, frozenset(requests), frozenset(guards))


def _running_beyond(flow: Flow, tasks: Collection[str]) -> dict[str, int]:
    """Node → the cases in which any of these tasks runs that it is or that a path of wires leads to from it."""
    beyond: dict[str, int] = {}
    for name in reversed(flow.order):
        cases = flow.runs[name] if name in tasks else 0
        for wire in flow.wires_from.get(name, ()):
            cases |= beyond.get(wire.target, 0)
        beyond[name] = cases
    return beyond


def _leading_to(flow: Flow, guard: Guard) -> set[Guard]:
    """The arm, and in an ordered fallback those before it: without them it is never tried."""
    choice = flow.choices[guard.choice]
    return {Guard(choice.name, number) for number in range(len(choice.arms)) if choice.holds(number, guard.arm)}


def consumers(flow: Flow) -> dict[str, set[str]]:
    """Task → consumers of its outputs: tasks, RESPONSE, and choices (as `choice NAME`) that one of the outputs decides."""
    consumers_of: dict[str, set[str]] = defaultdict(set)
    for wire in flow.wires:
        consumers_of[wire.source].add(wire.target)
    for choice in flow.graph.choices:
        for name in deciders(flow, choice):
            consumers_of[name].add(f"choice {choice.name}")
    return consumers_of


def deciders(flow: Flow, choice: Choice) -> Iterator[str]:
    """The tasks whose ports decide a choice."""
    match choice:
        case ExclusiveChoice():
            yield from (ref.task for ref in choice.flags)
        case Fallback():
            yield from (task for task in flow.counted[choice.name][:-1] if task is not None)
