"""The order of the tasks: each after all that it waits for, which is its data and what decides about its guards."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from aibenchc.graph import ExclusiveChoice, Fallback, Graph, Guard, PortRef, Task


def until_tasks(choice: Fallback, tasks: Mapping[str, Task]) -> tuple[str | None, ...]:
    """For each arm of a fallback the task whose Count is summed: the one the author named, otherwise the arm's last with the port."""
    ref = choice.until.ref

    def of(names: tuple[str, ...]) -> str | None:
        having = [n for n in names if n in tasks and any(p.name == ref.port and p.type == "Count" for p in tasks[n].outputs)]
        return ref.task if ref.task in having else (having[-1] if having else None)

    return tuple(of(arm.tasks) for arm in choice.arms)


def control_edges(graph: Graph) -> list[tuple[str, str, tuple[str, PortRef]]]:
    """(task, target, (choice, port)): the target, first in an arm, must wait for the port that decides about that arm."""
    tasks = {task.name: task for task in graph.tasks}
    deciders: dict[Guard, list[PortRef]] = {}
    for choice in graph.choices:
        match choice:
            case ExclusiveChoice():
                flags = [ref for ref in choice.flags if ref.task in tasks]
                deciders |= {Guard(choice.name, number): flags for number in range(len(choice.arms))}
            case Fallback():
                sums = [PortRef(name, choice.until.ref.port) if name else None for name in until_tasks(choice, tasks)]
                deciders |= {Guard(choice.name, number): [ref for ref in sums[:number] if ref] for number in range(len(choice.arms))}
    return [(ref.task, edge.target, (guard.choice, ref)) for edge in graph.edges for guard in edge.guards for ref in deciders[guard]]


def topological(graph: Graph, extra: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the tasks in topological order, ties by name; ()), or ((); a cycle as a path) over the edges and the extra ones."""
    followers: dict[str, list[str]] = {task.name: [] for task in graph.tasks}
    waits = dict.fromkeys(followers, 0)
    for source, target in (*((e.source, e.target) for e in graph.edges), *extra):
        if source in waits and target in waits:
            followers[source].append(target)
            waits[target] += 1
    free = [name for name, count in waits.items() if count == 0]
    heapq.heapify(free)
    order = []
    while free:
        name = heapq.heappop(free)
        order.append(name)
        for follower in followers[name]:
            waits[follower] -= 1
            if waits[follower] == 0:
                heapq.heappush(free, follower)
    if len(order) == len(waits):
        return tuple(order), ()
    return (), _cycle(followers, {name for name, count in waits.items() if count})


def _cycle(followers: Mapping[str, Sequence[str]], stuck: set[str]) -> tuple[str, ...]:
    """A cycle among tasks that never became free, from its first name back to it. Each of them waits for another of them: walk back."""
    before: dict[str, str] = {}
    for name in sorted(stuck, reverse=True):
        for follower in followers[name]:
            if follower in stuck:
                before[follower] = name
    at, walked = min(stuck), dict[str, int]()
    while at not in walked:
        walked[at] = len(walked)
        at = before[at]
    path = list(walked)[walked[at] :][::-1]
    first = path.index(min(path))
    return (*path[first:], *path[: first + 1])
