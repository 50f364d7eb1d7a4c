"""A planner's clients: one open channel per endpoint, calls in turn over replicas. Proto messages pass through; tensors only for Triton."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, Step, service_of
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.proto import Stubs, camel_case

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.use_local_subchannel_pool", 1),
)


class CallError(Exception):
    """A call came back without an answer; the text says why, on one line."""


@dataclass(frozen=True)
class Reply:
    """outputs: port → proto message. queue_ns and service_ns as the server measured them; Triton's queue is joined from its trace later."""

    outputs: dict[str, Any]
    endpoint: str
    queue_ns: int
    service_ns: int
    stages: tuple[str, ...]


class TaskClient(Protocol):
    async def call(self, request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        """Raises CallError."""

    async def connect(self, timeout_s: float) -> None:
        """Raises EnvironmentFailure AIB608: an endpoint does not answer."""

    async def close(self) -> None: ...


class ServiceClient:
    """A task that a gRPC service of ours serves."""

    def __init__(self, step: Step, stubs: Stubs, endpoints: Sequence[str]) -> None:
        name = camel_case(step.task)
        self._request = stubs.message(f"{name}Request")
        reply = stubs.message(f"{name}Reply")
        self._outputs = tuple(port.name for port in step.outputs)
        method = f"/{stubs.package}.{name}Service/Call"
        self._channels = [grpc.aio.insecure_channel(endpoint, options=CHANNEL_OPTIONS) for endpoint in endpoints]
        self._endpoints = tuple(endpoints)
        calls = [
            channel.unary_unary(method, request_serializer=self._request.SerializeToString, response_deserializer=reply.FromString)
            for channel in self._channels
        ]
        self._turns = itertools.cycle(list(zip(endpoints, calls, strict=True)))

    async def call(self, _request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        endpoint, call = next(self._turns)
        try:
            reply = await call(self._request(**inputs), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise CallError(f"{endpoint}: {error.code().name}: {error.details()}") from error
        timing = reply.timing
        outputs = {port: getattr(reply, port) for port in self._outputs if reply.HasField(port)}
        stages = tuple(f"{entry.stage}={entry.ns}" for entry in timing.stage)
        return Reply(outputs, endpoint, timing.queue_ns, timing.service_ns, stages)

    async def connect(self, timeout_s: float) -> None:
        for endpoint, channel in zip(self._endpoints, self._channels, strict=True):
            await _ready(endpoint, channel, timeout_s)

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


class TritonClient:
    """A task that is a model behind Triton (Open Inference Protocol)."""

    def __init__(self, step: Step, stubs: Stubs, endpoints: Sequence[str]) -> None:
        self._model = step.task
        self._codec = InferenceCodec(step, stubs)
        self._endpoints = tuple(endpoints)
        self._channels = [grpc.aio.insecure_channel(endpoint, options=CHANNEL_OPTIONS) for endpoint in endpoints]
        self._stubs: list[Any] = [service_pb2_grpc.GRPCInferenceServiceStub(channel) for channel in self._channels]
        self._turns = itertools.cycle(list(zip(endpoints, self._stubs, strict=True)))

    async def call(self, request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        endpoint, stub = next(self._turns)
        try:
            response = await stub.ModelInfer(self._codec.encode(request_id, inputs), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise CallError(f"{endpoint}: {error.code().name}: {' '.join(str(error.details()).split())}") from error
        outputs, service_ns, stages = self._codec.decode(response)
        return Reply(outputs, endpoint, 0, service_ns, stages)

    async def connect(self, timeout_s: float) -> None:
        for endpoint, channel, stub in zip(self._endpoints, self._channels, self._stubs, strict=True):
            await _ready(endpoint, channel, timeout_s)
            reply = await stub.ModelReady(service_pb2.ModelReadyRequest(name=self._model), timeout=timeout_s)
            if not reply.ready:
                raise _not_ready(endpoint, f"model '{self._model}'")

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()


def open_clients(plan: Plan, stubs: Stubs) -> dict[str, TaskClient]:
    """Task → its client, connected to nothing yet. EnvironmentFailure AIB613: the plan places a task nowhere."""
    clients: dict[str, TaskClient] = {}
    for step in plan.steps:
        service = service_of(plan, step)
        endpoints = service.endpoints if service else ()
        if not endpoints:
            raise EnvironmentFailure("AIB613", f"the plan has no endpoint for task '{step.task}'", "compile the scenario again")
        clients[step.task] = TritonClient(step, stubs, endpoints) if step.kind == "ai" else ServiceClient(step, stubs, endpoints)
    return clients


async def _ready(endpoint: str, channel: grpc.aio.Channel, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(channel.channel_ready(), timeout_s)
    except TimeoutError as error:
        raise _not_ready(endpoint) from error


def _not_ready(endpoint: str, what: str = "the service") -> EnvironmentFailure:
    return EnvironmentFailure("AIB608", f"{what} at {endpoint} does not answer", "start it first, and read its log")
