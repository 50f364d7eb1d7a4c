"""Taking things out of a graph. Each function returns a graph without loose ends: no edge, arm or choice of what has gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from aibenchc.flow import Flow, analyse
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
    gone = next(request for request in graph.requests if request.name == name)
    left = [request for request in graph.requests if request.name != name]
    total = sum(request.share for request in left)
    requests = tuple(replace(r, share=r.share + gone.share * ((r.name == heir) if heir is not None else r.share / total)) for r in left)
    return tidy(replace(graph, requests=requests, edges=tuple(edge for edge in graph.edges if edge.source != name)))


def without_arm(graph: Graph, guard: Guard, heir: int | None) -> Graph:
    """The graph without an arm of an exclusive choice, or without this and the later arms of a fallback.

    Exclusive: the share goes to the arm `heir`; None: to all others in proportion. If the arm for requests that no flag decides goes, the
    heir, or else the largest, takes its place.
    """
    choice = next(c for c in graph.choices if c.name == guard.choice)
    shorter: Choice
    match choice:
        case ExclusiveChoice():
            dead = {guard}
            shorter = replace(choice, arms=_shared_out(choice.arms, guard.arm, heir))
        case Fallback():
            dead = {Guard(guard.choice, number) for number in range(guard.arm, len(choice.arms))}
            shorter = replace(choice, arms=choice.arms[: guard.arm])
    edges = tuple(_renumbered(edge, guard) for edge in graph.edges if not dead.intersection(edge.guards))
    return tidy(replace(graph, edges=edges, choices=tuple(shorter if c is choice else c for c in graph.choices)))


def _shared_out(arms: tuple[ExclusiveArm, ...], index: int, heir: int | None) -> tuple[ExclusiveArm, ...]:
    """The other arms with the share of this one."""
    others = [number for number in range(len(arms)) if number != index]
    total = sum(arms[number].share for number in others)
    part = {n: float(n == heir) if heir is not None else _part(arms[n].share, total, len(others)) for n in others}
    left = {n: replace(arms[n], share=arms[n].share + arms[index].share * part[n]) for n in others}
    if all(arm.when for arm in left.values()):
        default = heir if heir is not None else max(others, key=lambda n: left[n].share)
        left[default] = replace(left[default], when=None)
    return tuple(left.values())


def _part(share: float, total: float, count: int) -> float:
    return share / total if total > 0 else 1 / count


def _renumbered(edge: Edge, gone: Guard) -> Edge:
    """The edge's guards after arm `gone` was taken out."""
    if all(g.choice != gone.choice for g in edge.guards):
        return edge
    later = [g.choice == gone.choice and g.arm > gone.arm for g in edge.guards]
    guards = tuple(replace(g, arm=g.arm - 1) if after else g for g, after in zip(edge.guards, later, strict=True))
    return replace(edge, guards=guards)


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


def without_unreached(graph: Graph) -> Flow:
    """The flow of the graph without the tasks that run in no case any more."""
    while True:
        flow = analyse(graph)
        idle = [name for name, cases in flow.runs.items() if not cases]
        if not idle or not flow.cases:
            return flow
        graph = without_tasks(graph, idle)


def gone(before: Graph, after: Graph) -> tuple[str, ...]:
    """The names of the tasks, request classes, choices and data sets that one graph has and the other has not."""

    def names(graph: Graph) -> Iterable[str]:
        for things in (graph.requests, graph.tasks, graph.choices, graph.datasets):
            yield from (thing.name for thing in things)

    left = set(names(after))
    return tuple(name for name in names(before) if name not in left)
