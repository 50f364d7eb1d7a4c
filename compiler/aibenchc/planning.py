"""Graph → Plan: the order of the steps, the source of every input, what the response waits for, and the address of every service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from aibenchrt import catalog, libraries
from aibenchrt import plan as p
from aibenchrt.component import ComponentSpec, Kind, Port

from aibenchc.diagnostics import Diagnostics, did_you_mean
from aibenchc.distill import Distilled
from aibenchc.flow import Flow, analyse, control_edges
from aibenchc.flow.order import until_tasks
from aibenchc.flow.wires import Wire
from aibenchc.graph import RESPONSE, Choice, ExclusiveArm, ExclusiveChoice, Fallback, Graph, RequestClass, Stage, Task
from aibenchc.model import (
    Bound,
    Constant,
    Deployment,
    JitterBound,
    LatencyBound,
    LatencyPercentile,
    LatencyRatio,
    Load,
    Poisson,
    Reference,
    Scenario,
    Sessions,
    ShareBound,
    Streams,
    TimeFraction,
    Trace,
    Users,
)
from aibenchc.placement.inventory import Inventory
from aibenchc.placement.search import Placement
from aibenchc.placement.site import LAST_PORT, site_of
from aibenchc.source import Span

PORTS_FROM = 21000


@dataclass(frozen=True)
class Where:
    """inventory: the hosts that take the parts; None: everything on this machine, without TLS."""

    ports_from: int = PORTS_FROM
    inventory: Inventory | None = None
    tls: bool = True


@dataclass(frozen=True)
class Planned:
    """placement: what each replica takes and where it is; None without an inventory."""

    plan: p.Plan
    placement: Placement | None = None


def plan(scenario: Scenario, distilled: Distilled, deployment_name: str, diagnostics: Diagnostics, where: Where) -> Planned | None:
    """The plan of a distilled scenario in one of its deployments; None if something was reported that bars it.

    Reports AIB401 (deployment), AIB402 (ports), AIB403–404 (models), AIB405 (references), AIB501, AIB505 (no component or data set),
    AIB506 (ports that Triton cannot carry), AIB422 (deadlines), and with an inventory what `placement.site.site_of` does.
    """
    graph = distilled.graph
    deployment = find_deployment(scenario, deployment_name, diagnostics)
    if not implemented(graph, diagnostics, {task.name: task.span for task in scenario.graph.tasks}) or deployment is None:
        return None
    models = choose_models(graph, deployment, diagnostics)
    flow = analyse(graph)
    assert not flow.findings, f"distilling left {flow.findings[0]}"
    tasks = {task.name: task for task in graph.tasks}
    steps = plan_steps(flow, tasks, models)
    load = plan_load(scenario.load)
    site = None
    if where.inventory is None:
        services = place(steps, where.ports_from, diagnostics)
    else:
        site = site_of(flow, steps, deployment, load, where.inventory, where.ports_from, diagnostics)
        services = site.services if site else ()
    note_removed_references(scenario.references, graph, diagnostics)
    due = deadlines_left(scenario, graph, diagnostics)
    if diagnostics.failed:
        return None
    datasets = {dataset.name: dataset.spec for dataset in graph.datasets}
    requests = tuple(plan_request(request, datasets[request.dataset]) for request in graph.requests)
    choices = tuple(plan_choice(choice, tasks) for choice in graph.choices)
    response = response_parts(flow, tasks)
    planned = p.Plan(
        scenario=scenario.name,
        title=scenario.title,
        deployment=deployment.name,
        profile=deployment.profile,
        seed=scenario.load.seed,
        graph_hash=p.wiring_hash(requests, steps, choices, response),
        libraries=tuple(p.PlanLibrary(name=row.name, distribution=row.distribution, version=row.version) for row in libraries.in_use()),
        datasets=datasets,
        requests=requests,
        steps=steps,
        choices=choices,
        response=response,
        services=services,
        hosts=site.hosts if site else (),
        generators=site.generators if site else (),
        tls=where.tls and site is not None,
        load=load,
        metrics=scenario.metrics,
        frame_metrics=tuple(name for name in scenario.frames if due or name == "jitter"),
        percentiles=scenario.latency.percentiles,
        slo=tuple(plan_bound(bound) for bound in scenario.slo if due or not isinstance(bound, ShareBound)),
        quality=tuple(quality_targets(graph)),
        update=tuple(p.PlanUpdate(frequency=u.frequency, every_s=u.every_s, tasks=u.tasks) for u in distilled.updates),
        references=tuple(plan_reference(reference) for reference in scenario.references),
    )
    return Planned(planned, site.placement if site else None)


def find_deployment(scenario: Scenario, name: str, diagnostics: Diagnostics) -> Deployment | None:
    by_name = {deployment.name: deployment for deployment in scenario.deployments}
    if name not in by_name:
        diagnostics.report("AIB401", None, name=name, hint=did_you_mean(name, by_name))
    return by_name.get(name)


def implemented(graph: Graph, diagnostics: Diagnostics, declared: Mapping[str, Span | None]) -> bool:
    """Reports every task and data set that the library only specifies. declared: where each task stands, before distilling combined any."""
    for task in graph.tasks:
        for stage in task.stages:
            if not spec_of(stage).implemented:
                diagnostics.report("AIB501", declared.get(stage.name, task.span), task=stage.name, component=stage.component)
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
    """(task, stage) → the one model that serves: the one distilling left, otherwise the first that the deployment's profile allows."""
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


