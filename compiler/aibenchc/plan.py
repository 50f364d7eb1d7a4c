"""Graph → Plan: the order of the steps, where every input comes from, what the response waits for, and who listens where."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aibenchrt import catalog
from aibenchrt import plan as p
from aibenchrt.component import ComponentSpec, Kind, Port

from aibenchc.diagnostics import Diagnostics, did_you_mean
from aibenchc.distill import Distilled
from aibenchc.flow import Wire, analyse
from aibenchc.graph import RESPONSE, Arm, Choice, ChoiceKind, Graph, Guard, Stage, Task
from aibenchc.model import Deployment, Load, Reference, Scenario

LAST_PORT = 65535
PLANNER = "planner"
TRITON = "triton"


@dataclass(frozen=True)
class Wiring:
    """A graph's wires by both ends, in edge order, and its choices by name."""

    graph: Graph
    into: Mapping[str, Sequence[Wire]]
    choices: Mapping[str, Choice]
    tasks: Mapping[str, Task]

    def deciders(self, guard: Guard) -> Iterator[str]:
        """The tasks that must have answered before it is known whether the guard holds."""
        choice = self.choices[guard.choice]
        if choice.kind is ChoiceKind.ONE:
            yield from (arm.when.task for arm in choice.arms if arm.when)
        elif guard.arm > 0:
            yield counted(choice, choice.arms[guard.arm - 1], self.tasks)  # which itself waits for the arm before it

    def before(self, target: str) -> Iterator[str]:
        """The tasks and request classes that the target waits for: its producers, and what decides its guards."""
        for wire in self.into.get(target, ()):
            yield wire.source
            for guard in wire.guards:
                yield from self.deciders(guard)


def plan(
    scenario: Scenario, distilled: Distilled, deployment_name: str, diagnostics: Diagnostics, ports_from: int = 21000
) -> p.Plan | None:
    """The plan of a distilled scenario in one of its deployments; None if something was reported that bars it.

    Reports AIB401 (deployment), AIB402 (ports), AIB403–404 (models), AIB405 (references), AIB501, AIB505 (no component or data set),
    AIB506 (ports that Triton cannot carry).
    """
    graph = distilled.graph
    deployment = find_deployment(scenario, deployment_name, diagnostics)
    if not implemented(graph, diagnostics) or deployment is None:
        return None
    models = choose_models(graph, deployment, diagnostics)
    wiring = wire_up(graph)
    steps = plan_steps(wiring, models)
    services = place(steps, ports_from, diagnostics)
    note_removed_references(scenario.references, graph, diagnostics)
    if diagnostics.failed:
        return None
    requests = tuple(
        p.PlanRequest(name=r.name, share=r.share, dataset=r.dataset, source=r.source, ports=plan_ports(r.ports)) for r in graph.requests
    )
    choices = tuple(plan_choice(choice, wiring.tasks) for choice in graph.choices)
    response = response_parts(wiring)
    return p.Plan(
        scenario=scenario.name,
        title=scenario.title,
        deployment=deployment.name,
        profile=deployment.profile,
        seed=scenario.load.seed,
        graph_hash=p.wiring_hash(requests, steps, choices, response),
        datasets={dataset.name: dataset.spec for dataset in graph.datasets},
        requests=requests,
        steps=steps,
        choices=choices,
        response=response,
        services=services,
        load=plan_load(scenario.load),
        metrics=scenario.metrics,
        percentiles=scenario.latency.percentiles,
        slo=tuple(p.PlanBound(metric="latency", percentile=s.percentile, below_ms=s.below_ms) for s in scenario.slo),
        quality=tuple(quality_targets(graph)),
        update=tuple(p.PlanUpdate(frequency=u.frequency, every_s=u.every_s, tasks=u.tasks) for u in distilled.updates),
        references=tuple(plan_reference(reference) for reference in scenario.references),
    )


def find_deployment(scenario: Scenario, name: str, diagnostics: Diagnostics) -> Deployment | None:
    by_name = {deployment.name: deployment for deployment in scenario.deployments}
    if name not in by_name:
        diagnostics.report("AIB401", None, name=name, hint=did_you_mean(name, by_name))
    return by_name.get(name)


def implemented(graph: Graph, diagnostics: Diagnostics) -> bool:
    """Reports every task and data set that the library only specifies."""
    for task in graph.tasks:
        for stage in task.stages:
            if not spec_of(stage).implemented:
                diagnostics.report("AIB501", task.span, task=stage.name, component=stage.component)
        if is_ai(task):
            for port in (*task.inputs, *task.outputs):
                if port.many:
                    diagnostics.report("AIB506", task.span, task=task.name, port=port.name)
    for dataset in graph.datasets:
        spec = catalog.dataset(dataset.spec)
        assert spec is not None, f"validate let the unknown data set '{dataset.spec}' through"
        if not spec.implemented:
            diagnostics.report("AIB505", dataset.span, name=dataset.name)
    return not diagnostics.failed


