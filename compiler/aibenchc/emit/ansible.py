"""Plan → playbooks and roles that deploy the scenario on systemd hosts, load it, collect the records and take everything away again."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from aibenchrt.catalog import component
from aibenchrt.deployment import PartKind, PlanPart, TaskPart, parts
from aibenchrt.plan import Plan, PlanStage, think_s
from aibenchrt.process_names import GENERATOR, HOST_WATCH

from aibenchc.emit.artifact import Artifact
from aibenchc.emit.templates import Fit, line, render, word, yaml, yaml_word
from aibenchc.emit.unit_commands import UnitCommands, unit_commands

FILES = (
    "ansible.cfg",
    "inventory.example.ini",
    "site.yml",
    "deploy.yml",
    "look.yml",
    "load.yml",
    "stop.yml",
    "collect.yml",
    "teardown.yml",
    "group_vars/all.yml",
    "roles/base/files/listen.py",
    "roles/base/files/reach.py",
    "roles/base/files/survey.py",
    "roles/base/files/unpack.py",
    "roles/base/tasks/main.yml",
    "roles/base/vars/main.yml",
    "roles/part/handlers/main.yml",
    "roles/part/tasks/main.yml",
    "roles/part/templates/confined.j2",
    "roles/part/templates/generator.service.j2",
    "roles/part/templates/planner.service.j2",
    "roles/part/templates/service.service.j2",
    "roles/part/vars/main.yml",
    "roles/deployed/tasks/main.yml",
    "roles/deployed/vars/main.yml",
    "roles/query_generator/tasks/main.yml",
    "roles/query_generator/vars/main.yml",
    "roles/records/files/pack.py",
    "roles/records/files/unpack.py",
    "roles/records/tasks/main.yml",
    "roles/records/vars/main.yml",
    "roles/shipment/tasks/main.yml",
    "roles/watch/tasks/main.yml",
    "roles/watched/tasks/main.yml",
    "roles/teardown/files/remove.py",
    "roles/teardown/tasks/main.yml",
)
AUDIT_FILES = ("roles/audit/tasks/main.yml", "roles/audit/vars/main.yml")  # where a task's state has invariants
KIND_FILES: dict[PartKind, tuple[str, ...]] = {
    "triton": ("roles/part/templates/triton.service.j2",),
    "postgresql": (
        "roles/part/templates/database.env.j2",
        "roles/part/templates/postgresql.service.j2",
        "roles/postgresql/tasks/main.yml",
        "roles/postgresql/templates/begin.sh.j2",
        "roles/postgresql/templates/role.sql.j2",
    ),
}
PLAYS: tuple[tuple[PartKind, str], ...] = (  # in this order: a planner connects to everything behind it before it reports healthy
    ("postgresql", "Start PostgreSQL"),
    ("triton", "Start Triton"),
    ("service", "Start the services"),
    ("planner", "Start the planner"),
    ("generator", "Install the query generators"),
)
WATCH = "watch"
LONGEST_USER = 32  # useradd's limit
SPARE_MIB = 128
WIDTH = 120  # columns of a list of hosts; ansible-lint allows 160
UNKNOWN_LIMIT = Fit('"{{ aibench_memory }}"')


@dataclass(frozen=True)
class PartView:
    """task: empty unless the part serves a service task."""

    name: Fit
    task: Fit
    kind: Fit
    replica: int
    host: Fit
    address: Fit
    listens: int
    memory: Fit


@dataclass(frozen=True)
class UserView:
    kind: Fit
    name: Fit


@dataclass(frozen=True)
class PlayView:
    """Starts the parts of one kind. serial: sizes of the batches in which hosts are taken."""

    title: Fit
    kind: Fit
    hosts: Fit
    serial: Fit
    roles: tuple[Fit, ...]  # before that of the part


@dataclass(frozen=True)
class AnsibleView:
    scenario: Fit  # for comments and paths
    name: Fit  # the same, as a YAML string
    title: Fit
    users: tuple[UserView, ...]
    parts: tuple[PartView, ...]
    plays: tuple[PlayView, ...]
    all_hosts: Fit
    generator_hosts: Fit
    recorder_hosts: Fit
    audited_hosts: Fit
    audited_tasks: Fit
    targets: Fit
    generators: int
    tls: Fit
    has_postgresql: bool
    postgresql_tasks: Fit
    warmup_s: float
    duration_s: float
    think_s: float
    host_watch: Fit
    commands: UnitCommands


def emit_ansible(plan: Plan) -> Iterator[Artifact]:
    view = ansible_view(plan)
    kinds = {part.kind for part in parts(plan)}
    extra = [name for kind, names in KIND_FILES.items() if kind in kinds for name in names]
    audits = AUDIT_FILES if audited_tasks(plan) else ()
    for name in (*FILES, *extra, *audits):
        yield Artifact(PurePosixPath("ansible", name), render(f"ansible/{name}", view))


def ansible_view(plan: Plan) -> AnsibleView:
    placed = all_parts(plan)
    order = [host.name for host in plan.hosts]

    def hosts(*kinds: PartKind) -> list[str]:
        held = {part.host for part in placed if part.kind in kinds}
        return [name for name in order if name in held]

    return AnsibleView(
        scenario=word(plan.scenario),
        name=yaml_word(plan.scenario),
        title=yaml(plan.title),
        users=tuple(UserView(word(kind), yaml_word(user_name(plan.scenario, kind))) for kind in user_kinds(placed)),
        parts=tuple(map(part_view, placed)),
        plays=tuple(play_view(kind, title, hosts(kind), placed) for kind, title in PLAYS if any(part.kind == kind for part in placed)),
        all_hosts=pattern(order),
        generator_hosts=pattern(hosts("generator")),
        recorder_hosts=pattern(hosts("planner", "triton")),
        audited_hosts=pattern([name for name in order if any(part.host == name for part in placed if _audited(part, plan))]),
        audited_tasks=Fit(f"[{', '.join(map(yaml_word, audited_tasks(plan)))}]" if audited_tasks(plan) else ""),
        targets=one_a_line([word(part.endpoint) for part in placed if part.kind == "planner"]),
        generators=sum(part.kind == "generator" for part in placed),
        tls=word("true" if plan.tls else "false"),
        has_postgresql=any(part.kind == "postgresql" for part in placed),
        postgresql_tasks=on_server(plan),
        warmup_s=plan.load.warmup_s,
        duration_s=plan.load.duration_s,
        think_s=think_s(plan.load),
        host_watch=word(HOST_WATCH),
        commands=unit_commands(),
    )


def all_parts(plan: Plan) -> tuple[PlanPart, ...]:
    """The plan's parts; without an inventory the one host also sends the load."""
    placed = parts(plan)
    return placed if plan.hosts else (*placed, PlanPart(replicated=GENERATOR, kind="generator"))


