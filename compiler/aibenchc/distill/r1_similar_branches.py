"""R1: prune branches with similar processing logic.

             ┌ 50%: linear_rank ┐
    recommend┤                  ├ summary    ==>    recommend ─ mlp_rank ─ summary
             └ 50%: mlp_rank ───┘

Only between alternatives: the arms of a choice, or request classes. What runs side by side (`&`) or in turn (`else`) is no alternative.
A branch is all that only it reaches, side tasks included, so that merging takes nothing away that was not compared. The most similar
pair goes first; the larger share stays and takes over the other's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Generic, TypeAlias, TypeVar

from aibenchrt.catalog import component

from aibenchc.distill.branches import ArmBranch, Branch, ClassBranch, arm_branches, class_branches, kept, region
from aibenchc.distill.r3_auxiliary import is_auxiliary
from aibenchc.distill.removal import gone, without_arm, without_request, without_unreached
from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn, left_alone
from aibenchc.flow import Flow
from aibenchc.flow.wires import outputs_of
from aibenchc.graph import ExclusiveChoice, Graph, Task

ID = "R1"


@dataclass(frozen=True)
class Logic:
    """What a branch does. types: component types in topological order, auxiliary tasks left out; entry and exit: port types."""

    types: tuple[str, ...]
    entry: frozenset[str]
    exit: frozenset[str]


B = TypeVar("B", ClassBranch, ArmBranch)


@dataclass(frozen=True)
class _Pair(Generic[B]):
    """Two alternatives: the larger, which stays, and the other, which goes."""

    similarity: float
    stays: B
    goes: B

    def order(self) -> tuple[float, str, str]:
        first, second = sorted((self.stays.name, self.goes.name))
        return -self.similarity, first, second


@dataclass(frozen=True)
class ClassPair(_Pair[ClassBranch]):
    """Two request classes."""


@dataclass(frozen=True)
class ArmPair(_Pair[ArmBranch]):
    """Two arms of a choice."""

    choice: ExclusiveChoice


Pair: TypeAlias = ClassPair | ArmPair


def prune_similar_branches(turn: Turn) -> Rewrite:
    """Merges the most similar pair of alternatives whose merging leaves a valid graph."""
    protected = kept(turn.flow, turn.settings.keep)
    problems: list[Problem] = []
    for pair in sorted(_pairs(turn.flow, turn.settings.similarity), key=lambda pair: pair.order()):
        text = f"{pair.goes.what} stays beside {pair.stays.what} (similarity {pair.similarity:.2f})"
        if protected.protects(pair.goes):
            problems.append(left_alone(ID, f"{text}: it is kept by the spec", "remove it from `keep`", pair.goes.span))
            continue
        if not _can_take_over(pair):
            problems.append(left_alone(ID, f"{text}: flags of their own decide about them", "", pair.goes.span))
            continue
        flow = without_unreached(_merged(turn.graph, pair))
        if flow.findings:
            why = f"without it '{flow.findings[0].task}' would be {flow.findings[0].kind.value}"
            problems.append(left_alone(ID, f"{text}: {why}", "", pair.goes.span))
            continue
        removed = gone(turn.graph, flow.graph)
        why = (
            f"similarity {pair.similarity:.2f} >= {turn.settings.similarity:.2f}; "
            f"{pair.stays.what} has {pair.stays.share:.2%} of the requests, {pair.goes.what} had {pair.goes.share:.2%}"
        )
        step = DistillStep(ID, removed or (pair.goes.name,), (pair.stays.name,), why, pair.goes.span)
        return Rewrite(flow, (step,), tuple(problems))
    return Rewrite(turn.flow, (), tuple(problems))


def _pairs(flow: Flow, threshold: float) -> Iterator[Pair]:
    if len(flow.graph.requests) > 1:
        yield from (ClassPair(*alike) for alike in _alike(flow, class_branches(flow), threshold))
    for choice in flow.graph.choices:
        if isinstance(choice, ExclusiveChoice):
            yield from (ArmPair(*alike, choice) for alike in _alike(flow, arm_branches(flow, choice), threshold))


def _alike(flow: Flow, alternatives: Sequence[B], threshold: float) -> Iterator[tuple[float, B, B]]:
    """Their similarity, at least the threshold, and two of the alternatives, the larger first."""
    logic = {branch: _logic(flow, branch) for branch in alternatives}
    for first, second in combinations([b for b in alternatives if logic[b].types], 2):
        if (logic[first].entry, logic[first].exit) != (logic[second].entry, logic[second].exit):
            continue
        alike = similarity(logic[first].types, logic[second].types, threshold)
        if alike >= threshold - 1e-9:
            stays, goes = sorted((first, second), key=lambda b: (-round(b.share, 12), b.name))
            yield alike, stays, goes


def _logic(flow: Flow, branch: Branch) -> Logic:
    tasks = {task.name: task for task in flow.graph.tasks}
    inside = [name for name in region(flow, branch) if not is_auxiliary(tasks[name])]
    types = {(name, port.name): port.type for name, ports in outputs_of(flow.graph).items() for port in ports}
    within = frozenset(inside)

    def foreign(name: str) -> bool:
        return name not in within and not (name in tasks and is_auxiliary(tasks[name]))

    entry = {types[w.source, w.source_port] for name in inside for w in flow.wires_into.get(name, ()) if foreign(w.source)}
    exits = {types[w.source, w.source_port] for name in inside for w in flow.wires_from.get(name, ()) if foreign(w.target)}
    return Logic(tuple(kind for name in inside for kind in _types(tasks[name])), frozenset(entry), frozenset(exits))


def _types(task: Task) -> Iterator[str]:
    yield from (stage.component for stage in task.stages)


def similarity(types: Sequence[str], other: Sequence[str], threshold: float = 0.0) -> float:
    """1 − edit distance / length of the longer, over component types; replacing a type by one of its family costs a half.

    May return 0 where the similarity is below `threshold`.
    """
    longer = max(len(types), len(other))
    allowed = (1 - threshold) * longer + 1e-9
    families_one, families_other = Counter(map(family, types)), Counter(map(family, other))
    if (families_one - families_other).total() > allowed or (families_other - families_one).total() > allowed:
        return 0.0  # each type whose family the other lacks costs at least one
    limit = min(allowed, max(4.0, float(abs(len(types) - len(other)))))
    while (distance := _edit_distance(types, other, limit)) > limit and limit < allowed:
        limit = min(allowed, 2 * limit)  # a wider band only where a narrow one is not enough (Ukkonen 1985)
    return 1 - distance / longer if distance <= allowed else 0.0


def _edit_distance(types: Sequence[str], other: Sequence[str], limit: float) -> float:
    """Levenshtein with half cost inside a family (Wagner and Fischer 1974); more than `limit` where it is more than that.

    Only cells within `limit` of the diagonal can lie on a way that costs no more.
    """
    band = int(limit)
    too_much = limit + 1
    row = {j: float(j) for j in range(min(len(other), band) + 1)}
    for i, kind in enumerate(types, 1):
        above, row = row, {}
        for j in range(max(0, i - band), min(len(other), i + band) + 1):
            best = above.get(j, too_much) + 1
            if j > 0:
                best = min(best, row.get(j - 1, too_much) + 1, above.get(j - 1, too_much) + _replacing(kind, other[j - 1]))
            row[j] = best
        if min(row.values(), default=too_much) > limit:
            return too_much
    return row.get(len(other), too_much)


@cache
def _replacing(component: str, other: str) -> float:
    return 0.0 if component == other else 0.5 if family(component) == family(other) else 1.0


def family(name: str) -> str:
    """A component's family; a component that the catalogue does not have is a family of its own."""
    spec = component(name)
    return spec.family if spec else name


def _can_take_over(pair: Pair) -> bool:
    """Whether requests that took `goes` will take `stays`: not if a flag would send them to a third arm."""
    if isinstance(pair, ClassPair) or len(pair.choice.arms) == 2:
        return True
    arms = pair.choice.arms
    goes, stays = arms[pair.goes.guard.arm], arms[pair.stays.guard.arm]
    if goes.when is None:
        return stays.when is None or sum(arm.when is None for arm in arms) == 1
    return stays.when is None and sum(arm.when is None for arm in arms) == 1


def _merged(graph: Graph, pair: Pair) -> Graph:
    match pair:
        case ClassPair(stays=stays, goes=goes):
            return without_request(graph, goes.name, heir=stays.name)
        case ArmPair(stays=stays, goes=goes):
            return without_arm(graph, goes.guard, heir=stays.guard.arm)


R1 = Rule(ID, "prune branches with similar logic", prune_similar_branches)
