"""R6: remove what is unnecessary after the other five.

    parse ─┬ find ─ response    ==>    parse ─ find ─ response
           └ trends

Needed is what reaches the response, a task with an effect (one records what updates are to train on), or a task that yields a declared
metric which no data set's truth yields, and what decides about any of these. Data sets and request classes that nobody uses go too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from aibenchrt.catalog import component, dataset

from aibenchc.distill.branches import kept
from aibenchc.distill.removal import without_request, without_tasks
from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn, left_alone
from aibenchc.flow import Flow
from aibenchc.flow.order import control_edges
from aibenchc.graph import RESPONSE, Graph, Task
from aibenchc.model import Update

ID = "R6"


def remove_unneeded(turn: Turn) -> Rewrite:
    """Removes unneeded tasks, consumers first, then unused request classes, then unused data sets."""
    protected = kept(turn.flow, turn.settings.keep)
    needed = _needed(turn.flow, protected.tasks, turn.settings.metrics)
    spans = {task.name: task.span for task in turn.graph.tasks}
    idle = [name for name in reversed(turn.flow.order) if name not in needed][: turn.limit]
    if idle:
        why = "reaches neither the response, an effect nor a declared metric"
        steps = tuple(DistillStep(ID, (name,), (), why, spans[name]) for name in idle)
        return Rewrite(turn.work.analyse(without_tasks(turn.graph, idle)), steps)
    sources = {edge.source for edge in turn.graph.edges}
    for request in turn.graph.requests:
        if request.name not in sources and request.name not in protected.requests and len(turn.graph.requests) > 1:
            step = DistillStep(ID, (request.name,), (), "no edge leads from it", request.span)
            return Rewrite(turn.work.analyse(without_request(turn.graph, request.name, heir=None)), (step,))
    used = {request.dataset for request in turn.graph.requests}
    unused = [d for d in turn.graph.datasets if d.name not in used][: turn.limit]
    if unused:
        names = {d.name for d in unused}
        left = tuple(d for d in turn.graph.datasets if d.name not in names)
        steps = tuple(DistillStep(ID, (d.name,), (), "no request takes its payloads from it", d.span) for d in unused)
        return Rewrite(turn.work.analyse(replace(turn.graph, datasets=left)), steps)
    return Rewrite(turn.flow)


def _needed(flow: Flow, protected: frozenset[str], metrics: tuple[str, ...]) -> set[str]:
    """The tasks from which data or a decision reaches what counts."""
    before: dict[str, list[str]] = defaultdict(list)
    for wire in flow.wires:
        before[wire.target].append(wire.source)
    for source, target, _ in control_edges(flow.graph):
        before[target].append(source)
    alone = _metrics_of_tasks_alone(flow.graph, metrics)
    todo = [RESPONSE, *(t.name for t in flow.graph.tasks if t.effect or t.name in protected or _yields(t, alone))]
    needed = set(todo)
    while todo:
        for source in before[todo.pop()]:
            if source not in needed:
                needed.add(source)
                todo.append(source)
    return needed


def _metrics_of_tasks_alone(graph: Graph, metrics: tuple[str, ...]) -> set[str]:
    specs = [dataset(d.spec) for d in graph.datasets]
    return set(metrics) - {metric for spec in specs if spec for metric in spec.metrics}


def _yields(task: Task, metrics: set[str]) -> bool:
    specs = [component(stage.component) for stage in task.stages]
    return any(metric in metrics for spec in specs if spec for metric in spec.metrics)


def remaining_updates(updates: Iterable[Update], graph: Graph) -> tuple[tuple[Update, ...], list[Problem]]:
    """The updates without the tasks that distilling removed, and a note for each that has no task left."""
    names = {stage.name for task in graph.tasks for stage in task.stages}
    remaining, notes = [], []
    for update in updates:
        tasks = tuple(name for name in update.tasks if name in names)
        if tasks:
            remaining.append(replace(update, tasks=tasks))
        else:
            notes.append(
                left_alone(
                    ID, f"update {update.frequency} has no task left", "leave the update out, or `keep` one of its tasks", update.span
                )
            )
    return tuple(remaining), notes


R6 = Rule(ID, "remove what is unneeded", remove_unneeded)