def plan_steps(flow: Flow, tasks: Mapping[str, Task], models: Mapping[tuple[str, str], str]) -> tuple[p.Step, ...]:
    needed = on_the_way(flow)
    arm_of = fallback_arms(flow.graph.choices)
    return tuple(
        p.Step(
            task=name,
            kind="ai" if is_ai(tasks[name]) else "service",
            family=spec_of(tasks[name].stages[0]).family,
            stages=tuple(plan_stage(tasks[name], stage, models) for stage in tasks[name].stages),
            inputs=tuple(plan_inputs(tasks[name], flow.wires_into.get(name, ()), arm_of)),
            outputs=plan_ports(tasks[name].outputs),
            phase="response" if name in needed else "after",
        )
        for name in flow.order
    )


def on_the_way(flow: Flow) -> set[str]:
    """The tasks that the response needs: its producers, what decides about them, and in turn their producers and deciders."""
    waits: dict[str, set[str]] = defaultdict(set)
    for wire in flow.wires:
        waits[wire.target].add(wire.source)
    for decider, target, _ in control_edges(flow.graph):
        waits[target].add(decider)
    needed = {RESPONSE}
    todo = [RESPONSE]
    while todo:
        for name in waits[todo.pop()] - needed:
            needed.add(name)
            todo.append(name)
    return needed


def fallback_arms(choices: Iterable[Choice]) -> dict[str, set[tuple[str, int]]]:
    """task → the arms of fallbacks that it stands in."""
    arms: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for choice in choices:
        if isinstance(choice, Fallback):
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
    """Whether two of these tasks stand in different arms of one fallback, so that both may have run."""
    arms: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for choice, arm in arm_of.get(source, ()):
            arms[choice].add(arm)
    return any(len(numbers) > 1 for numbers in arms.values())


def response_parts(flow: Flow, tasks: Mapping[str, Task]) -> tuple[p.ResponsePart, ...]:
    """The ports of the response that are fed, each with all its producers; optional if some case of some class leaves it out."""
    parts: dict[str, list[Wire]] = defaultdict(list)
    for wire in flow.wires_into.get(RESPONSE, ()):
        parts[wire.target_port].append(wire)
    return tuple(
        p.ResponsePart(
            port=p.PlanPort(
                name=name,
                type=output_port(tasks[wires[0].source], wires[0].source_port).type,
                optional=not all(flow.producers(RESPONSE, name, case) for case in flow.cases),
            ),
            sources=tuple(plan_source(wire) for wire in wires),
        )
        for name, wires in parts.items()
    )


def output_port(task: Task, name: str) -> Port:
    return next(port for port in task.outputs if port.name == name)


def plan_choice(choice: Choice, tasks: Mapping[str, Task]) -> p.PlanChoice:
    match choice:
        case ExclusiveChoice(name=name, arms=arms):
            return p.PlanExclusiveChoice(name=name, arms=tuple(plan_exclusive_arm(arm) for arm in arms))
        case Fallback(name=name, arms=tried, until=until):
            counts = tuple(p.Source(task=task, port=until.ref.port) for task in until_tasks(choice, tasks) if task is not None)
            assert len(counts) == len(tried), f"validate let an arm of '{name}' without '{until.ref.port}' through"
            return p.PlanFallback(
                name=name,
                arms=tuple(p.PlanArm(share=arm.share) for arm in tried),
                until=p.PlanUntil(counts=counts, at_least=until.at_least),
            )


def plan_exclusive_arm(arm: ExclusiveArm) -> p.PlanExclusiveArm:
    return p.PlanExclusiveArm(share=arm.share, when=p.Source(task=arm.when.task, port=arm.when.port) if arm.when else None)


def place(steps: Sequence[p.Step], ports_from: int, diagnostics: Diagnostics) -> tuple[p.PlanService, ...]:
    """Everything on successive ports of this machine; () after a report."""
    services = p.local_services(steps, count(ports_from))
    if ports_from + len(services) - 1 > LAST_PORT:
        diagnostics.report("AIB402", None, count=len(services), first=ports_from)
        return ()
    return services