def part_view(part: PlanPart) -> PartView:
    return PartView(
        name=yaml_word(part.name),
        task=yaml_word(part.task) if isinstance(part, TaskPart) else Fit(""),
        kind=word(part.kind),
        replica=part.replica,
        host=yaml_word(part.host),
        address=yaml_word(part.address),
        listens=part.listens,
        memory=Fit(f"{limit_mib(part.memory_mib)}M") if part.memory_mib else UNKNOWN_LIMIT,
    )


def limit_mib(expected_mib: int) -> int:
    """MemoryMax of a unit, twice the expected memory and a reserve: the expectation was measured on one machine under one load, and the
    kernel also counts cached files. A part that leaks is still stopped before it harms its neighbours."""
    return 2 * expected_mib + SPARE_MIB


def play_view(kind: PartKind, title: str, hosts: Sequence[str], placed: Iterable[PlanPart]) -> PlayView:
    sizes = batches(hosts, [part for part in placed if part.kind == kind])
    return PlayView(
        title=line(title),
        kind=word(kind),
        hosts=pattern(hosts),
        serial=Fit(f"[{', '.join(map(str, sizes))}]"),
        roles=(word("postgresql"),) if kind == "postgresql" else (),
    )


def on_server(plan: Plan) -> Fit:
    """Service task → its stages whose tables lie on the deployment's PostgreSQL server, as a YAML mapping."""
    stages_of = {step.task: [stage.name for stage in step.stages if stage.settings.get("engine") == "postgresql"] for step in plan.steps}
    shown = (f"{yaml_word(task)}: [{', '.join(map(yaml_word, stages))}]" for task, stages in stages_of.items() if stages and plan.hosts)
    return folded(f"{{ {', '.join(shown)} }}".replace("{  }", "{}"), len("aibench_postgresql_tasks: { "))


def audited_tasks(plan: Plan) -> tuple[str, ...]:
    """The tasks whose state has invariants, which are audited after a load (aibenchrt.state_audit)."""
    return tuple(step.task for step in plan.steps if any(_has_invariants(stage) for stage in step.stages))


def _has_invariants(stage: PlanStage) -> bool:
    spec = component(stage.component)
    return spec is not None and spec.audited


def _audited(part: PlanPart, plan: Plan) -> bool:
    return isinstance(part, TaskPart) and part.task in audited_tasks(plan)


def batches(hosts: Sequence[str], placed: Iterable[PlanPart]) -> list[int | str]:
    """Sizes of successive batches of these hosts such that no two replicas of the same part are restarted at the same time."""
    held: dict[str, set[str]] = {}
    for part in placed:
        held.setdefault(part.host, set()).add(part.replicated)
    sizes: list[int] = []
    rolling: set[str] = set()
    for host in hosts:
        if not sizes or held[host] & rolling:
            sizes.append(0)
            rolling = set()
        sizes[-1] += 1
        rolling |= held[host]
    return list(sizes) or ['"100%"']


def pattern(hosts: Sequence[str]) -> Fit:
    """These hosts in their order, whatever groups they are in; without an inventory the group `nodes`."""
    return folded(f"[{', '.join(map(yaml_word, hosts))}]", len("  hosts: [")) if hosts else word("nodes")


def folded(flow: str, column: int) -> Fit:
    """A YAML list or mapping of words in lines that ansible-lint's production profile takes. column: where its first word stands."""
    return Fit(f"\n{' ' * column}".join(textwrap.wrap(flow, WIDTH - column, break_long_words=False, break_on_hyphens=False)))


def one_a_line(words: Sequence[Fit]) -> Fit:
    """The words with commas between them as one YAML string, which goes on after a backslash."""
    return Fit('"' + ",\\\n  ".join(words) + '"')


def user_kinds(placed: Iterable[PlanPart]) -> list[str]:
    """What has a system user of its own: each kind of part, and what watches a host."""
    return [*sorted({part.kind for part in placed}), WATCH]


def user_name(scenario: str, kind: str) -> str:
    """The system user of a scenario's parts of one kind; a long name is cut and told apart by its hash."""
    name = f"aibench-{scenario}-{kind}"
    if len(name) <= LONGEST_USER:
        return name
    return f"{name[: LONGEST_USER - 7]}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
