"""The plan: what the compiler emits and the runtime executes. JSON, versioned; the one schema both sides share.

The planner knows no scenario: everything it does stands here. What runs when is defined in the docstring of
aibenchc's graph module and repeated at Source, PlanExclusiveChoice and PlanFallback below.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aibenchrt.closed_loop import expected_rate
from aibenchrt.process_names import GENERATOR, process_name


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanPort(_Frozen):
    name: str
    type: str
    optional: bool = False
    many: bool = False


class PlanGuard(_Frozen):
    choice: str
    arm: int


class Source(_Frozen):
    """One producer of an input: output `port` of request class or task `task`, live while it runs and all guards hold."""

    task: str
    port: str
    guards: tuple[PlanGuard, ...] = ()


class Input(_Frozen):
    """An input port and its producers, in edge order. At most one is live in a case, unless the port is `many`, or the live ones
    are arms of one fallback (`concat`): then the repeated fields of their values are concatenated, Counts are added."""

    port: PlanPort
    sources: tuple[Source, ...]
    concat: bool = False


class StageFeed(_Frozen):
    input: str
    stage: str | None
    port: str


class PlanStage(_Frozen):
    """One component at work; `model`: the one model that serves, None for a service."""

    name: str
    component: str
    kind: Literal["ai", "service"]
    settings: dict[str, str | int] = {}
    model: str | None = None
    feeds: tuple[StageFeed, ...] = ()


class Step(_Frozen):
    """One task: one hop. It runs when a source of some input is live and every required input has a live one; else it is skipped.

    phase after: nothing on the way to the response needs it, so it starts when the response has been sent.
    """

    task: str
    kind: Literal["ai", "service"]
    family: str
    stages: tuple[PlanStage, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[PlanPort, ...]
    phase: Literal["response", "after"] = "response"


class PlanArm(_Frozen):
    share: float


class PlanExclusiveArm(PlanArm):
    when: Source | None = None


class PlanUntil(_Frozen):
    """Per arm the Count port that is summed; the next arm is tried while the sum is below at_least."""

    counts: tuple[Source, ...]
    at_least: float


class PlanExclusiveChoice(_Frozen):
    """The first arm whose `when` flag is true, else the arm without `when`; with no `when` at all a draw with the arms' shares, seeded by
    (plan seed, request id, choice name)."""

    name: str
    kind: Literal["one"] = "one"
    arms: tuple[PlanExclusiveArm, ...]

    @property
    def flags(self) -> tuple[Source, ...]:
        return tuple(arm.when for arm in self.arms if arm.when)


class PlanFallback(_Frozen):
    """Arm k is tried when arms 0..k-1 are done and `until` is not yet met."""

    name: str
    kind: Literal["first"] = "first"
    arms: tuple[PlanArm, ...]
    until: PlanUntil


PlanChoice = Annotated[PlanExclusiveChoice | PlanFallback, Field(discriminator="kind")]


class PlanRequest(_Frozen):
    name: str
    share: float
    dataset: str
    source: str
    ports: tuple[PlanPort, ...]


class ResponsePart(_Frozen):
    """One port of the response. required: arrives in every case of every class."""

    port: PlanPort
    sources: tuple[Source, ...]


class PlanHost(_Frozen):
    """A machine that parts are placed on. address: where its parts listen and are called. None: the inventory does not say."""

    name: str
    address: str
    cores: float | None = None
    memory_mib: int | None = None
    gpus: int = 0


class PlanService(_Frozen):
    """Where something listens: replicas as host:port, and the names of their hosts in the same order (empty: this machine).

    task: a service task; 'planner'; 'triton', every Triton server; an AI task, those of them that serve it (no entry: all of them);
    'postgresql', the database server. memory_mib: what one replica is expected to take, of 'triton' a server without models, of an AI
    task its model in a server; 0: not known.
    """

    task: str
    endpoints: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    memory_mib: int = 0


PartKind = Literal["planner", "triton", "service", "postgresql", "generator"]


class PlanPart(_Frozen):
    """One process of a deployment. name: of its unit, with `-<replica>` from replica 1 on; host '': this machine; listens 0: on nothing;
    memory_mib: what it is expected to take, 0: not known."""

    name: str
    task: str
    kind: PartKind
    replica: int = 0
    host: str = ""
    address: str = ""
    listens: int = 0
    memory_mib: int = 0

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.listens}" if self.listens else ""


class PlanBound(_Frozen):
    """slo: latency percentile under a bound, in ms; p in percent, as 99 or 99.9."""

    metric: Literal["latency"]
    percentile: float
    below_ms: float


class PlanQuality(_Frozen):
    """bound: what the metric must reach; of one where lower is better, what it must stay below."""

    task: str
    metric: str
    bound: float


class PlanPrediction(_Frozen):
    """What the distilled graph and the known service times alone suggest: latency in ms without queueing, transport and planner."""

    mean_ms: float
    p99_ms: float


class PlanReferenceItem(_Frozen):
    """absolute: a percentile of latency in ms; ratio: whole-path percentile over a task's; share: of time in ai or non_ai components."""

    kind: Literal["absolute", "ratio", "share"]
    percentile: float | None = None
    task: str | None = None
    of: Literal["ai", "non_ai"] | None = None
    value: float
    within: float


