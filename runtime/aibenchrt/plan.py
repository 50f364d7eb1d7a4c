"""The plan: what the compiler emits and the runtime executes. JSON, versioned; the one schema both sides share.

The planner knows no scenario: everything it does stands here. What runs when is defined in the docstring of
aibenchc's graph module and repeated at Source, PlanExclusiveChoice and PlanFallback below.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aibenchrt.closed_loop import expected_rate
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.process_names import PLANNER, POSTGRESQL, TRITON

Percentile = Annotated[float, Field(gt=0, lt=100)]  # in percent, as 99 or 99.9


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
    """once, pair_apart_s, clip: of the source that its payloads come from (`RequestSource`).

    deadline_s: an answer is of use until so long after the intended time. Later: it is missed; none at all: it is dropped.
    """

    name: str
    share: float
    dataset: str
    source: str
    ports: tuple[PlanPort, ...]
    once: bool = False
    pair_apart_s: float | None = None
    clip: int = Field(default=0, ge=0)
    deadline_s: float | None = Field(default=None, gt=0)

    @property
    def together(self) -> int:
        """How many successive payloads make one unit, and are asked in order: a clip, a pair, or one."""
        return self.clip or (1 if self.pair_apart_s is None else 2)


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


class _Service(_Frozen):
    """A service and where it listens: replicas as host:port, and the names of their hosts in the same order (empty: this machine).

    memory_mib: expected memory of one replica, 0: not known. `name`: in each kind the service's name, for a task the task's.
    """

    endpoints: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    memory_mib: int = 0


class PlannerService(_Service):
    kind: Literal["planner"] = "planner"

    @property
    def name(self) -> str:
        return PLANNER


class TritonService(_Service):
    """Every Triton server. memory_mib: of one without models."""

    kind: Literal["triton"] = "triton"

    @property
    def name(self) -> str:
        return TRITON


class PostgresqlService(_Service):
    """The database server of the deployment."""

    kind: Literal["postgresql"] = "postgresql"

    @property
    def name(self) -> str:
        return POSTGRESQL


class TaskService(_Service):
    """A service task, which has processes of its own."""

    kind: Literal["service"] = "service"
    task: str

    @property
    def name(self) -> str:
        return self.task


class ServedTask(_Service):
    """An AI task and the Triton servers that serve it; without such an entry all of them do. memory_mib: of its models."""

    kind: Literal["ai"] = "ai"
    task: str

    @property
    def name(self) -> str:
        return self.task


PlanService = Annotated[PlannerService | TritonService | PostgresqlService | TaskService | ServedTask, Field(discriminator="kind")]


class PlanBound(_Frozen):
    """slo: latency percentile under a bound, in ms; p in percent, as 99 or 99.9."""

    metric: Literal["latency"]
    percentile: Percentile
    below_ms: float


class PlanShareBound(_Frozen):
    """slo: the share, in [0, 1], of requests that are answered after their deadline, or not at all, under a bound."""

    metric: Literal["missed", "dropped"]
    below: float = Field(gt=0, le=1)


class PlanJitterBound(_Frozen):
    """slo: the mean absolute difference of the latencies of consecutive frames of a stream under a bound, in ms."""

    metric: Literal["jitter"] = "jitter"
    below_ms: float = Field(gt=0)


PlanSlo = Annotated[PlanBound | PlanShareBound | PlanJitterBound, Field(discriminator="metric")]
FrameMetric = Literal["missed", "dropped", "jitter"]


class PlanQuality(_Frozen):
    """bound: what the metric must reach; of one where lower is better, what it must stay below."""

    task: str
    metric: str
    bound: float


class PlanPrediction(_Frozen):
    """The latency predicted from the distilled graph and the known service times alone, in ms, without queueing, transport and planner."""

    mean_ms: float
    p99_ms: float


class PlanLatencyPercentile(_Frozen):
    """A percentile of the whole path's latency, in ms."""

    kind: Literal["latency"] = "latency"
    percentile: Percentile


class PlanLatencyRatio(_Frozen):
    """A percentile of the whole path's latency over the same one of a task's."""

    kind: Literal["ratio"] = "ratio"
    percentile: Percentile
    task: str


class PlanTimeFraction(_Frozen):
    """The fraction of time in AI components, or in the others."""

    kind: Literal["time"] = "time"
    of: Literal["ai", "non_ai"]


PlanQuantity = Annotated[PlanLatencyPercentile | PlanLatencyRatio | PlanTimeFraction, Field(discriminator="kind")]


class PlanReferenceItem(_Frozen):
    """value: of the quantity, in its unit, a fraction in [0, 1]; within: relative tolerance in [0, 1]."""

    quantity: PlanQuantity
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
    """Fields of every load. duration_s: the measured phase, after warmup_s. `mean_rate` of each kind: requests/s to expect."""

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