def spec_of(stage: Stage) -> ComponentSpec:
    spec = catalog.component(stage.component)
    assert spec is not None, f"validate let the unknown component '{stage.component}' through"
    return spec


def is_ai(task: Task) -> bool:
    return spec_of(task.stages[0]).kind is Kind.AI


def choose_models(graph: Graph, deployment: Deployment, diagnostics: Diagnostics) -> dict[tuple[str, str], str]:
    """(task, stage) → the one model that serves: what distilling left, else the first that the deployment's profile allows."""
    chosen = {}
    for task in graph.tasks:
        for stage in task.stages:
            spec = spec_of(stage)
            if spec.kind is not Kind.AI:
                continue
            offered = [(c.model, c.profile) for c in stage.candidates] or [(m.name, m.profile.value) for m in spec.models]
            allowed = [model for model, profile in offered if profile == "small" or deployment.profile == "full"]
            if not allowed:
                diagnostics.report("AIB404", task.span, task=stage.name, profile=deployment.profile, deployment=deployment.name)
                continue
            if len(allowed) > 1:
                diagnostics.report("AIB403", task.span, task=stage.name, model=allowed[0], others=", ".join(allowed[1:]))
            chosen[task.name, stage.name] = allowed[0]
    return chosen


def wire_up(graph: Graph) -> Wiring:
    into: dict[str, list[Wire]] = defaultdict(list)
    for wire in analyse(graph).wires:
        into[wire.target].append(wire)
    return Wiring(graph, into, {c.name: c for c in graph.choices}, {t.name: t for t in graph.tasks})


def plan_steps(wiring: Wiring, models: Mapping[tuple[str, str], str]) -> tuple[p.Step, ...]:
    needed = on_the_way(wiring)
    arm_of = first_arms(wiring.graph.choices)
    return tuple(
        p.Step(
            task=task.name,
            kind="ai" if is_ai(task) else "service",
            family=spec_of(task.stages[0]).family,
            stages=tuple(plan_stage(task, stage, models) for stage in task.stages),
            inputs=tuple(plan_inputs(task, wiring.into.get(task.name, ()), arm_of)),
            outputs=plan_ports(task.outputs),
            phase="response" if task.name in needed else "after",
        )
        for task in in_order(wiring)
    )


def in_order(wiring: Wiring) -> list[Task]:
    """The tasks, each after all that it waits for; among those that are free the first in the spec goes first."""
    position = {task.name: i for i, task in enumerate(wiring.graph.tasks)}
    waits = {name: {b for b in wiring.before(name) if b in position} for name in position}
    followers: dict[str, list[str]] = defaultdict(list)
    for name, before in waits.items():
        for source in before:
            followers[source].append(name)
    left = {name: len(before) for name, before in waits.items()}
    free = [position[name] for name, count in left.items() if count == 0]
    heapq.heapify(free)
    ordered = []
    while free:
        task = wiring.graph.tasks[heapq.heappop(free)]
        ordered.append(task)
        for name in followers[task.name]:
            left[name] -= 1
            if left[name] == 0:
                heapq.heappush(free, position[name])
    assert len(ordered) == len(position), "validate let a cycle through"
    return ordered


def on_the_way(wiring: Wiring) -> set[str]:
    """What the response needs: its producers, what decides about them, and all of theirs."""
    needed = {RESPONSE}
    todo = [RESPONSE]
    while todo:
        for name in wiring.before(todo.pop()):
            if name not in needed:
                needed.add(name)
                todo.append(name)
    return needed


def first_arms(choices: Iterable[Choice]) -> dict[str, set[tuple[str, int]]]:
    """task → the arms of FIRST choices that it stands in."""
    arms: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for choice in choices:
        if choice.kind is ChoiceKind.FIRST:
            for number, arm in enumerate(choice.arms):
                for task in arm.tasks:
                    arms[task].add((choice.name, number))
    return arms


def plan_inputs(task: Task, wires: Sequence[Wire], arm_of: Mapping[str, set[tuple[str, int]]]) -> Iterator[p.Input]:
    by_port: dict[str, list[Wire]] = defaultdict(list)
    for wire in wires:
        by_port[wire.target_port].append(wire)
    for port in task.inputs:
        fed = by_port[port.name]
        concat = not port.many and from_several_arms([wire.source for wire in fed], arm_of)
        yield p.Input(port=plan_port(port), sources=tuple(plan_source(wire) for wire in fed), concat=concat)


def from_several_arms(sources: Iterable[str], arm_of: Mapping[str, set[tuple[str, int]]]) -> bool:
    """Whether two of these tasks stand in different arms of one FIRST choice, so that both may have run."""
    arms: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for choice, arm in arm_of.get(source, ()):
            arms[choice].add(arm)
    return any(len(numbers) > 1 for numbers in arms.values())