class PlanReference(_Frozen):
    title: str
    deployment: str
    fingerprint: str | None = None
    items: tuple[PlanReferenceItem, ...]


class PlanUpdate(_Frozen):
    frequency: str
    every_s: float
    tasks: tuple[str, ...]


class _Load(_Frozen):
    """What every load has. duration_s: measured, after warmup_s that are not. `mean_rate` of each kind: requests/s to expect."""

    duration_s: float = Field(gt=0)
    warmup_s: float = Field(ge=0)
    seed: int


class PlanPoisson(_Load):
    """rate: requests/s, as of the other kinds that have one."""

    arrival: Literal["poisson"] = "poisson"
    rate: float = Field(gt=0)

    @property
    def mean_rate(self) -> float:
        return self.rate


class PlanConstant(_Load):
    arrival: Literal["constant"] = "constant"
    rate: float = Field(gt=0)

    @property
    def mean_rate(self) -> float:
        return self.rate


class PlanSessions(_Load):
    """Users who arrive, ask, and turn the pages of what they got. rate: of all their requests; think_s: the median time between two."""

    arrival: Literal["sessions"] = "sessions"
    rate: float = Field(gt=0)
    think_s: float = Field(ge=0)

    @property
    def mean_rate(self) -> float:
        return self.rate


class PlanUsers(_Load):
    """A closed loop: each of the users waits for the answer, thinks for think_s, and asks again."""

    arrival: Literal["users"] = "users"
    users: int = Field(gt=0)
    think_s: float = Field(ge=0)

    @property
    def mean_rate(self) -> float:
        return expected_rate(self.users, self.think_s)


class PlanTrace(_Load):
    """trace: a file of offsets beside the plan; mean_rate: of those that lie in the warm-up and the measured phase as compiled."""

    arrival: Literal["trace"] = "trace"
    trace: str
    mean_rate: float = Field(gt=0)


PlanLoad = Annotated[PlanPoisson | PlanConstant | PlanSessions | PlanUsers | PlanTrace, Field(discriminator="arrival")]


def think_s(load: PlanLoad) -> float:
    """How long a user of the closed loop thinks; 0 of an open load, in which no request waits for an answer."""
    return load.think_s if isinstance(load, PlanUsers) else 0.0


class Plan(_Frozen):
    """graph_hash: wiring_hash of this very plan; the planner refuses a plan whose edges do not give it.

    response: () where there is nothing to say, as of a component alone that only stores: answered when every step before it is done.
    hosts, generators (names of the hosts that query generators run on): empty when everything runs on this machine.
    tls: every connection is mutual TLS; without a valid certificate nothing answers. effect_timeout_s: what one call after the response
    may take; no client waits for it, so the request's own deadline does not bound it. prediction: None unless every service time is known.
    """

    version: Literal[2] = 2
    scenario: str
    title: str
    deployment: str
    profile: Literal["small", "full"]
    seed: int
    graph_hash: str
    datasets: dict[str, str]
    requests: tuple[PlanRequest, ...]
    steps: tuple[Step, ...]
    choices: tuple[PlanChoice, ...]
    response: tuple[ResponsePart, ...]
    services: tuple[PlanService, ...]
    hosts: tuple[PlanHost, ...] = ()
    generators: tuple[str, ...] = ()
    tls: bool = False
    effect_timeout_s: float = 10.0
    load: PlanLoad
    metrics: tuple[str, ...]
    percentiles: tuple[float, ...]
    slo: tuple[PlanBound, ...]
    quality: tuple[PlanQuality, ...]
    update: tuple[PlanUpdate, ...]
    references: tuple[PlanReference, ...]
    prediction: PlanPrediction | None = None


