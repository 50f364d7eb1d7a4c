"""What a plan becomes on its hosts: the processes, and what each host holds once the plan is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.plan import (
    Plan,
    PlannerService,
    PlanService,
    PostgresqlService,
    ServedTask,
    TaskService,
    TritonService,
    plan_hash,
    task_endpoints,
)
from aibenchrt.process_names import GENERATOR, process_name


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PartKind = Literal["planner", "triton", "service", "postgresql", "generator"]


class PlanPart(_Frozen):
    """One process of a deployment. name: of its unit, which is `replicated` with `-<replica>` from replica 1 on; host '': this machine;
    listens 0: on nothing; memory_mib: its expected memory, 0: not known."""

    replicated: str
    kind: PartKind
    replica: int = 0
    host: str = ""
    address: str = ""
    listens: int = 0
    memory_mib: int = 0

    @property
    def name(self) -> str:
        return process_name(self.replicated, self.replica)

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.listens}" if self.listens else ""


class TaskPart(PlanPart):
    """A process of a service task."""

    kind: Literal["service"] = "service"

    @property
    def task(self) -> str:
        return self.replicated


def parts(plan: Plan) -> tuple[PlanPart, ...]:
    """Every process of the plan in the order of its services, the query generators last. An AI task has no process of its own: Triton
    serves it."""
    addresses = {host.name: host.address for host in plan.hosts}
    generators = (
        PlanPart(replicated=GENERATOR, kind="generator", replica=number, host=host, address=addresses[host])
        for number, host in enumerate(plan.generators)
    )
    return (*(part for service in plan.services for part in _parts_of(plan, service)), *generators)


def _parts_of(plan: Plan, service: PlanService) -> Iterator[PlanPart]:
    for replica, endpoint in enumerate(service.endpoints):
        address, _, port = endpoint.rpartition(":")
        host, listens, memory = service.hosts[replica] if service.hosts else "", int(port), service.memory_mib
        match service:
            case ServedTask():
                return
            case TaskService(task=task):
                yield TaskPart(replicated=task, replica=replica, host=host, address=address, listens=listens, memory_mib=memory)
            case PlannerService(name=name, kind=kind) | TritonService(name=name, kind=kind) | PostgresqlService(name=name, kind=kind):
                memory += models_mib(plan, endpoint) if isinstance(service, TritonService) else 0
                yield PlanPart(replicated=name, kind=kind, replica=replica, host=host, address=address, listens=listens, memory_mib=memory)


def models_mib(plan: Plan, endpoint: str) -> int:
    """The expected memory of the models of the Triton server at an endpoint."""
    memory = {service.task: service.memory_mib for service in plan.services if isinstance(service, ServedTask)}
    return sum(memory.get(task, 0) for task in tasks_at(plan, endpoint))


def tasks_at(plan: Plan, endpoint: str) -> tuple[str, ...]:
    """The AI tasks that the Triton server at an endpoint serves, in the order of the steps."""
    served = task_endpoints(plan)
    return tuple(step.task for step in plan.steps if step.kind == "ai" and endpoint in served[step.task])


class DeployedStage(_Frozen):
    component: str
    model: str | None = None
    settings: dict[str, str | int] = {}


class DeployedPart(_Frozen):
    """name: of its unit; address: host:port, '' where it listens on nothing; memory_mib: as in PlanPart; stages: those that it runs; for
    Triton those of all its tasks."""

    name: str
    kind: PartKind
    address: str = ""
    memory_mib: int = 0
    stages: dict[str, DeployedStage] = {}


class Deployed(_Frozen):
    """What a host holds of a scenario: /var/lib/aibench/<scenario>/deployed.json, written at the end of a deployment.

    plan: sha256 of the plan, `plan_hash`. archives: what was shipped to this host, name → name with its content hash; added by the
    playbook, as the compiler does not know them.
    """

    version: Literal[1] = 1
    scenario: str
    deployment: str
    host: str
    plan: str
    tls: bool
    parts: tuple[DeployedPart, ...]
    archives: dict[str, str] = {}


def deployed(plan: Plan) -> dict[str, Deployed]:
    """Host → what it holds once the plan is deployed; a host without a part is there too. '' is this machine."""
    digest = plan_hash(plan)
    parts_of: dict[str, list[DeployedPart]] = {host.name: [] for host in plan.hosts} or {"": []}
    stages = {step.task: step.stages for step in plan.steps}
    for part in parts(plan):
        tasks = (part.task,) if isinstance(part, TaskPart) else tasks_at(plan, part.endpoint)
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
