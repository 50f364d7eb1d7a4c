"""A placed plan as rows: what `aibenchc plan` shows as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aibenchrt.deployment import PlanPart, parts
from aibenchrt.plan import Plan, PlanStage, Step
from aibenchrt.process_names import process_name

from aibenchc.placement.demands import TRITON_MIB
from aibenchc.placement.search import Placement


@dataclass(frozen=True)
class PartRow:
    """One replica. address: host:port, '' if it listens on nothing; an AI task has that of its host's Triton. serves: models or components.
    shards: of a search index. device: 'cpu', 'gpu 0', …. memory_mib, cores: what it is expected to take."""

    part: str
    kind: str
    replica: int
    host: str
    address: str
    serves: str
    shards: int | None
    device: str
    memory_mib: int
    cores: float


@dataclass(frozen=True)
class HostRow:
    """What a host has and how much of it is taken; None: the inventory gives no size. groups: those of the inventory that decide what it
    may take."""

    name: str
    address: str
    groups: tuple[str, ...]
    parts: int
    memory_mib: int
    has_memory_mib: int | None
    cores: float
    has_cores: float | None
    gpus: int
    has_gpus: int


@dataclass(frozen=True)
class Overview:
    scenario: str
    title: str
    deployment: str
    profile: str
    tls: bool
    hosts: tuple[HostRow, ...]
    parts: tuple[PartRow, ...]

    def on(self, host: str) -> tuple[PartRow, ...]:
        return tuple(row for row in self.parts if row.host == host)


def overview(plan: Plan, placement: Placement) -> Overview:
    """The planner first, Triton servers before what they serve, the generators last."""
    rows = tuple(part_rows(plan, placement))
    groups = {host.name: tuple(sorted(host.groups)) for host in placement.hosts}
    hosts = []
    for host in plan.hosts:
        here = [row for row in rows if row.host == host.name]
        hosts.append(
            HostRow(
                name=host.name,
                address=host.address,
                groups=groups[host.name],
                parts=len(here),
                memory_mib=sum(row.memory_mib for row in here),
                has_memory_mib=host.memory_mib,
                cores=round(sum(row.cores for row in here), 3),
                has_cores=host.cores,
                gpus=sum(row.device.startswith("gpu") for row in here),
                has_gpus=host.gpus,
            )
        )
    return Overview(plan.scenario, plan.title, plan.deployment, plan.profile, plan.tls, tuple(hosts), rows)


def part_rows(plan: Plan, placement: Placement) -> Iterator[PartRow]:
    steps = {step.task: step for step in plan.steps}
    processes = {(part.replicated, part.replica): part for part in parts(plan)}
    triton = {part.host: part for part in parts(plan) if part.kind == "triton"}
    served = set[str]()
    for placed in placement.placed:
        need, host = placed.need, placed.host.name
        if need.kind == "ai" and not served:
            yield from (triton_row(part) for part in triton.values())
            served.update(triton)
        process = triton[host] if need.kind == "ai" else processes[need.name, placed.replica]
        step = steps.get(need.name)
        yield PartRow(
            part=process_name(need.name, placed.replica),
            kind=need.kind,
            replica=placed.replica,
            host=host,
            address=process.endpoint,
            serves=", ".join(map(said, step.stages)) if step else "",
            shards=shards(step) if step else None,
            device="cpu" if placed.gpu is None else f"gpu {placed.gpu}",
            memory_mib=need.memory_mib,
            cores=need.millicores / 1000,
        )


def triton_row(part: PlanPart) -> PartRow:
    return PartRow(part.name, part.kind, part.replica, part.host, part.endpoint, "", None, "cpu", TRITON_MIB, 0.0)


def said(stage: PlanStage) -> str:
    return f"{stage.component} {stage.model}" if stage.model else stage.component


def shards(step: Step) -> int | None:
    counts = [int(stage.settings["shards"]) for stage in step.stages if "shards" in stage.settings]
    return sum(counts) if counts else None
