"""Plan → playbooks and roles that deploy the scenario on a systemd host, load it and collect the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from aibenchrt.plan import Plan, PlanService

from aibenchc.emit.artifact import Artifact
from aibenchc.emit.templates import Fit, render, word, yaml, yaml_word

FILES = (
    "ansible.cfg",
    "inventory.example.ini",
    "site.yml",
    "deploy.yml",
    "load.yml",
    "collect.yml",
    "group_vars/all.yml",
    "roles/base/tasks/main.yml",
    "roles/service/tasks/main.yml",
    "roles/service/handlers/main.yml",
    "roles/service/templates/task.service.j2",
    "roles/planner/tasks/main.yml",
    "roles/planner/handlers/main.yml",
    "roles/planner/templates/planner.service.j2",
    "roles/query_generator/tasks/main.yml",
    "roles/query_generator/handlers/main.yml",
    "roles/records/tasks/main.yml",
)
TRITON_FILES = (
    "ansible.cfg",
    "roles/triton/tasks/main.yml",
    "roles/triton/handlers/main.yml",
    "roles/triton/templates/triton.service.j2",
)


@dataclass(frozen=True)
class PartView:
    """Something that listens on host:listens."""

    name: Fit
    host: Fit
    listens: int
    address: Fit


@dataclass(frozen=True)
class AnsibleView:
    scenario: Fit  # for comments and paths
    name: Fit  # the same, as a YAML string
    title: Fit
    roles: tuple[Fit, ...]
    tasks: tuple[PartView, ...]
    parts: tuple[PartView, ...]
    planner: Fit
    triton: PartView | None
    has_triton: bool
    warmup_s: float
    duration_s: float
    think_s: float


def emit_ansible(plan: Plan) -> Iterator[Artifact]:
    view = ansible_view(plan)
    for name in (*FILES, *(TRITON_FILES if view.has_triton else ())):
        yield Artifact(PurePosixPath("ansible", name), render(f"ansible/{name}", view))


def ansible_view(plan: Plan) -> AnsibleView:
    parts = {service.task: part_view(service) for service in plan.services}
    triton = parts.get("triton")
    roles = ["base", *(["triton"] if triton else []), "service", "planner"]
    return AnsibleView(
        scenario=word(plan.scenario),
        name=yaml_word(plan.scenario),
        title=yaml(plan.title),
        roles=tuple(word(role) for role in roles),
        tasks=tuple(part for name, part in parts.items() if name not in ("planner", "triton")),
        parts=tuple(parts.values()),
        planner=parts["planner"].address,
        triton=triton,
        has_triton=triton is not None,
        warmup_s=plan.load.warmup_s,
        duration_s=plan.load.duration_s,
        think_s=plan.load.think_s or 0.0,
    )


def part_view(service: PlanService) -> PartView:
    """The first replica: a host takes one of each."""
    address = service.endpoints[0]
    host, _, listens = address.rpartition(":")
    return PartView(yaml_word(service.task), yaml_word(host), int(listens), yaml_word(address))
