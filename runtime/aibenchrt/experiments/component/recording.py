"""What reaches one component inside its scenario, recorded: the requests of that component alone.

The scenario's plan runs in this process, by the planner's executor, on held-out requests, and stops where the component begins; so what
a component alone is asked is what it is asked inside, with the truth of the request that it came from.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aibenchrt.catalog import component
from aibenchrt.component import Ports
from aibenchrt.control.assets import Assets
from aibenchrt.datasets.payload import Payload
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.component.truth import TruthOf, component_truth
from aibenchrt.plan import Plan, PlanPort, PlanRequest, PlanStage
from aibenchrt.planner.capture import Capture, capture
from aibenchrt.planner.executor import Request
from aibenchrt.progress import Progress, silent
from aibenchrt.values import Value, Values

LEAST = 40  # number of payloads of every class, if there are enough
ONCE_SPARE = 1.5  # more payloads than requests are expected, where none may be sent twice
TRIALS = 8  # validation requests of every class that warm up


@dataclass(frozen=True)
class Reached:
    """The requests of one class that reached the component with the same ports fed.

    request: a class of its own whose ports are the component's inputs; share: of all requests that reach the component. feeds: (port of the
    request, input of the component); an input that takes several values has one port for each. payloads, trial: held-out and validation
    payloads.
    """

    request: PlanRequest
    feeds: tuple[tuple[str, str], ...]
    payloads: list[Payload]
    trial: list[Payload]


@dataclass(frozen=True)
class Recording:
    """calls_per_request: the fraction of the scenario's requests that reach the component."""

    classes: tuple[Reached, ...]
    calls_per_request: float


@dataclass
class _ClassCapture:
    """For one class of the scenario: how many requests ran, and which inputs arrived, grouped by the ports that were fed."""

    requests: int = 0
    arrived: dict[tuple[tuple[str, int], ...], list[Payload]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(map(len, self.arrived.values()))


def find_stage(plan: Plan, name: str, task: str | None = None) -> PlanStage | None:
    """The first stage of the component `name` in the plan, or the one that the spec calls `task`; None where there is none."""
    return next((stage for step in plan.steps for stage in step.stages if stage.component == name and task in (None, stage.name)), None)


def component_ports(stage: PlanStage) -> Ports:
    """The ports of the stage's component under its settings."""
    spec = component(stage.component)
    assert spec is not None, f"the plan names the component '{stage.component}', which there is not"
    return spec.ports_for(dict(stage.settings))


def record(plan: Plan, assets: Assets, stage: PlanStage, count: int, seed: int, progress: Progress = silent) -> Recording:
    """Requests for `stage` in isolation: about `count` payloads of all classes together, if the data have as many.

    EnvironmentFailure AIB643: no request reaches it. RuntimeError: a request failed on its way.
    """
    folders = {name: version.folder for name, version in assets.models.items()}
    truth_of = component_truth(stage.component, assets.world)
    captures: dict[str, tuple[_ClassCapture, _ClassCapture]] = {}
    with capture(plan, assets.world, folders, {stage.name}) as captured:
        for number, request in enumerate(plan.requests):
            spare = ONCE_SPARE if request.once else 1.0
            quotas = (max(LEAST, math.ceil(spare * count * request.share)), TRIALS)
            pools = (assets.payloads[request.name], assets.trial[request.name])
            both = []
            for quota, pool in zip(quotas, pools, strict=True):
                progress(f"recording the inputs of '{stage.name}'", number / len(plan.requests))
                size = request.together  # pairs and clips stay together and in order
                order = np.random.default_rng([seed, number]).permutation(len(pool) // size).tolist()
                drawn = [pool[size * k + place] for k in order for place in range(size)]
                both.append(asyncio.run(_capture(captured, request.name, drawn, quota, truth_of)))
            captures[request.name] = (both[0], both[1])
    progress(f"recording the inputs of '{stage.name}'", 1.0)
    return _recording(plan, stage, captures)


async def _capture(captured: Capture, request_class: str, pool: Sequence[Payload], quota: int, truth_of: TruthOf) -> _ClassCapture:
    """Runs requests one after the other until `quota` of them have arrived, so that what a cache holds does not depend on chance."""
    result = _ClassCapture()
    for number, payload in enumerate(pool):
        if result.count >= quota:
            break
        arrival = await captured.arrival(Request(number, request_class, dict(payload.values)))
        result.requests += 1
        if arrival is not None:
            inputs = arrival.inputs
            fed = tuple((port, len(value) if isinstance(value, list) else 0) for port, value in sorted(inputs.items()))
            mine = replace(payload, values=_flat(inputs), truth=truth_of(inputs, payload))
            result.arrived.setdefault(fed, []).append(mine)
    return result


def _flat(inputs: Values) -> dict[str, Value]:
    """Gives each of several values of one input a port of its own."""
    flat: dict[str, Value] = {}
    for port, value in inputs.items():
        if isinstance(value, list):
            flat |= {f"{port}_{k}": entry for k, entry in enumerate(value, start=1)}
        else:
            flat[port] = value
    return flat


def _recording(plan: Plan, stage: PlanStage, captures: Mapping[str, tuple[_ClassCapture, _ClassCapture]]) -> Recording:
    types = {port.name: port.type for port in component_ports(stage).inputs}
    spec = component(stage.component)
    keeps = spec is not None and spec.state is not None  # otherwise it answers a repeat like any other request
    per_request = {r.name: r.share * captures[r.name][0].count / max(1, captures[r.name][0].requests) for r in plan.requests}
    whole = sum(per_request.values())
    if not whole:
        count = sum(held.requests for held, _ in captures.values())
        raise EnvironmentFailure("AIB643", asked=count, scenario=plan.scenario, task=stage.name)
    classes = []
    for request in plan.requests:
        held, trial = captures[request.name]
        for number, (fed, payloads) in enumerate(sorted(held.arrived.items()), start=1):
            feeds = tuple((f"{port}_{k}", port) for port, many in fed for k in range(1, many + 1) if many)
            feeds += tuple((port, port) for port, many in fed if not many)
            classes.append(
                Reached(
                    PlanRequest(
                        name=request.name if len(held.arrived) == 1 else f"{request.name}_{number}",
                        share=per_request[request.name] * len(payloads) / held.count / whole,
                        dataset=request.dataset,
                        source=request.source,
                        ports=tuple(PlanPort(name=name, type=types[port]) for name, port in feeds),
                        once=request.once and keeps,
                    ),
                    feeds,
                    payloads,
                    trial.arrived.get(fed, []),
                )
            )
    return Recording(tuple(classes), whole)
