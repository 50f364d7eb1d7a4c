"""A planner's clients: one channel per task over all its replicas. Proto messages pass through; tensors only for Triton.

gRPC itself does the work: calls go round over the replicas that are connected and whose health service says SERVING (Triton, which has
no Watch, counts as healthy while it is connected); a lost replica is tried again about every second. A call of a task without effects
that a replica could not take (UNAVAILABLE) is repeated, at most twice, at Triton four times, and only while such calls are rare
(retryThrottling).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from aibenchrt.catalog import component
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Step
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.proto_names import message_name
from aibenchrt.wire.own_answer import another_call
from aibenchrt.wire.proto import Stubs
from aibenchrt.wire.tls import ATTEMPT_KEY, SERVER_KEY, Access, open_aio_channel

RETRIES = {
    "maxAttempts": 3,
    "initialBackoff": "0.02s",
    "maxBackoff": "0.2s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# A Triton that is told to stop unloads its models first, and for seconds answers that it knows no such model; what arrives in its last
# moment it cancels. Another replica has the model, but a repeated call may well reach the same one again: calls go round, and all share the
# turns. So there are more attempts (five is gRPC's limit), further apart: together they last about as long as such a stop.
# (A call that the planner itself has cancelled, gRPC does not retry.)
TRITON_RETRIES = RETRIES | {
    "maxAttempts": 5,
    "maxBackoff": "1s",
    "backoffMultiplier": 4,
    "retryableStatusCodes": ["UNAVAILABLE", "NOT_FOUND", "CANCELLED"],
}
# Each failure takes a token, each success gives a tenth back; below half of them nothing is retried: at most a tenth more calls.
BUDGET = {"maxTokens": 40, "tokenRatio": 0.1}


class CallError(Exception):
    """A call failed; the text says why, on one line. endpoint: of the replica that refused it, or of all of them. unavailable: it could not
    take the call."""

    def __init__(self, endpoint: str, why: str, attempts: int = 1, unavailable: bool = False) -> None:
        super().__init__(f"{endpoint}: {why}")
        self.endpoint, self.attempts, self.unavailable = endpoint, attempts, unavailable


@dataclass(frozen=True)
class Reply:
    """outputs: port → proto message. endpoint: of the replica that answered. queue_ns and service_ns as the server measured them;
    Triton's queue is joined from its trace later. attempts: how often gRPC sent the call."""

    outputs: dict[str, Any]
    endpoint: str
    queue_ns: int
    service_ns: int
    stages: tuple[str, ...]
    attempts: int = 1


