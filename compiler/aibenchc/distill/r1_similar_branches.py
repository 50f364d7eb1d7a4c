"""R1: prune branches with similar processing logic.

             ┌ 50%: linear_rank ┐
    recommend┤                  ├ summary    ==>    recommend ─ mlp_rank ─ summary
             └ 50%: mlp_rank ───┘

Only between alternatives: the arms of a choice, or request classes. What runs side by side (`&`) or in turn (`else`) is no alternative.
Nor are request classes with different deadlines.
A branch is all that only it reaches, side tasks included, so that merging takes nothing away that was not compared. The most similar
pair goes first; the larger share stays and takes over the other's.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import Generic, TypeAlias, TypeVar

from aibenchrt.catalog import component
from aibenchrt.figure_format import fraction_percent

from aibenchc.distill.branches import ArmBranch, ClassBranch, Kept, arm_branches, class_branches, kept, regions
from aibenchc.distill.r3_auxiliary import is_auxiliary
from aibenchc.distill.removal import gone, shared_among, without_arms, without_requests, without_unreached
from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn, Work, left_alone
from aibenchc.flow import Flow
from aibenchc.flow.wires import outputs_of
from aibenchc.graph import ExclusiveChoice, Graph, Task

ID = "R1"


@dataclass(frozen=True)
class Logic:
    """What a branch does. types: component types in topological order, auxiliary tasks left out; entry and exit: port types. deadline_s: of
    a request class, in which its answers are of use."""

    types: tuple[str, ...]
    entry: frozenset[str]
    exit: frozenset[str]
    deadline_s: float | None = None

    @property
    def ends(self) -> tuple[frozenset[str], frozenset[str], float | None]:
        """What two branches must have in common to be compared."""
        return self.entry, self.exit, self.deadline_s


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


@dataclass(frozen=True)
class Alternatives(Generic[B]):
    """Branches that exclude each other, those of one logic together, by name.

    regions: their tasks, by the branches' cases. paired: the pair of two of them. drawn: no flag decides between them.
    """

    groups: Mapping[Logic, Sequence[B]]
    regions: Mapping[int, Sequence[str]]
    paired: Callable[[float, B, B], Pair]
    drawn: bool = True

    def chains(self, protected: Kept) -> Iterator[Pair]:
        """Of each group the pairs that merge it: the first two, what is left of them and the third, and so on."""
        for logic, group in self.groups.items():
            if self.drawn and logic.types and not any(protected.protects(branch) for branch in group):
                first = group[0]
                for second in group[1:]:
                    stays, goes = _larger_first(first, second)
                    yield self.paired(1.0, stays, goes)
                    first = replace(stays, share=stays.share + goes.share)

    def pairs(self, threshold: float, work: Work) -> Iterator[Iterator[Pair]]:
        """The pairs that are similar enough, those of two logics in one sequence, in order. Branches of one logic need no comparison."""
        groups = [(logic, group) for logic, group in self.groups.items() if logic.types]
        for number, (logic, group) in enumerate(groups):
            if len(group) > 1:
                yield self._between(1.0, group, group)
            for other, others in groups[number + 1 :]:
                if logic.ends == other.ends:
                    work.spend(1 + (len(logic.types) + len(other.types)) // 8)
                    alike = similarity(logic.types, other.types, threshold)
                    if alike >= threshold - 1e-9:
                        yield self._between(alike, group, others)

    def _between(self, alike: float, group: Sequence[B], others: Sequence[B]) -> Iterator[Pair]:
        """The pairs of two groups, or of a group's own branches, in order."""
        ours, theirs = frozenset(b.cases for b in group), frozenset(b.cases for b in others)
        listed = list(group)
        listed += others if group is not others else ()
        listed.sort(key=lambda b: b.name)
        for number, first in enumerate(listed):
            for second in listed[number + 1 :]:
                if (first.cases in ours and second.cases in theirs) or (first.cases in theirs and second.cases in ours):
                    stays, goes = _larger_first(first, second)
                    yield self.paired(alike, stays, goes)


AnyAlternatives: TypeAlias = Alternatives[ClassBranch] | Alternatives[ArmBranch]


def prune_similar_branches(turn: Turn) -> Rewrite:
    """Merges the most similar pair of alternatives whose merging leaves a valid graph; without a limit first all that are alike."""
    protected = kept(turn.flow, turn.settings.keep)
    alternatives = list(_alternatives(turn))
    if turn.limit is None:
        for each in alternatives:
            rewrite = _all_alike(turn, each, protected)
            if rewrite is not None:
                return rewrite
    problems: list[Problem] = []
    ranked = (pairs for each in alternatives for pairs in each.pairs(turn.settings.similarity, turn.work))
    for pair in heapq.merge(*ranked, key=lambda pair: pair.order()):
        text = f"{pair.goes.what} stays beside {pair.stays.what} (similarity {pair.similarity:.2f})"
        if protected.protects(pair.goes):
            problems.append(left_alone(ID, f"{text}: it is kept by the spec", "remove it from `keep`", pair.goes.span))
            continue
        if not _can_take_over(pair):
            problems.append(
                left_alone(
                    ID,
                    f"{text}: flags of their own decide about them",
                    "let one flag decide about both, if they are the same",
                    pair.goes.span,
                )
            )
            continue
        flow = without_unreached(_merged(turn.graph, [pair]), turn.work.analyse)
        if flow.findings:
            why = f"without it '{flow.findings[0].task}' would be {flow.findings[0].kind.value}"
            way_out = f"if it may go, give '{flow.findings[0].task}' another edge"
            problems.append(left_alone(ID, f"{text}: {why}", way_out, pair.goes.span))
            continue
        removed = gone(turn.graph, flow.graph) or (pair.goes.name,)
        return Rewrite(flow, (_step(turn, pair, removed),), tuple(problems))
    return Rewrite(turn.flow, (), tuple(problems))


