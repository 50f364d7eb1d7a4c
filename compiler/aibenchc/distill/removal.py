"""Taking things out of a graph. Each function returns a graph without loose ends: no edge, arm or choice of what has gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from aibenchc.flow import Flow
from aibenchc.graph import Choice, Edge, ExclusiveArm, ExclusiveChoice, Fallback, Graph, Guard


def without_tasks(graph: Graph, names: Collection[str]) -> Graph:
    """The graph without these tasks. A choice that one of them decided becomes a draw with the same shares."""
    gone = frozenset(names)
    choices = tuple(_forget(choice, gone) for choice in graph.choices)
    tasks = tuple(task for task in graph.tasks if task.name not in gone)
    edges = tuple(edge for edge in graph.edges if edge.source not in gone and edge.target not in gone)
    return tidy(replace(graph, tasks=tasks, edges=edges, choices=choices))


def _forget(choice: Choice, gone: frozenset[str]) -> Choice:
    def left(tasks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(task for task in tasks if task not in gone)

    match choice:
        case ExclusiveChoice():
            drawn = any(ref.task in gone for ref in choice.flags)
            return replace(choice, arms=tuple(replace(a, tasks=left(a.tasks), when=None if drawn else a.when) for a in choice.arms))
        case Fallback():
            return replace(choice, arms=tuple(replace(a, tasks=left(a.tasks)) for a in choice.arms))


def without_request(graph: Graph, name: str, heir: str | None) -> Graph:
    """The graph without a request class. Its share goes to `heir`; None: to all others in proportion."""
    return without_requests(graph, {name: heir})


def without_requests(graph: Graph, heirs: Mapping[str, str | None]) -> Graph:
    """The graph without these request classes, the share of each to its heir, which may be one of them, or to all that are left."""
    given, pool = _inherited({request.name: request.share for request in graph.requests}, heirs)
    left = [request for request in graph.requests if request.name not in heirs]
    total = sum(request.share for request in left)
    requests = tuple(replace(r, share=r.share + given[r.name] + (pool * (r.share / total) if pool else 0.0)) for r in left)
    return tidy(replace(graph, requests=requests, edges=tuple(edge for edge in graph.edges if edge.source not in heirs)))


_K = TypeVar("_K")


def _inherited(shares: Mapping[_K, float], heirs: Mapping[_K, _K | None]) -> tuple[dict[_K, float], float]:
    """What each that is left gets from those that go, and what goes to all of them. An heir comes after those whose heir it is."""
    given = dict.fromkeys(shares, 0.0)
    pool = 0.0
    for name, heir in heirs.items():
        if heir is None:
            pool += shares[name] + given[name]
        else:
            given[heir] += shares[name] + given[name]
    return given, pool


def without_arm(graph: Graph, guard: Guard, heir: int | None) -> Graph:
    """The graph without an arm of an exclusive choice, or without this and the later arms of a fallback.

    Exclusive: the share goes to the arm `heir`; None: to all others in proportion. If the arm for requests that no flag decides goes, the
    heir, or else the largest, takes its place.
    """
    choice = next(c for c in graph.choices if c.name == guard.choice)
    if isinstance(choice, ExclusiveChoice):
        return without_arms(graph, choice, {guard.arm: heir})
    dead = {Guard(guard.choice, number) for number in range(guard.arm, len(choice.arms))}
    shorter = replace(choice, arms=choice.arms[: guard.arm])
    edges = tuple(edge for edge in graph.edges if not dead.intersection(edge.guards))
    return tidy(replace(graph, edges=edges, choices=tuple(shorter if c is choice else c for c in graph.choices)))


def without_arms(graph: Graph, choice: ExclusiveChoice, heirs: Mapping[int, int | None]) -> Graph:
    """The graph without these arms of an exclusive choice; the share of each to its heir, which may be one of them, or to all others."""
    dead = {Guard(choice.name, number) for number in heirs}
    left = [number for number in range(len(choice.arms)) if number not in heirs]
    place = {Guard(choice.name, number): Guard(choice.name, after) for after, number in enumerate(left)}
    shorter = replace(choice, arms=_shared_out(choice.arms, left, heirs))
    edges = tuple(_renumbered(edge, choice.name, place) for edge in graph.edges if not dead.intersection(edge.guards))
    return tidy(replace(graph, edges=edges, choices=tuple(shorter if c is choice else c for c in graph.choices)))


def _shared_out(arms: tuple[ExclusiveArm, ...], left: Sequence[int], heirs: Mapping[int, int | None]) -> tuple[ExclusiveArm, ...]:
    """The arms that are left, with the shares of the others."""
    given, pool = _inherited({number: arm.share for number, arm in enumerate(arms)}, heirs)
    total = sum(arms[number].share for number in left)
    after = {
        n: replace(arms[n], share=arms[n].share + given[n] + (pool * _part(arms[n].share, total, len(left)) if pool else 0.0)) for n in left
    }
    if all(arm.when for arm in after.values()):
        inheriting = set(heirs.values())
        heir = max(left, key=lambda n: (n in inheriting, after[n].share))
        after[heir] = replace(after[heir], when=None)
    return tuple(after.values())


def _part(share: float, total: float, count: int) -> float:
    return share / total if total > 0 else 1 / count


def _renumbered(edge: Edge, choice: str, place: Mapping[Guard, Guard]) -> Edge:
    """The edge with the places that the choice's arms have now."""
    if all(guard.choice != choice for guard in edge.guards):
        return edge
    return replace(edge, guards=tuple(place.get(guard, guard) for guard in edge.guards))