class PlanStreams(_Load):
    """Streams, each of which sends its next frame at a fixed rate, whatever became of the one before. rate: frames/s of each stream.

    Frame k of a stream is due at its phase, drawn from [0, 1/rate), plus k/rate; its numbers go on through warm-up and measured phase.
    """

    arrival: Literal["streams"] = "streams"
    streams: int = Field(gt=0)
    rate: float = Field(gt=0)

    @property
    def mean_rate(self) -> float:
        return self.streams * self.rate


PlanLoad = Annotated[PlanPoisson | PlanConstant | PlanSessions | PlanUsers | PlanTrace | PlanStreams, Field(discriminator="arrival")]


def latency_bounds(plan: Plan) -> tuple[PlanBound, ...]:
    """Of its slo, what bounds a percentile of latency."""
    return tuple(bound for bound in plan.slo if isinstance(bound, PlanBound))


def think_s(load: PlanLoad) -> float:
    """Think time of the users of a closed loop; 0 for an open load, in which no request waits for an answer."""
    return load.think_s if isinstance(load, PlanUsers) else 0.0


class PlanLibrary(_Frozen):
    """A partner's library that the spec uses. name: of its entry point; distribution, version: the package that declares it."""

    name: str
    distribution: str
    version: str


class ServedStep(_Frozen):
    """step.json of a Triton model: the step that it serves, and the libraries that its components may come from."""

    libraries: tuple[PlanLibrary, ...]
    step: Step


class Plan(_Frozen):
    """graph_hash: wiring_hash of this plan; the planner refuses a plan whose edges have another hash.

    response: () if there is nothing to return, as in the benchmark of a component that only stores: sent when every step before it is done.
    hosts, generators (names of the hosts that query generators run on): empty when everything runs on this machine. tls: every connection
    is mutual TLS; without a valid certificate nothing answers. effect_timeout_s: what one call after the response may take; no client waits
    for it, so the request's own deadline does not bound it. prediction: None unless every service time is known. frame_metrics: what
    the spec's metrics name of frames; a report has all three, where there are deadlines and streams.
    """

    version: Literal[2] = 2
    scenario: str
    title: str
    deployment: str
    profile: Literal["small", "full"]
    seed: int
    graph_hash: str
    libraries: tuple[PlanLibrary, ...] = ()
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
    frame_metrics: tuple[FrameMetric, ...] = ()
    percentiles: tuple[Percentile, ...]
    slo: tuple[PlanSlo, ...]
    quality: tuple[PlanQuality, ...]
    update: tuple[PlanUpdate, ...]
    references: tuple[PlanReference, ...]
    prediction: PlanPrediction | None = None


def wiring_hash(
    requests: tuple[PlanRequest, ...], steps: tuple[Step, ...], choices: tuple[PlanChoice, ...], response: tuple[ResponsePart, ...]
) -> str:
    """sha256 (hex) of the distilled DAG as executed: which steps run, what feeds what, under which choice. Models and settings are not
    included."""
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


def local_services(steps: Iterable[Step], ports: Iterable[int]) -> tuple[PlanService, ...]:
    """The planner, Triton (its gRPC endpoint) if a step needs it, then every service task, each on the next port of 127.0.0.1."""
    here = ((f"127.0.0.1:{port}",) for port in ports)
    steps = tuple(steps)
    services: list[PlanService] = [PlannerService(endpoints=next(here))]
    if any(step.kind == "ai" for step in steps):
        services.append(TritonService(endpoints=next(here)))
    services += [TaskService(task=step.task, endpoints=next(here)) for step in steps if step.kind == "service"]
    return tuple(services)


def planner_endpoints(plan: Plan) -> tuple[str, ...]:
    return tuple(endpoint for service in plan.services if isinstance(service, PlannerService) for endpoint in service.endpoints)


def triton_endpoints(plan: Plan) -> tuple[str, ...]:
    return tuple(endpoint for service in plan.services if isinstance(service, TritonService) for endpoint in service.endpoints)


def task_endpoints(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Task → where it is served: a service where it runs, an AI task at the Triton servers that have it; () if the plan places it
    nowhere."""
    own = {service.task: service.endpoints for service in plan.services if isinstance(service, TaskService | ServedTask)}
    triton = triton_endpoints(plan)
    return {step.task: own.get(step.task, triton if step.kind == "ai" else ()) for step in plan.steps}


def step_json(plan: Plan, step: Step) -> str:
    """step.json of an AI step: a ServedStep."""
    return ServedStep(libraries=plan.libraries, step=step).model_dump_json(indent=1) + "\n"


def plan_hash(plan: Plan) -> str:
    """sha256 (hex) of the whole plan, including what does not affect the wiring."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def read_plan(path: Path) -> Plan:
    """EnvironmentFailure AIB675: there is none, or it is damaged, too large or of another version."""
    try:
        return read_json(path, Plan)
    except JsonFileError as error:
        raise EnvironmentFailure("AIB675", path=path, reason=error) from error