class TaskClient(Protocol):
    async def call(self, request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        """Raises CallError."""

    async def connect(self, timeout_s: float) -> None:
        """Returns when a replica answers. Raises EnvironmentFailure AIB659: none does."""

    async def close(self) -> None: ...


class ServiceClient:
    """Client of a task that one of our gRPC services serves. repeated: whether gRPC repeats a call; None: where the task allows it."""

    def __init__(self, step: Step, stubs: Stubs, endpoints: Sequence[str], access: Access = None, *, repeated: bool | None = None) -> None:
        name = message_name(step.task)
        self._request = stubs.message(f"{name}Request")
        reply = stubs.message(f"{name}Reply")
        self._outputs = tuple(port.name for port in step.outputs)
        service = f"{stubs.package}.{name}Service"
        self._where = ", ".join(endpoints)
        options = channel_options(service, idempotent(step) if repeated is None else repeated)
        self._channel = open_aio_channel(endpoints, access, "service", options, step.task)
        self._call: Any = self._channel.unary_unary(
            f"/{service}/Call", request_serializer=self._request.SerializeToString, response_deserializer=reply.FromString
        )

    async def call(self, _request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        call = self._call(self._request(**inputs), timeout=timeout_s)
        try:
            reply = await call
            endpoint, attempts = _answered(await call.trailing_metadata(), self._where)
        except grpc.aio.AioRpcError as error:
            raise _failed(error, self._where) from error
        timing = reply.timing
        outputs = {port: getattr(reply, port) for port in self._outputs if reply.HasField(port)}
        stages = tuple(f"{entry.stage}={entry.ns}" for entry in timing.stage)
        return Reply(outputs, endpoint, timing.queue_ns, timing.service_ns, stages, attempts)

    async def connect(self, timeout_s: float) -> None:
        await _ready(self._where, self._channel, timeout_s)

    async def close(self) -> None:
        await self._channel.close()


class TritonClient:
    """Client of a task that Triton serves (Open Inference Protocol).

    It ends no inference early, neither by cancelling it nor by a deadline that the server would be told: either may kill a Triton 2.51
    (serve/SOAK.md). One that is waited for no longer runs to its end. An answer that names another call, by its id or its model, fails the
    call: whatever it holds, that was not asked for.
    """

    def __init__(self, step: Step, stubs: Stubs, endpoints: Sequence[str], access: Access = None) -> None:
        self._model = step.task
        self._codec = InferenceCodec(step, stubs)
        self._where = ", ".join(endpoints)
        self._channel = open_aio_channel(endpoints, access, "triton", channel_options(None, idempotent(step)), step.task)
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._running = set[Any]()  # gRPC cancels a call that nobody holds

    async def call(self, request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        try:
            if timeout_s is not None and timeout_s <= 0:
                raise TimeoutError
            request = self._codec.encode(request_id, inputs)
            call = self._stub.ModelInfer(request)
            self._running.add(call)
            call.add_done_callback(self._running.discard)
            await _ended(call, timeout_s)
            response = await call
        except TimeoutError:
            raise CallError(self._where, "DEADLINE_EXCEEDED: no answer before the request's deadline") from None
        except grpc.aio.AioRpcError as error:
            raise _failed(error, self._where) from error
        if other := another_call(request, response):
            raise CallError(self._where, f"ANOTHER_CALL: the answer to id '{request.id}' of model '{self._model}' names {other}")
        answer = self._codec.decode(response)
        return Reply(answer.outputs, answer.server or self._where, 0, answer.service_ns, answer.stages, answer.attempt)

    async def connect(self, timeout_s: float) -> None:
        await _ready(self._where, self._channel, timeout_s)
        what = f"model '{self._model}'"
        try:
            reply = await self._stub.ModelReady(service_pb2.ModelReadyRequest(name=self._model), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _not_ready(self._where, what) from error
        if not reply.ready:
            raise _not_ready(self._where, what)

    async def close(self) -> None:
        await self._channel.close()


def idempotent(step: Step) -> bool:
    """Whether a call may be retried: the catalogue knows every component of the step, and none has an effect, keeps what it observes, or is
    called only for what it writes."""
    specs = [component(stage.component) for stage in step.stages]
    return all(spec is not None and not spec.effect and not (spec.auxiliary and spec.state) and spec.ports_for(dict(stage.settings)).outputs
               for spec, stage in zip(specs, step.stages, strict=True))  # fmt: skip


def channel_options(health_service: str | None, repeated: bool) -> list[tuple[str, Any]]:
    """health_service: the service whose health the replicas are asked for; None: Triton servers, which have no Watch method."""
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if health_service is not None:
        config["healthCheckConfig"] = {"serviceName": health_service}
    if repeated:
        retries = RETRIES if health_service is not None else TRITON_RETRIES
        config |= {"methodConfig": [{"name": [{}], "retryPolicy": retries}], "retryThrottling": BUDGET}
    return [("grpc.service_config", json.dumps(config))]


async def _ended(call: Any, timeout_s: float | None) -> None:
    """Returns when an RPC has ended, however. To cancel this ends only the waiting. TimeoutError: it takes longer than timeout_s."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    call.add_done_callback(lambda _: None if ended.done() else ended.set_result(None))
    async with asyncio.timeout(timeout_s):
        await ended


def _answered(metadata: Any, where: str) -> tuple[str, int]:
    """(who answered, at which attempt) from a service host's trailing metadata."""
    server, attempts = where, 1
    for key, value in metadata or ():
        if key == SERVER_KEY:
            server = value
        elif key == ATTEMPT_KEY:
            attempts = int(value)
    return server, attempts


def _failed(error: grpc.aio.AioRpcError, where: str) -> CallError:
    server, attempts = _answered(error.trailing_metadata(), where)
    why = f"{error.code().name}: {' '.join(str(error.details()).split())}"
    return CallError(server, why, attempts, unavailable=error.code() is grpc.StatusCode.UNAVAILABLE)


async def _ready(where: str, channel: grpc.aio.Channel, timeout_s: float) -> None:
    try:
        await asyncio.wait_for(channel.channel_ready(), timeout_s)
    except TimeoutError as error:
        raise _not_ready(where) from error


def _not_ready(where: str, what: str = "the service") -> EnvironmentFailure:
    return EnvironmentFailure("AIB659", what=what, endpoint=where)