def tidy(graph: Graph) -> Graph:
    """Removes choices that guard no edge; a choice with a single arm, or a fallback that ends after its first arm, becomes a plain edge."""
    last: dict[str, int] = {}
    for edge in graph.edges:
        for guard in edge.guards:
            last[guard.choice] = max(last.get(guard.choice, 0), guard.arm)
    kept: list[Choice] = []
    plain: set[str] = set()
    for choice in graph.choices:
        if isinstance(choice, Fallback) and choice.name in last:
            choice = replace(choice, arms=choice.arms[: last[choice.name] + 1])
        if choice.name in last and len(choice.arms) > 1:
            kept.append(choice)
        else:
            plain.add(choice.name)
    edges = graph.edges
    if plain:
        edges = tuple(
            replace(edge, guards=tuple(g for g in edge.guards if g.choice not in plain)) if edge.guards else edge for edge in edges
        )
    return replace(graph, edges=tuple(dict.fromkeys(edges)), choices=tuple(kept))


def without_unreached(graph: Graph, analysed: Callable[[Graph], Flow]) -> Flow:
    """The flow of the graph without the tasks that run in no case any more. analysed: a graph's flow."""
    while True:
        flow = analysed(graph)
        idle = [name for name, cases in flow.runs.items() if not cases]
        if not idle or not flow.cases:
            return flow
        graph = without_tasks(graph, idle)


def shared_among(names: Sequence[str], regions: Sequence[tuple[str, Collection[str]]]) -> list[tuple[str, ...]]:
    """What has gone, told apart by the branches that went: (name, what only it reaches) each; the rest counts as the last one's."""
    owner = {name: number for number, (branch, region) in reversed(list(enumerate(regions))) for name in (branch, *region)}
    parts: list[list[str]] = [[] for _ in regions]
    for name in names:
        parts[owner.get(name, len(regions) - 1)].append(name)
    return [tuple(part) or (branch,) for part, (branch, _) in zip(parts, regions, strict=True)]


def gone(before: Graph, after: Graph) -> tuple[str, ...]:
    """The names of the tasks, request classes, choices and data sets that one graph has and the other has not."""

    def names(graph: Graph) -> Iterable[str]:
        for things in (graph.requests, graph.tasks, graph.choices, graph.datasets):
            yield from (thing.name for thing in things)

    left = set(names(after))
    return tuple(name for name in names(before) if name not in left)
