"""R3: prune auxiliary functions.

    find ─ trace ─ rank ─┬ response          find ─ rank ─ response
                         └ log          ==>

Auxiliary is what a task, or its component in the catalogue, declares to be: monitoring, logging, tracing, A/B assignment, health checks.
One whose outputs are used is bypassed, from its producers to its consumers by type, if then every port that it fed still has a producer
wherever it had one; otherwise it stays. A removed A/B assignment leaves its fork as a seeded draw with the same shares.
"""

from __future__ import annotations

from dataclasses import replace

from aibenchrt.catalog import component
from aibenchrt.component import ANY

from aibenchc.distill.branches import deciders, kept
from aibenchc.distill.removal import without_tasks
from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn, left_alone
from aibenchc.flow import Flow
from aibenchc.flow.wires import inputs_of, outputs_of
from aibenchc.graph import Edge, ExclusiveChoice, Fallback, Graph, Task

ID = "R3"


def is_auxiliary(task: Task) -> bool:
    specs = [component(stage.component) for stage in task.stages]
    return task.auxiliary or any(spec is not None and spec.auxiliary for spec in specs)


def prune_auxiliary(turn: Turn) -> Rewrite:
    """Removes the auxiliary tasks that nothing needs; if there are none, one that can be bypassed."""
    protected = kept(turn.flow, turn.settings.keep).tasks
    counted = {name for c in turn.graph.choices if isinstance(c, Fallback) for name in deciders(turn.flow, c)}
    tasks = [task for task in turn.graph.tasks if is_auxiliary(task) and task.name not in protected]
    by_name = {task.name: task for task in tasks}
    ends: dict[str, Task] = {}
    for name in reversed(turn.flow.order):  # consumers first
        removable = name in by_name and name not in counted
        if removable and all(wire.target in ends for wire in turn.flow.wires_from.get(name, ())):
            ends[name] = by_name[name]
    if ends:
        chosen = list(ends.values())[: turn.limit]
        flow = turn.work.analyse(without_tasks(turn.graph, [task.name for task in chosen]))
        return Rewrite(flow, tuple(DistillStep(ID, (t.name,), _drawn(turn.graph, t), _why(t), t.span) for t in chosen))
    problems: list[Problem] = []
    for task in tasks:
        used = f"'{task.name}' stays"
        if task.name in counted:
            way_out = f"remove it from `until`, or `keep {task.name}`"
            problems.append(left_alone(ID, f"{used}: its counts decide a fallback", way_out, task.span))
            continue
        bypassed = _bypassed(turn, task)
        if bypassed is None:
            way_out = f"feed that port from another task, or `keep {task.name}`"
            problems.append(left_alone(ID, f"{used}: a port that it feeds would have no producer", way_out, task.span))
            continue
        heirs = tuple(dict.fromkeys(wire.source for wire in turn.flow.wires_into.get(task.name, ())))
        step = DistillStep(ID, (task.name,), (*heirs, *_drawn(turn.graph, task)), f"{_why(task)}; bypassed", task.span)
        return Rewrite(bypassed, (step,), tuple(problems))
    return Rewrite(turn.flow, (), tuple(problems))


def _why(task: Task) -> str:
    spec = component(task.stages[0].component)
    return f"{spec.name} is an auxiliary function" if spec and spec.auxiliary else "declared auxiliary"


def _drawn(graph: Graph, task: Task) -> tuple[str, ...]:
    """The choices that the task decides, which become draws."""
    exclusive = (choice for choice in graph.choices if isinstance(choice, ExclusiveChoice))
    return tuple(choice.name for choice in exclusive if any(ref.task == task.name for ref in choice.flags))


def _bypassed(turn: Turn, task: Task) -> Flow | None:
    """The graph with the task's producers feeding its consumers; None if some port is then without."""
    flow = turn.flow
    edges = _bypass(flow, task)
    extended = replace(flow.graph, edges=tuple(dict.fromkeys((*flow.graph.edges, *edges))))
    after = turn.work.analyse(without_tasks(extended, [task.name]))
    turn.work.spend(2 * after.visits)  # what follows looks at all cases again, before and after
    if after.findings or [c.arms for c in after.cases] != [c.arms for c in flow.cases]:
        return None
    fed = {(wire.target, wire.target_port) for wire in flow.wires_from.get(task.name, ())}
    for case, new in zip(flow.cases, after.cases, strict=True):
        if set(flow.tasks_in(case)) - {task.name} != set(after.tasks_in(new)):
            return None
        if any(flow.producers(*port, case) and not after.producers(*port, new) for port in fed):
            return None
    return after


def _bypass(flow: Flow, task: Task) -> list[Edge]:
    outputs, inputs = outputs_of(flow.graph), inputs_of(flow.graph)
    edges = []
    for out in flow.wires_from.get(task.name, ()):
        port_type = next(port.type for port in inputs[out.target] if port.name == out.target_port)
        for into in flow.wires_into.get(task.name, ()):
            offered = next(port.type for port in outputs[into.source] if port.name == into.source_port)
            if port_type in (offered, ANY):
                guards = tuple(dict.fromkeys((*into.guards, *out.guards)))
                edges.append(Edge(into.source, out.target, into.source_port, out.target_port, guards, task.span))
    return edges


R3 = Rule(ID, "prune auxiliary functions", prune_auxiliary)