def _step(turn: Turn, pair: Pair, removed: tuple[str, ...]) -> DistillStep:
    why = (
        f"similarity {pair.similarity:.2f} >= {turn.settings.similarity:.2f}; "
        f"{pair.stays.what} has {fraction_percent(pair.stays.share)} of the requests, "
        f"{pair.goes.what} had {fraction_percent(pair.goes.share)}"
    )
    return DistillStep(ID, removed, (pair.stays.name,), why, pair.goes.span)


def _all_alike(turn: Turn, alternatives: AnyAlternatives, protected: Kept) -> Rewrite | None:
    """Each group of one logic merged into one branch, pair after pair as if one by one; None where there is none, or something bars it."""
    pairs = list(alternatives.chains(protected))
    if not pairs:
        return None
    flow = without_unreached(_merged(turn.graph, pairs), turn.work.analyse)
    if flow.findings:
        return None
    parts = shared_among(gone(turn.graph, flow.graph), [(pair.goes.name, alternatives.regions[pair.goes.cases]) for pair in pairs])
    return Rewrite(flow, tuple(_step(turn, pair, part) for pair, part in zip(pairs, parts, strict=True)))


def _larger_first(one: B, other: B) -> tuple[B, B]:
    first, second = sorted((one, other), key=lambda b: (-round(b.share, 12), b.name))
    return first, second


def _alternatives(turn: Turn) -> Iterator[AnyAlternatives]:
    logic_of = _Logics(turn.flow)

    due = {request.name: request.deadline_s for request in turn.graph.requests}

    def grouped(branches: Sequence[B]) -> tuple[dict[Logic, list[B]], dict[int, list[str]]]:
        turn.work.spend(len(turn.flow.order) // 8)
        inside = regions(turn.flow, branches)
        groups: dict[Logic, list[B]] = {}
        for branch in sorted(branches, key=lambda b: b.name):
            deadline_s = due[branch.name] if isinstance(branch, ClassBranch) else None
            groups.setdefault(logic_of(inside[branch.cases], deadline_s), []).append(branch)
        return groups, inside

    if len(turn.graph.requests) > 1:
        yield Alternatives(*grouped(class_branches(turn.flow)), ClassPair)
    for choice in turn.graph.choices:
        if isinstance(choice, ExclusiveChoice):
            yield Alternatives(*grouped(arm_branches(turn.flow, choice)), partial(ArmPair, choice=choice), not choice.flags)


class _Logics:
    """The logic of a region of this flow."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.tasks = {task.name: task for task in flow.graph.tasks}
        self.types = {(name, port.name): port.type for name, ports in outputs_of(flow.graph).items() for port in ports}
        self.auxiliary = {name for name, task in self.tasks.items() if is_auxiliary(task)}

    def __call__(self, region: Sequence[str], deadline_s: float | None) -> Logic:
        inside = [name for name in region if name not in self.auxiliary]
        known = self.auxiliary.union(inside) if inside else self.auxiliary
        into, from_ = self.flow.wires_into, self.flow.wires_from
        entry = {self.types[w.source, w.source_port] for name in inside for w in into.get(name, ()) if w.source not in known}
        exits = {self.types[w.source, w.source_port] for name in inside for w in from_.get(name, ()) if w.target not in known}
        types = tuple(kind for name in inside for kind in _types(self.tasks[name]))
        return Logic(types, frozenset(entry), frozenset(exits), deadline_s)


def _types(task: Task) -> Iterator[str]:
    yield from (stage.component for stage in task.stages)


def similarity(types: Sequence[str], other: Sequence[str], threshold: float = 0.0) -> float:
    """1 − edit distance / length of the longer, over component types; replacing a type by one of its family costs a half.

    May return 0 where the similarity is below `threshold`.
    """
    return _similarity(tuple(types), tuple(other), threshold)


@lru_cache(maxsize=100_000)  # each turn compares the branches again
def _similarity(types: tuple[str, ...], other: tuple[str, ...], threshold: float) -> float:
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


def _merged(graph: Graph, pairs: Sequence[Pair]) -> Graph:
    """pairs: of one set of alternatives."""
    classes = {pair.goes.name: pair.stays.name for pair in pairs if isinstance(pair, ClassPair)}
    if classes:
        return without_requests(graph, classes)
    arms = [pair for pair in pairs if isinstance(pair, ArmPair)]
    return without_arms(graph, arms[0].choice, {pair.goes.guard.arm: pair.stays.guard.arm for pair in arms})


R1 = Rule(ID, "prune branches with similar logic", prune_similar_branches)
