"""A deployment and an inventory → the parts to place, and the placement in the plan's terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil

from aibenchrt import catalog
from aibenchrt import plan as p
from aibenchrt.component import ComponentSpec, Model
from aibenchrt.errors import install
from aibenchrt.process_names import GENERATOR, PLANNER, POSTGRESQL, process_name

from aibenchc.diagnostics import Diagnostics
from aibenchc.distill.branches import share_of
from aibenchc.flow import Flow
from aibenchc.model import Deployment, joined
from aibenchc.placement.demands import TRITON_MIB, Demand, Held, Kind, Rules, counted
from aibenchc.placement.inventory import Inventory
from aibenchc.placement.search import Placement, Shortfall, Undecided, place

LAST_PORT = 65535

# Measured together with `ComponentSpec.memory_mib` and `cpu_ms`, and rounded up in the same way.
PROCESS_MIB = 48  # the part of a component's memory that the Python process with gRPC takes
PLANNER_MIB, PLANNER_CALL_MS = 128, 0.7
GENERATOR_MIB, GENERATOR_REQUEST_MS = 192, 2.0
# PostgreSQL 15 over mutual TLS, MovieLens' users, 30 calls/s on two busy cores: 34 MiB (PSS) and 0.36 ms of CPU a call. To that comes what
# its shared buffers (128 MiB unless set) take once tables that fill them have been read, and 4 MiB for each further connection.
POSTGRESQL_MIB, POSTGRESQL_CALL_MS = 192, 0.5
MULTIPLY_ADDS_MS = 80.0  # millions of multiply-adds per ms and core: ONNX Runtime needs 47 ms for the 4,100 million of ResNet-50
LEAST_MILLICORES = 10  # of an idle process that answers health checks


@dataclass(frozen=True)
class Site:
    """Where every part of a plan runs. placement: also what each replica takes."""

    services: tuple[p.PlanService, ...]
    hosts: tuple[p.PlanHost, ...]
    generators: tuple[str, ...]
    placement: Placement


@dataclass(frozen=True)
class Requirements:
    """A deployment's requirements in terms of the plan's steps; sizes are by stage, since distilling may have combined several into one
    step."""

    replicas: Mapping[str, int]
    memory_mib: Mapping[str, int]
    cores: Mapping[str, float]
    gpu: frozenset[str]
    generators: int
    rules: Rules


def site_of(
    flow: Flow,
    steps: Sequence[p.Step],
    deployment: Deployment,
    load: p.PlanLoad,
    inventory: Inventory,
    ports_from: int,
    diagnostics: Diagnostics,
) -> Site | None:
    """None after a report: AIB402 (ports), AIB408 (it does not fit), AIB412 (replicas of what keeps state), AIB413 (contradiction), AIB419
    and AIB420 (whether it fits is not decided).

    Warns: AIB409 (another number of hosts), AIB410 (generators share hosts), AIB411 (a task that distilling removed), AIB414 (replicas
    share a host), AIB415 (GPUs are kept free, but not used), AIB423 (more replicas than streams).
    """
    before = diagnostics.errors
    required = requirements_of(steps, deployment, load, diagnostics)
    needs = tuple(needs_of(flow, steps, required, load, len(inventory.allowed("generators"))))
    check_state(steps, required, deployment, diagnostics)
    check_rules(required.rules, deployment, diagnostics)
    if diagnostics.errors > before:
        return None
    check_streams(steps, required, deployment, load, diagnostics)
    placement = place(needs, inventory, required.rules, held_of(needs, steps, inventory))
    if isinstance(placement, Shortfall | Undecided):
        report_unplaced(placement, deployment, inventory, diagnostics)
        return None
    warn(placement, deployment, inventory, required.generators, diagnostics)
    services = services_of(placement, inventory, ports_from, diagnostics)
    hosts = tuple(
        p.PlanHost(name=host.name, address=host.address, cores=host.cores, memory_mib=host.memory_mib, gpus=host.gpus)
        for host in inventory.hosts
    )
    return Site(services, hosts, tuple(replica.host.name for replica in placement.of(GENERATOR)), placement) if services else None


def report_unplaced(outcome: Shortfall | Undecided, deployment: Deployment, inventory: Inventory, diagnostics: Diagnostics) -> None:
    fields = {"name": deployment.name, "hosts": counted(len(inventory.hosts), "host"), "reason": outcome.reason}
    if isinstance(outcome, Shortfall):
        diagnostics.report("AIB408", deployment.span, notes=outcome.notes, **fields)
    elif outcome.installed:
        diagnostics.report("AIB419", deployment.span, notes=outcome.notes, **fields)
    else:
        diagnostics.report("AIB420", deployment.span, notes=outcome.notes, install=install("cluster"), **fields)


def requirements_of(steps: Sequence[p.Step], deployment: Deployment, load: p.PlanLoad, diagnostics: Diagnostics) -> Requirements:
    """Of generators no more than there are streams: a stream is sent by one."""
    step_of = {stage.name: step.task for step in steps for stage in step.stages} | {PLANNER: PLANNER, POSTGRESQL: POSTGRESQL}
    groups = (*deployment.apart, *deployment.together)
    sized = (*deployment.replicas, *deployment.memory_mib, *deployment.cores)
    for name in dict.fromkeys((*(name for name, _ in sized), *deployment.gpu, *(name for group in groups for name in group))):
        if name not in step_of:
            diagnostics.report("AIB411", deployment.span, name=deployment.name, task=name)
    replicas: dict[str, int] = defaultdict(int)
    for name, count in deployment.replicas:
        if name in step_of:
            replicas[step_of[name]] = max(count, replicas[step_of[name]])
    for group in deployment.apart:
        for first, second in combinations(group, 2):
            if first in step_of and step_of[first] == step_of.get(second):
                why = f"distilling combined them to '{step_of[first]}'"
                diagnostics.report("AIB413", deployment.span, one=first, other=second, why=why)
    apart, together = (
        tuple(frozenset(step_of[name] for name in group if name in step_of) for group in groups)
        for groups in (deployment.apart, deployment.together)
    )
    gpu = frozenset(step_of[name] for name in deployment.gpu if name in step_of)
    rules = Rules(apart, (*together, *sharing_state(steps).values()))
    generators = min(deployment.generators, load.streams) if isinstance(load, p.PlanStreams) else deployment.generators
    return Requirements(replicas, dict(deployment.memory_mib), dict(deployment.cores), gpu, generators, rules)


def sharing_state(steps: Sequence[p.Step]) -> dict[str, frozenset[str]]:
    """Name of a state kept on disk → the steps that keep it."""
    steps_of: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        for stage in step.stages:
            state = spec_of(stage).state_of(stage.settings)
            if state is not None:
                steps_of[state].add(step.task)
    return {state: frozenset(tasks) for state, tasks in steps_of.items()}


def spec_of(stage: p.PlanStage) -> ComponentSpec:
    spec = catalog.component(stage.component)
    assert spec is not None, f"the plan has the unknown component '{stage.component}'"
    return spec


def uses_postgresql(step: p.Step) -> bool:
    return any(stage.settings.get("engine") == POSTGRESQL for stage in step.stages)


def held_of(needs: Sequence[Demand], steps: Sequence[p.Step], inventory: Inventory) -> Held:
    """Where the replicas are according to the hosts. Replicas of a model are identical: they are numbered in the order of their hosts."""
    stages = {step.task: {stage.name for stage in step.stages} for step in steps}
    processes = ((need.name, replica) for need in needs if need.kind != "ai" for replica in range(need.replicas))
    units = {process_name(*process): process for process in processes}
    held: dict[tuple[str, int], str] = {}
    serving: dict[str, int] = defaultdict(int)
    for host in inventory.hosts:
        holding = inventory.held.get(host.name)
        for part in holding.parts if holding else ():
            if part.kind != "triton" and part.name in units:
                held[units[part.name]] = host.name
            for need in needs if part.kind == "triton" else ():
                if need.kind == "ai" and stages[need.name] <= part.stages.keys():
                    held[need.name, serving[need.name]] = host.name
                    serving[need.name] += 1
    return held


# Demands


def needs_of(flow: Flow, steps: Sequence[p.Step], required: Requirements, load: p.PlanLoad, generator_hosts: int) -> Iterator[Demand]:
    """The planner, the steps in order, PostgreSQL, and the generators: at most one for each host that may take one."""
    rate = load.mean_rate
    calls = {step.task: share_of(flow, flow.runs.get(step.task, 0)) for step in steps}
    by_stream = {step.task for step in steps if keeps_streams(step)}

    def need(name: str, kind: Kind, mib: int, ms_per_request: float, cores: float = 0.0) -> Demand:
        """cores: set by the author, for each replica; ms_per_request: CPU time over all replicas together."""
        replicas = required.replicas.get(name, 1)
        millicores = round(1000 * cores + rate * ms_per_request * busiest(replicas, load if name in by_stream else None))
        return Demand(name, kind, mib, max(LEAST_MILLICORES, millicores), replicas, name in required.gpu)

    def said(name: str, mib: int, ms: float) -> tuple[int, float, float]:
        cores = required.cores.get(name)
        return required.memory_mib.get(name, mib), 0.0 if cores is not None else ms, cores or 0.0

    yield need(PLANNER, "planner", *said(PLANNER, PLANNER_MIB, PLANNER_CALL_MS * max(1.0, sum(calls.values()))))
    for step in steps:
        stages = [said(stage.name, memory_mib(stage), calls[step.task] * call_ms(stage)) for stage in step.stages]
        mib = sum(stage[0] for stage in stages) - PROCESS_MIB * (len(stages) - 1)
        kind: Kind = "ai" if step.kind == "ai" else "service"
        yield need(step.task, kind, mib, sum(stage[1] for stage in stages), sum(stage[2] for stage in stages))
    asking = sum(calls[step.task] for step in steps if uses_postgresql(step))
    if any(uses_postgresql(step) for step in steps):
        yield need(POSTGRESQL, "postgresql", *said(POSTGRESQL, POSTGRESQL_MIB, POSTGRESQL_CALL_MS * asking))
    generators = max(1, min(required.generators, generator_hosts))
    millicores = max(LEAST_MILLICORES, round(rate * GENERATOR_REQUEST_MS * busiest(generators, load)))
    yield Demand(GENERATOR, "generator", GENERATOR_MIB, millicores, generators)


def busiest(replicas: int, load: p.PlanLoad | None) -> float:
    """The share of the requests that one of these gets at most. load: where each of its streams goes to one of them, else None."""
    if not isinstance(load, p.PlanStreams):
        return 1 / replicas
    return ceil(load.streams / replicas) / load.streams


def keeps_streams(step: p.Step) -> bool:
    """Whether a stage of it keeps a state for each stream, and tells them apart by an input of the step."""
    return any(
        feed.stage is None and feed.input == spec_of(stage).by_stream
        for stage in step.stages
        for feed in stage.feeds or [p.StageFeed(input=i.port.name, stage=None, port=i.port.name) for i in step.inputs]
    )


def call_ms(stage: p.PlanStage) -> float:
    """CPU time of one call."""
    return spec_of(stage).cpu_ms + sum(model.cost for model in models_of(stage)) / MULTIPLY_ADDS_MS


def memory_mib(stage: p.PlanStage) -> int:
    return spec_of(stage).memory_mib + sum(model.memory_mib for model in models_of(stage))


def models_of(stage: p.PlanStage) -> tuple[Model, ...]:
    """The model that serves each stage; none for a service."""
    return tuple(model for model in spec_of(stage).models if model.name == stage.model)


# Checks


def check_state(steps: Sequence[p.Step], required: Requirements, deployment: Deployment, diagnostics: Diagnostics) -> None:
    for state, tasks in sharing_state(steps).items():
        for task in sorted(tasks):
            if required.replicas.get(task, 1) > 1:
                diagnostics.report("AIB412", deployment.span, task=task, count=required.replicas[task], state=f"'{state}'")


def check_streams(
    steps: Sequence[p.Step], required: Requirements, deployment: Deployment, load: p.PlanLoad, diagnostics: Diagnostics
) -> None:
    """AIB423: more replicas, or generators, than streams."""
    if not isinstance(load, p.PlanStreams):
        return
    streams = load.streams
    for task, count in required.replicas.items():
        if count > streams and any(step.task == task and keeps_streams(step) for step in steps):
            parts = f"replicas of '{task}'"
            diagnostics.report("AIB423", deployment.span, count=count, parts=parts, streams=streams, setting="replicas")
    if (count := deployment.generators) > streams:
        diagnostics.report("AIB423", deployment.span, count=count, parts="query generators", streams=streams, setting="generators")


def check_rules(rules: Rules, deployment: Deployment, diagnostics: Diagnostics) -> None:
    """Reports AIB413 for parts declared apart that must share a host: by a `together`, by a common state, or because distilling combined
    them."""
    one_host = joined(rules.together)
    for group in rules.apart:
        for name, other in combinations(sorted(group), 2):
            if any(name in together and other in together for together in one_host):
                diagnostics.report("AIB413", deployment.span, one=name, other=other, why="they go together")


def warn(placement: Placement, deployment: Deployment, inventory: Inventory, generators_wanted: int, diagnostics: Diagnostics) -> None:
    hosts = len(inventory.hosts)
    if hosts != deployment.nodes:
        diagnostics.report("AIB409", deployment.span, name=deployment.name, nodes=deployment.nodes, hosts=hosts)
    generators = placement.of(GENERATOR)
    if not placement.alone and hosts > 1:
        names = ", ".join(f"'{replica.host.name}'" for replica in generators)
        diagnostics.report("AIB410", deployment.span, hosts=names)
    if len(generators) < generators_wanted:
        diagnostics.report("AIB416", deployment.span, wanted=generators_wanted, found=len(generators))
    together: dict[tuple[str, str], int] = defaultdict(int)
    for replica in placement.placed:
        together[replica.need.name, replica.host.name] += 1
    for (name, host), count in together.items():
        if count > 1:
            diagnostics.report("AIB414", deployment.span, count=count, name=name, host=host)
    for replica in placement.placed:
        if replica.gpu is not None:
            diagnostics.report("AIB415", deployment.span, name=replica.need.name, host=replica.host.name)


# The plan's terms


def services_of(placement: Placement, inventory: Inventory, ports_from: int, diagnostics: Diagnostics) -> tuple[p.PlanService, ...]:
    """A port for each thing that listens, the same on every host, Triton's the second; those of further replicas on one host follow all
    others. () after a report."""
    demands = tuple(dict.fromkeys(replica.need for replica in placement.placed))
    models = [demand for demand in demands if demand.kind == "ai"]
    listening = [demand for demand in demands if demand.kind not in ("ai", "generator")]
    further = ports_from + len(listening) + bool(models)
    services = []
    for number, demand in enumerate(listening):
        ends, seen = [], set[str]()
        for replica in placement.of(demand.name):
            port = ports_from + number + (number > 0 and bool(models))
            if replica.host.name in seen:
                port, further = further, further + 1
            seen.add(replica.host.name)
            ends.append((replica.host.name, replica.host.address, port))
        services.append(service(demand, ends))
    if models:
        port, serving = ports_from + 1, {replica.host.name for replica in placement.placed if replica.need.kind == "ai"}
        hosts = [host for host in inventory.hosts if host.name in serving]
        endpoints = tuple(f"{host.address}:{port}" for host in hosts)
        services.insert(1, p.TritonService(endpoints=endpoints, hosts=tuple(host.name for host in hosts), memory_mib=TRITON_MIB))
        order = {host.name: number for number, host in enumerate(inventory.hosts)}
        for demand in models:
            on = sorted(placement.of(demand.name), key=lambda replica: order[replica.host.name])  # replicas of a model are identical
            services.append(service(demand, [(replica.host.name, replica.host.address, port) for replica in on]))
    if further - 1 > LAST_PORT:
        diagnostics.report("AIB402", None, count=further - ports_from, first=ports_from)
        return ()
    return tuple(services)


def service(demand: Demand, ends: Sequence[tuple[str, str, int]]) -> p.PlanService:
    """ends: (host, address, port) of each replica. ValueError: of the generators, which listen on nothing."""
    endpoints = tuple(f"{address}:{port}" for _, address, port in ends)
    hosts, name, memory = tuple(host for host, _, _ in ends), demand.name, demand.memory_mib
    match demand.kind:
        case "planner":
            return p.PlannerService(endpoints=endpoints, hosts=hosts, memory_mib=memory)
        case "postgresql":
            return p.PostgresqlService(endpoints=endpoints, hosts=hosts, memory_mib=memory)
        case "service":
            return p.TaskService(task=name, endpoints=endpoints, hosts=hosts, memory_mib=memory)
        case "ai":
            return p.ServedTask(task=name, endpoints=endpoints, hosts=hosts, memory_mib=memory)
        case "generator":
            raise ValueError("a query generator listens on nothing")
