"""Plan → one .proto file: a message per port type, a service per task and one for the planner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from aibenchrt.component import PORT_TYPES
from aibenchrt.plan import Plan, PlanPort
from aibenchrt.proto_names import message_name

from aibenchc.emit.artifact import Artifact
from aibenchc.emit.templates import Fit, line, render, word

TIMING = 100  # field number of a reply's timing; ports count from 1
PAYLOADS = 16  # number of the first request class; what every request has counts from 1


@dataclass(frozen=True)
class FieldView:
    label: Fit  # 'repeated ' or nothing
    type: Fit
    name: Fit
    number: int


@dataclass(frozen=True)
class MessageView:
    doc: Fit
    name: Fit
    fields: tuple[FieldView, ...]
    oneof: tuple[FieldView, ...] = ()


@dataclass(frozen=True)
class ServiceView:
    doc: Fit
    name: Fit
    method: Fit
    request: Fit
    reply: Fit


@dataclass(frozen=True)
class ProtoView:
    title: Fit
    package: Fit
    messages: tuple[MessageView, ...]
    services: tuple[ServiceView, ...]


def proto_path(scenario: str) -> PurePosixPath:
    return PurePosixPath("proto", f"{scenario}.proto")


def emit_grpc(plan: Plan) -> Iterator[Artifact]:
    view = ProtoView(
        title=line(plan.title),
        package=word(f"aibench.{plan.scenario}"),
        messages=(
            *(type_message(name) for name in types_used(plan)),
            MessageView(line("ns of work of one stage"), word("StageTiming"), (field("string", "stage", 1), field("int64", "ns", 2))),
            timing_message(),
            *task_messages(plan),
            *scenario_messages(plan),
        ),
        services=tuple(services(plan)),
    )
    yield Artifact(proto_path(plan.scenario), render("grpc/proto/scenario.proto", view))


def types_used(plan: Plan) -> list[str]:
    """The port types of the plan, in the order of PORT_TYPES."""
    ports = [port for request in plan.requests for port in request.ports]
    ports += [entry.port for step in plan.steps for entry in step.inputs]
    ports += [port for step in plan.steps for port in step.outputs]
    used = {port.type for port in ports}
    return [name for name in PORT_TYPES if name in used]


def type_message(name: str) -> MessageView:
    fields = enumerate(PORT_TYPES[name].fields, 1)
    return MessageView(
        line(PORT_TYPES[name].doc), word(name), tuple(field(f.scalar.proto, f.name, number, f.repeated) for number, f in fields)
    )


def timing_message() -> MessageView:
    fields = (field("int64", "queue_ns", 1), field("int64", "service_ns", 2), field("StageTiming", "stage", 3, repeated=True))
    return MessageView(
        line("ns from arrival to the start of work, ns of work, and of each stage of a combined task"), word("Timing"), fields
    )


def task_messages(plan: Plan) -> Iterator[MessageView]:
    for step in plan.steps:
        name = message_name(step.task)
        inputs = tuple(port_fields(entry.port for entry in step.inputs))
        outputs = tuple(port_fields(step.outputs))
        yield MessageView(line(f"what task {step.task} takes"), word(f"{name}Request"), inputs)
        yield MessageView(line(f"what task {step.task} gives"), word(f"{name}Reply"), (*outputs, field("Timing", "timing", TIMING)))


def scenario_messages(plan: Plan) -> Iterator[MessageView]:
    for request in plan.requests:
        name = f"{message_name(request.name)}Payload"
        yield MessageView(line(f"what a request of class {request.name} carries"), word(name), tuple(port_fields(request.ports)))
    payloads = [field(f"{message_name(r.name)}Payload", r.name, number) for number, r in enumerate(plan.requests, PAYLOADS)]
    fields = (field("int64", "request_id", 1), field("string", "request_class", 2))
    yield MessageView(line("one request to the whole scenario"), word("ScenarioRequest"), fields, tuple(payloads))
    measured = (
        field("int64", "planner_ns", TIMING),
        field("int64", "planner_queue_ns", TIMING + 1),
        field("string", "arms", TIMING + 2, repeated=True),
    )
    parts = tuple(port_fields(part.port for part in plan.response))
    yield MessageView(
        line("the response, the planner's own time, and the arms that were taken"), word("ScenarioReply"), (*parts, *measured)
    )


def services(plan: Plan) -> Iterator[ServiceView]:
    for step in plan.steps:
        name = message_name(step.task)
        components = ", ".join(stage.component for stage in step.stages)
        yield ServiceView(line(components), word(f"{name}Service"), word("Call"), word(f"{name}Request"), word(f"{name}Reply"))
    yield ServiceView(line("the planner"), word("ScenarioService"), word("Ask"), word("ScenarioRequest"), word("ScenarioReply"))


def port_fields(ports: Iterable[PlanPort]) -> Iterator[FieldView]:
    for number, port in enumerate(ports, 1):
        yield field(port.type, port.name, number, repeated=port.many)


def field(type_: str, name: str, number: int, repeated: bool = False) -> FieldView:
    return FieldView(Fit("repeated ") if repeated else Fit(""), word(type_), word(name), number)