def response_parts(wiring: Wiring) -> tuple[p.ResponsePart, ...]:
    """Ports of the response in the order in which the spec first feeds them, each with all its producers."""
    parts: dict[str, list[Wire]] = defaultdict(list)
    for wire in wiring.into.get(RESPONSE, ()):
        parts[wire.target_port].append(wire)
    return tuple(
        p.ResponsePart(
            port=p.PlanPort(name=name, type=output_port(wiring.tasks[wires[0].source], wires[0].source_port).type),
            sources=tuple(plan_source(wire) for wire in wires),
        )
        for name, wires in parts.items()
    )


def output_port(task: Task, name: str) -> Port:
    return next(port for port in task.outputs if port.name == name)


def plan_choice(choice: Choice, tasks: Mapping[str, Task]) -> p.PlanChoice:
    until = None
    if choice.until is not None:
        port = choice.until.ref.port
        counts = tuple(p.Source(task=counted(choice, arm, tasks), port=port) for arm in choice.arms)
        until = p.PlanUntil(counts=counts, at_least=choice.until.at_least)
    arms = tuple(
        p.PlanArm(share=arm.share, when=p.Source(task=arm.when.task, port=arm.when.port) if arm.when else None) for arm in choice.arms
    )
    return p.PlanChoice(name=choice.name, kind="one" if choice.kind is ChoiceKind.ONE else "first", arms=arms, until=until)


def counted(choice: Choice, arm: Arm, tasks: Mapping[str, Task]) -> str:
    """The arm's task whose port the choice sums: the one that the author named, else the arm's last with a port of that name."""
    assert choice.until is not None, f"the choice '{choice.name}' tries its arms in turn without an end"
    ref = choice.until.ref
    having = [name for name in arm.tasks if any(port.name == ref.port for port in tasks[name].outputs)]
    assert having, f"validate let an arm of '{choice.name}' without the port '{ref.port}' through"
    return ref.task if ref.task in having else having[-1]


def place(steps: Sequence[p.Step], ports_from: int, diagnostics: Diagnostics) -> tuple[p.PlanService, ...]:
    """The planner, Triton (its gRPC endpoint) if a step needs it, then every service task, on successive ports of 127.0.0.1."""
    names = [PLANNER]
    if any(step.kind == "ai" for step in steps):
        names.append(TRITON)
    names += [step.task for step in steps if step.kind == "service"]
    if ports_from + len(names) - 1 > LAST_PORT:
        diagnostics.report("AIB402", None, count=len(names), first=ports_from)
        return ()
    return tuple(p.PlanService(task=name, endpoints=(f"127.0.0.1:{ports_from + i}",)) for i, name in enumerate(names))


def note_removed_references(references: Iterable[Reference], graph: Graph, diagnostics: Diagnostics) -> None:
    stages = {stage.name for task in graph.tasks for stage in task.stages} | {task.name for task in graph.tasks}
    for reference in references:
        for item in reference.items:
            if item.task is not None and item.task not in stages:
                diagnostics.report("AIB405", reference.span, title=reference.title, task=item.task)


def quality_targets(graph: Graph) -> Iterator[p.PlanQuality]:
    for task in graph.tasks:
        for stage in task.stages:
            if stage.target is not None:
                yield p.PlanQuality(task=stage.name, metric=stage.target.metric, at_least=stage.target.at_least)


def plan_stage(task: Task, stage: Stage, models: Mapping[tuple[str, str], str]) -> p.PlanStage:
    spec = spec_of(stage)
    defaults = {s.name: s.default for s in spec.settings if s.default is not None}
    return p.PlanStage(
        name=stage.name,
        component=stage.component,
        kind="ai" if spec.kind is Kind.AI else "service",
        settings=defaults | dict(stage.settings),
        model=models.get((task.name, stage.name)),
        feeds=tuple(p.StageFeed(input=feed.input, stage=feed.stage, port=feed.port) for feed in stage.feeds),
    )


def plan_source(wire: Wire) -> p.Source:
    guards = tuple(p.PlanGuard(choice=guard.choice, arm=guard.arm) for guard in wire.guards)
    return p.Source(task=wire.source, port=wire.source_port, guards=guards)


def plan_ports(ports: Iterable[Port]) -> tuple[p.PlanPort, ...]:
    return tuple(plan_port(port) for port in ports)


def plan_port(port: Port) -> p.PlanPort:
    return p.PlanPort(name=port.name, type=port.type, optional=port.optional, many=port.many)


def plan_load(load: Load) -> p.PlanLoad:
    return p.PlanLoad(
        arrival=load.arrival,
        rate=load.rate,
        users=load.users,
        think_s=load.think_s,
        trace=load.trace,
        duration_s=load.duration_s,
        warmup_s=load.warmup_s,
        seed=load.seed,
    )


def plan_reference(reference: Reference) -> p.PlanReference:
    items = tuple(
        p.PlanReferenceItem(kind=i.kind, percentile=i.percentile, task=i.task, of=i.of, value=i.value, within=i.within)
        for i in reference.items
    )
    return p.PlanReference(title=reference.title, deployment=reference.deployment, fingerprint=reference.fingerprint, items=items)