def wiring_hash(
    requests: tuple[PlanRequest, ...], steps: tuple[Step, ...], choices: tuple[PlanChoice, ...], response: tuple[ResponsePart, ...]
) -> str:
    """sha256 (hex) of the distilled DAG as executed: who runs, who feeds whom, under which choice. Models and settings are not part."""
    wiring = {
        "requests": [[r.name, r.share, [p.model_dump() for p in r.ports]] for r in requests],
        "steps": [
            {
                "task": step.task,
                "stages": [[s.name, s.component, [f.model_dump() for f in s.feeds]] for s in step.stages],
                "inputs": [i.model_dump() for i in step.inputs],
                "outputs": [p.model_dump() for p in step.outputs],
                "phase": step.phase,
            }
            for step in steps
        ],
        "choices": [c.model_dump() for c in choices],
        "response": [r.model_dump() for r in response],
    }
    return hashlib.sha256(json.dumps(wiring, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def service_of(plan: Plan, step: Step) -> PlanService | None:
    """Who serves a step: the service of its name, else for an AI step every Triton server."""
    by_task = {service.task: service for service in plan.services}
    return by_task.get(step.task) or (by_task.get("triton") if step.kind == "ai" else None)


def parts(plan: Plan) -> tuple[PlanPart, ...]:
    """Every process of the plan in the order of its services, the query generators last. An AI task is none: Triton serves it."""
    kinds: dict[str, PartKind] = {"planner": "planner", "triton": "triton", "postgresql": "postgresql"}
    ai = {step.task for step in plan.steps if step.kind == "ai"}
    rows = []
    for service in plan.services:
        if service.task in ai:
            continue
        for number, endpoint in enumerate(service.endpoints):
            address, _, listens = endpoint.rpartition(":")
            rows.append(
                PlanPart(
                    name=process_name(service.task, number),
                    task=service.task,
                    kind=kinds.get(service.task, "service"),
                    replica=number,
                    host=service.hosts[number] if service.hosts else "",
                    address=address,
                    listens=int(listens),
                    memory_mib=service.memory_mib + (models_mib(plan, endpoint) if service.task == "triton" else 0),
                )
            )
    addresses = {host.name: host.address for host in plan.hosts}
    for number, host in enumerate(plan.generators):
        name = process_name(GENERATOR, number)
        rows.append(PlanPart(name=name, task="generator", kind="generator", replica=number, host=host, address=addresses[host]))
    return tuple(rows)


def models_mib(plan: Plan, endpoint: str) -> int:
    """What the models of the Triton server at an endpoint are expected to take."""
    memory = {service.task: service.memory_mib for service in plan.services}
    return sum(memory.get(task, 0) for task in tasks_at(plan, endpoint))


def tasks_at(plan: Plan, endpoint: str) -> tuple[str, ...]:
    """The AI tasks that the Triton server at an endpoint serves, in the order of the steps."""
    return tuple(
        step.task
        for step in plan.steps
        if step.kind == "ai" and (service := service_of(plan, step)) is not None and endpoint in service.endpoints
    )


class DeployedStage(_Frozen):
    component: str
    model: str | None = None
    settings: dict[str, str | int] = {}


class DeployedPart(_Frozen):
    """name: of its unit; address: host:port, '' where it listens on nothing; memory_mib: as of a PlanPart; stages: what it runs, of Triton
    all of its tasks'."""

    name: str
    kind: PartKind
    address: str = ""
    memory_mib: int = 0
    stages: dict[str, DeployedStage] = {}


class Deployed(_Frozen):
    """What a host holds of a scenario: /var/lib/aibench/<scenario>/deployed.json, written at the end of a deployment.

    plan: sha256 of the plan, `plan_hash`. archives: what was shipped to this host, name → name with its content hash; the compiler
    knows none of them, the playbook adds them.
    """

    version: Literal[1] = 1
    scenario: str
    deployment: str
    host: str
    plan: str
    tls: bool
    parts: tuple[DeployedPart, ...]
    archives: dict[str, str] = {}


def plan_hash(plan: Plan) -> str:
    """sha256 (hex) of the whole plan: whatever changes it changes what the planner does."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def deployed(plan: Plan) -> dict[str, Deployed]:
    """Host → what it holds once the plan is deployed; a host without a part is there too. '' is this machine."""
    digest = plan_hash(plan)
    parts_of: dict[str, list[DeployedPart]] = {host.name: [] for host in plan.hosts} or {"": []}
    stages = {step.task: step.stages for step in plan.steps}
    for part in parts(plan):
        tasks = tasks_at(plan, part.endpoint) if part.kind == "triton" else (part.task,)
        runs = {
            stage.name: DeployedStage(component=stage.component, model=stage.model, settings=stage.settings)
            for task in tasks
            for stage in stages.get(task, ())
        }
        parts_of[part.host].append(
            DeployedPart(name=part.name, kind=part.kind, address=part.endpoint, memory_mib=part.memory_mib, stages=runs)
        )
    return {
        host: Deployed(scenario=plan.scenario, deployment=plan.deployment, host=host, plan=digest, tls=plan.tls, parts=tuple(held))
        for host, held in parts_of.items()
    }


def read_plan(path: Path) -> Plan:
    """Raises pydantic.ValidationError where the file is not a plan of this version."""
    return Plan.model_validate_json(path.read_bytes())
