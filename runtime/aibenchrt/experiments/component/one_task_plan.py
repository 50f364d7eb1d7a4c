"""The plan of a component benchmark: a scenario of one task, executed by the same planner, service host or Triton, and load generator."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import count

from aibenchrt.answers import known_truth, shown_by
from aibenchrt.catalog import component
from aibenchrt.experiments.component.recording import Reached, Recording, component_ports
from aibenchrt.load.schedule import samples_needed
from aibenchrt.metrics import metric
from aibenchrt.plan import (
    Input,
    Plan,
    PlanLoad,
    PlanPoisson,
    PlanPort,
    PlanStage,
    PlanUsers,
    ResponsePart,
    Source,
    Step,
    local_services,
    wiring_hash,
)

PERCENTILES = (50.0, 90.0, 99.0)
MARGIN = 1.2  # a percentile is requested if this multiple of the requests that it needs is expected


class Mode(Enum):
    """As MLPerf's LoadGen has them (Reddi et al. 2020, MLPerf Inference Benchmark, section IV): offline, single stream, server."""

    OFFLINE = "offline"  # a fixed number in flight: throughput
    SINGLE = "single stream"  # each request is sent when the one before is answered: latency without queueing
    OPEN = "open loop"  # Poisson: latency from the intended time, including queueing


def load_of(mode: Mode, scenario: PlanLoad, rate: float, in_flight: int, duration_s: float, warmup_s: float) -> PlanLoad:
    """rate: requests a second of the open loop. The seed is the scenario's."""
    if mode is Mode.OPEN:
        return PlanPoisson(rate=rate, duration_s=duration_s, warmup_s=warmup_s, seed=scenario.seed)
    users = in_flight if mode is Mode.OFFLINE else 1
    return PlanUsers(users=users, think_s=0.0, duration_s=duration_s, warmup_s=warmup_s, seed=scenario.seed)


def percentiles_for(expected: float) -> tuple[float, ...]:
    """Those of p50, p90 and p99 for which this many requests are enough; p50 at least."""
    return tuple(p for p in PERCENTILES if enough_for(p) <= expected) or PERCENTILES[:1]


def enough_for(percentile: float) -> float:
    """Requests to expect before a percentile is asked for."""
    return samples_needed(percentile) * MARGIN


def one_task_plan(
    scenario: Plan, stage: PlanStage, recording: Recording, load: PlanLoad, percentiles: tuple[float, ...], ports_from: int
) -> Plan:
    """A plan with this stage, its settings and its model as the only task. The response holds all of its outputs; without outputs it only
    tells that the stage is done."""
    spec = component(stage.component)
    assert spec is not None
    ports = component_ports(stage)
    classes = recording.classes
    requests = tuple(captured.request for captured in classes)
    outputs = tuple(PlanPort(name=port.name, type=port.type, optional=port.optional, many=port.many) for port in ports.outputs)
    inputs = tuple(
        Input(port=PlanPort(name=port.name, type=port.type, optional=port.optional, many=port.many), sources=_sources(classes, port.name))
        for port in ports.inputs
    )
    step = Step(
        task=stage.name,
        kind=stage.kind,
        family=spec.family,
        stages=(stage.model_copy(update={"feeds": ()}),),
        inputs=inputs,
        outputs=outputs,
    )
    response = tuple(ResponsePart(port=port, sources=(Source(task=stage.name, port=port.name),)) for port in outputs)
    return Plan(
        scenario=f"{scenario.scenario}_{stage.name}",
        title=f"component benchmark of {stage.component}, as task '{stage.name}' of {scenario.title}",
        deployment=scenario.deployment,
        profile=scenario.profile,
        seed=scenario.seed,
        graph_hash=wiring_hash(requests, (step,), (), response),
        libraries=scenario.libraries,
        datasets={name: spec for name, spec in scenario.datasets.items() if name in {request.dataset for request in requests}},
        requests=requests,
        steps=(step,),
        choices=(),
        response=response,
        services=local_services((step,), count(ports_from)),
        load=load,
        metrics=metrics_of(scenario, stage, classes),
        percentiles=percentiles,
        slo=(),
        quality=tuple(target for target in scenario.quality if target.task == stage.name),
        update=(),
        references=(),
    )


def metrics_of(scenario: Plan, stage: PlanStage, classes: Sequence[Reached]) -> tuple[str, ...]:
    """The metrics of the answers: the component's own, otherwise the scenario's, as far as the answers are of the metric's type
    and the requests have its truth."""
    spec = component(stage.component)
    assert spec is not None
    shown = shown_by(port.type for port in component_ports(stage).outputs)
    known = frozenset[str]().union(*(known_truth(payload.truth) for captured in classes for payload in captured.payloads))

    def scored(names: Sequence[str]) -> tuple[str, ...]:
        rows = {name: metric(name) for name in names}
        return tuple(name for name, row in rows.items() if row is not None and row.answer in shown and row.truth in known)

    if spec.state is not None:  # it answers with what it has stored, and in isolation it has stored nothing
        return scored(spec.metrics)
    return scored(spec.metrics) or scored(scenario.metrics)


def _sources(classes: Sequence[Reached], port: str) -> tuple[Source, ...]:
    return tuple(Source(task=r.request.name, port=name) for r in classes for name, into in r.feeds if into == port)
