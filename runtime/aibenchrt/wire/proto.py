"""Values to proto messages and back, by PORT_TYPES; knows no scenario: the messages come from a generated folder's stubs.

Per port everything is looked up once, when a codec is built; a call only builds dicts and hands them to protobuf's C code.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from aibenchrt.component import PORT_TYPES, Port
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanPort, Step
from aibenchrt.proto_names import message_name
from aibenchrt.values import Value, Values

Message = Any  # a generated message; protobuf's classes are made at import time and have no static type


@dataclass(frozen=True)
class Stubs:
    """A generated folder's `<scenario>_pb2` and `<scenario>_pb2_grpc`."""

    messages: ModuleType
    services: ModuleType

    @property
    def package(self) -> str:
        """The proto package, as 'aibench.ecommerce'."""
        return str(self.messages.DESCRIPTOR.package)

    def message(self, name: str) -> Message:
        try:
            return getattr(self.messages, name)
        except AttributeError:
            raise _unusable(Path(str(self.messages.__file__)), f"has no message '{name}'") from None


@dataclass(frozen=True)
class ServerTiming:
    """What a task's server measured, in ns: queueing time from arrival to the start of work, service time, and the time of each stage of a
    combined task."""

    queue_ns: int
    service_ns: int
    stages: tuple[tuple[str, int], ...] = ()


def load_stubs(generated: Path) -> Stubs:
    """Imports the single `*_pb2.py` and `*_pb2_grpc.py` below `generated/stubs`.

    EnvironmentFailure AIB679: there are none or several, they lead out of the folder, another scenario's stubs of the same name are
    loaded already, or they do not fit the installed protobuf.
    """
    root = (generated / "stubs").resolve()
    messages, services = (_only(root, pattern) for pattern in ("*_pb2.py", "*_pb2_grpc.py"))
    sys.path.insert(0, str(root))
    try:
        return Stubs(_import(root, messages), _import(root, services))
    finally:
        sys.path.remove(str(root))


class PortsCodec:
    """A message with one optional sub-message per port, as `<Task>Request`, `<Task>Reply` and a request class have.

    A port that takes many values is a list, in the message and in the Values.
    """

    def __init__(self, message: Message, ports: Sequence[PlanPort | Port]) -> None:
        self._message = message
        self._encoders = tuple((port.name, port.optional, _several(_encoder(port)) if port.many else _encoder(port)) for port in ports)
        self._decoders = tuple((port.name, port.optional, _several(_decoder(port)) if port.many else _decoder(port)) for port in ports)
        self._many = frozenset(port.name for port in ports if port.many)
        for port in ports:
            _check(message, port)

    def encode(self, values: Values, **fields: Any) -> Message:
        """The message; `fields`: what else it holds. ValueError: a required port or a field is missing, or lengths differ."""
        for port, optional, encoder in self._encoders:
            value = values.get(port)
            if value is not None:
                fields[port] = encoder(value)
            elif not optional:
                raise ValueError(f"port '{port}' has no value")
        return self._message(**fields)

    def decode(self, message: Message) -> dict[str, Value]:
        """The values of the ports that are set. ValueError: a required one is not."""
        values: dict[str, Value] = {}
        for port, optional, decoder in self._decoders:
            if len(getattr(message, port)) if port in self._many else message.HasField(port):
                values[port] = decoder(getattr(message, port))
            elif not optional:
                raise ValueError(f"port '{port}' has no value")
        return values