def note_removed_references(references: Iterable[Reference], graph: Graph, diagnostics: Diagnostics) -> None:
    stages = {stage.name for task in graph.tasks for stage in task.stages} | {task.name for task in graph.tasks}
    for reference in references:
        for item in reference.items:
            match item.quantity:
                case LatencyRatio(task=task) if task not in stages:
                    diagnostics.report("AIB405", reference.span, title=reference.title, task=task)


def deadlines_left(scenario: Scenario, graph: Graph, diagnostics: Diagnostics) -> bool:
    """Whether a request has a deadline; AIB422 where distilling removed all that had one, and something is asked of them."""
    if any(request.deadline_s is not None for request in graph.requests):
        return True
    asked = [name for name in scenario.frames if name != "jitter"] + [b.metric for b in scenario.slo if isinstance(b, ShareBound)]
    for name in dict.fromkeys(asked):
        lost = next(request for request in scenario.graph.requests if request.deadline_s is not None)
        diagnostics.report("AIB422", lost.span, metric=name, request=lost.name)
    return False


def plan_bound(bound: Bound) -> p.PlanSlo:
    match bound:
        case LatencyBound(percentile=percentile, below_ms=below_ms):
            return p.PlanBound(metric="latency", percentile=percentile, below_ms=below_ms)
        case ShareBound(metric=metric, below=below):
            return p.PlanShareBound(metric=metric, below=below)
        case JitterBound(below_ms=below_ms):
            return p.PlanJitterBound(below_ms=below_ms)


def quality_targets(graph: Graph) -> Iterator[p.PlanQuality]:
    for task in graph.tasks:
        for stage in task.stages:
            if stage.target is not None:
                yield p.PlanQuality(task=stage.name, metric=stage.target.metric, bound=stage.target.bound)


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


def plan_request(request: RequestClass, dataset: str) -> p.PlanRequest:
    """dataset: the catalogue's, that the class's own name stands for."""
    known = catalog.dataset(dataset)
    source = next((source for source in known.sources if source.name == request.source), None) if known else None
    return p.PlanRequest(
        name=request.name,
        share=request.share,
        dataset=request.dataset,
        source=request.source,
        ports=plan_ports(request.ports),
        once=source.once if source else False,
        pair_apart_s=source.pair_apart_s if source else None,
        clip=source.clip if source else 0,
        deadline_s=request.deadline_s,
    )


def plan_ports(ports: Iterable[Port]) -> tuple[p.PlanPort, ...]:
    return tuple(plan_port(port) for port in ports)


def plan_port(port: Port) -> p.PlanPort:
    return p.PlanPort(name=port.name, type=port.type, optional=port.optional, many=port.many)


def plan_load(load: Load) -> p.PlanLoad:
    duration, warmup, seed = load.duration_s, load.warmup_s, load.seed
    match load.arrivals:
        case Poisson(rate=rate):
            return p.PlanPoisson(rate=rate, duration_s=duration, warmup_s=warmup, seed=seed)
        case Constant(rate=rate):
            return p.PlanConstant(rate=rate, duration_s=duration, warmup_s=warmup, seed=seed)
        case Sessions(rate=rate, think_s=think):
            return p.PlanSessions(rate=rate, think_s=think, duration_s=duration, warmup_s=warmup, seed=seed)
        case Users(users=users, think_s=think):
            return p.PlanUsers(users=users, think_s=think, duration_s=duration, warmup_s=warmup, seed=seed)
        case Streams(streams=streams, rate=rate):
            return p.PlanStreams(streams=streams, rate=rate, duration_s=duration, warmup_s=warmup, seed=seed)
        case Trace() as trace:
            rate = sum(offset < load.end_s for offset in trace.offsets) / load.end_s
            return p.PlanTrace(trace=trace.file_name, mean_rate=rate, duration_s=duration, warmup_s=warmup, seed=seed)


def plan_reference(reference: Reference) -> p.PlanReference:
    items = tuple(p.PlanReferenceItem(quantity=plan_quantity(i.quantity), value=i.value, within=i.within) for i in reference.items)
    return p.PlanReference(title=reference.title, deployment=reference.deployment, fingerprint=reference.fingerprint, items=items)


def plan_quantity(quantity: LatencyPercentile | LatencyRatio | TimeFraction) -> p.PlanQuantity:
    match quantity:
        case LatencyPercentile(percentile=percentile):
            return p.PlanLatencyPercentile(percentile=percentile)
        case LatencyRatio(percentile=percentile, task=task):
            return p.PlanLatencyRatio(percentile=percentile, task=task)
        case TimeFraction(of=of):
            return p.PlanTimeFraction(of=of)