class TaskCodec:
    """The call of one task: its gRPC method, and the conversion between bytes and Values on both ends."""

    def __init__(self, stubs: Stubs, step: Step) -> None:
        name = message_name(step.task)
        self.service = f"{stubs.package}.{name}Service"
        self.method = f"/{self.service}/Call"
        self._request = stubs.message(f"{name}Request")
        self._reply = stubs.message(f"{name}Reply")
        self._inputs = PortsCodec(self._request, [entry.port for entry in step.inputs])
        self._outputs = PortsCodec(self._reply, step.outputs)

    def encode_request(self, inputs: Values) -> bytes:
        return bytes(self._inputs.encode(inputs).SerializeToString())

    def decode_request(self, content: bytes) -> dict[str, Value]:
        return self._inputs.decode(self._request.FromString(content))

    def encode_reply(self, outputs: Values, timing: ServerTiming) -> bytes:
        stages = [{"stage": stage, "ns": ns} for stage, ns in timing.stages]
        measured = {"queue_ns": timing.queue_ns, "service_ns": timing.service_ns, "stage": stages}
        return bytes(self._outputs.encode(outputs, timing=measured).SerializeToString())

    def decode_reply(self, content: bytes) -> tuple[dict[str, Value], ServerTiming]:
        reply = self._reply.FromString(content)
        timing = reply.timing
        stages = tuple((entry.stage, entry.ns) for entry in timing.stage)
        return self._outputs.decode(reply), ServerTiming(timing.queue_ns, timing.service_ns, stages)


def _encoder(port: PlanPort | Port) -> Callable[[Value], dict[str, Any]]:
    names = {field.name for field in PORT_TYPES[port.type].fields}
    repeated = tuple(field.name for field in PORT_TYPES[port.type].fields if field.repeated)

    def encode(value: Value) -> dict[str, Any]:
        if value.keys() != names:
            raise ValueError(f"port '{port.name}' has the fields {sorted(value)}, expected {sorted(names)}")
        fields = dict(value)
        lengths = set()
        for name in repeated:
            elements = fields[name]
            if not isinstance(elements, list):  # a numpy array: protobuf reads a list four times as fast
                fields[name] = elements = elements.tolist() if hasattr(elements, "tolist") else list(elements)
            lengths.add(len(elements))
        if len(lengths) > 1:
            raise ValueError(f"port '{port.name}': its repeated fields differ in length ({sorted(lengths)})")
        return fields

    return encode


def _decoder(port: PlanPort | Port) -> Callable[[Message], dict[str, Any]]:
    fields = tuple((field.name, field.repeated) for field in PORT_TYPES[port.type].fields)

    def decode(message: Message) -> dict[str, Any]:
        return {name: getattr(message, name)[:] if repeated else getattr(message, name) for name, repeated in fields}

    return decode


def _several(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [convert(value) for value in values]


def _check(message: Message, port: PlanPort | Port) -> None:
    """EnvironmentFailure AIB679: the stubs were compiled from other ports than the plan's."""
    fields = message.DESCRIPTOR.fields_by_name
    expected = [field.name for field in PORT_TYPES[port.type].fields]
    message_type = fields[port.name].message_type if port.name in fields else None
    if message_type is None or sorted(message_type.fields_by_name) != sorted(expected):
        raise _unusable(Path(message.DESCRIPTOR.file.name), f"has no port '{port.name}' of type {port.type} in {message.DESCRIPTOR.name}")


def _only(root: Path, pattern: str) -> Path:
    paths = sorted(root.rglob(pattern))
    if len(paths) != 1:
        raise _unusable(root, f"holds {len(paths)} files {pattern}, expected one")
    if not paths[0].resolve().is_relative_to(root):
        raise _unusable(paths[0], "leads out of the generated folder")
    return paths[0]


def _import(root: Path, path: Path) -> ModuleType:
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    try:
        module = importlib.import_module(name)
    except (ImportError, TypeError, RuntimeError) as error:  # TypeError: another file of this name in protobuf's pool
        raise _unusable(path, f"cannot be imported ({error})") from error
    loaded = Path(str(module.__file__)).resolve()
    if loaded != path.resolve() and loaded.read_bytes() != path.read_bytes():
        raise _unusable(path, f"has the name '{name}' of stubs that this process has loaded already")
    return module


def _unusable(path: Path, problem: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB679", file=path.name, problem=problem)
