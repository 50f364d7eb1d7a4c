"""The planner as a gRPC server: ScenarioService.Ask runs one request through the plan.

Stateless: replicas may run side by side. Its own queue (receipt to first call) and cost are in every reply.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from aibenchrt.component import ANY
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, Step
from aibenchrt.planner.clients import CallError, Reply, TaskClient
from aibenchrt.planner.executor import CANCELLED, CallTimes, Executor, Request, Running
from aibenchrt.planner.opening import open_clients
from aibenchrt.planner.operations import MessageOperations, note
from aibenchrt.planner.recorder import Recorder
from aibenchrt.serve.draining import Arrivals
from aibenchrt.wire import clocks
from aibenchrt.wire.proto import Stubs
from aibenchrt.wire.tls import SERVER_KEY, SERVER_OPTIONS, Access, listen, listening

PATIENCE_S = 5.0  # after which the planner logs what it waits for, and tries again
ASK_AGAIN_S = 0.2
DRAIN_S = 10.0

_LOG = logging.getLogger("aibenchrt.planner")


class Planner:
    """Answers ScenarioRequests. record: called with the values of a CallRecord's fields, in order. address: by which replies name this
    planner."""

    def __init__(
        self, plan: Plan, stubs: Stubs, clients: dict[str, TaskClient], record: Callable[[tuple[Any, ...]], None], address: str = ""
    ) -> None:
        self._executor = Executor(plan, operations=MessageOperations(getattr(stubs.messages, ANY, None)))
        self._clients = clients
        self._record = record
        self._who = ((SERVER_KEY, address),) if address else ()
        self._reply = stubs.message("ScenarioReply")
        self._effect_timeout_s = plan.effect_timeout_s
        self._ports = {request.name: tuple(port.name for port in request.ports) for request in plan.requests}
        self._types = {(step.task, port.name): port.type for step in plan.steps for port in step.outputs}
        self._under_way: set[asyncio.Task[None]] = set()
        self._waits_for = set(clients)
        self.arrivals = Arrivals()

    async def connect(self) -> None:
        """Returns when every task answers, however long that takes: the parts of a deployment start in any order."""
        await asyncio.gather(*(self._connect(task, client) for task, client in self._clients.items()))

    async def _connect(self, task: str, client: TaskClient) -> None:
        told = ""
        while True:
            asked = time.monotonic()
            try:
                await client.connect(PATIENCE_S)
            except EnvironmentFailure as failure:
                if failure.message != told:
                    told = failure.message
                    _LOG.warning("waiting for task '%s': %s", task, told)
                await asyncio.sleep(asked + ASK_AGAIN_S - time.monotonic())  # for an answer that came at once
            else:
                self._waits_for.discard(task)
                if told:
                    _LOG.warning("task '%s' answers", task)
                return

    async def ask(self, message: Any, context: Any) -> Any:
        """Answers one request. A failed call ends it with INTERNAL and the call's error, an unknown class with INVALID_ARGUMENT; it is
        UNAVAILABLE until every task has answered once."""
        received_ns = time.monotonic_ns()
        self.arrivals.note()
        context.set_trailing_metadata(self._who)
        if self._waits_for:
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"the planner waits for {', '.join(sorted(self._waits_for))}")
        request = self._request(message)
        if request is None:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no payload of a known request class in '{message.request_class}'")
            raise AssertionError("abort raises")
        remaining = context.time_remaining()
        running = _Journey(self, request.request_id, None if remaining is None else time.monotonic() + remaining).start(request)
        try:
            answer = await asyncio.shield(running.answer)
        except asyncio.CancelledError:
            running.cancel("the client gave up")
            self._follow(running)
            raise
        context.add_done_callback(lambda _: self._follow(running))
        if answer.error:
            await context.abort(grpc.StatusCode.INTERNAL, answer.error)
        queue_ns = max(0, answer.first_call_ns - received_ns) if answer.first_call_ns else 0
        return self._reply(**answer.response, arms=answer.arms, planner_queue_ns=queue_ns, planner_ns=time.monotonic_ns() - received_ns)

    async def drain(self) -> None:
        """Waits for everything that runs after responses."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _request(self, message: Any) -> Request | None:
        name = message.request_class
        if name not in self._ports or not message.HasField(name):
            return None
        payload = getattr(message, name)
        return Request(message.request_id, name, {p: getattr(payload, p) for p in self._ports[name] if payload.HasField(p)})

    def _follow(self, running: Running) -> None:
        """Called when the response has been sent: starts the steps after it, and keeps track of their end."""
        running.release()
        task = asyncio.get_running_loop().create_task(running.finished())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


class _Journey:
    """The calls of one request: passes them to the clients and records the replies."""

    def __init__(self, planner: Planner, request_id: int, deadline: float | None) -> None:
        self._planner, self._request_id, self._deadline = planner, request_id, deadline
        self._replies: dict[str, Reply] = {}
        self._refusals: dict[str, CallError] = {}

    def start(self, request: Request) -> Running:
        return self._planner._executor.start(request, self._call, self._observe)

    async def _call(self, step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        if step.phase == "after":  # no client waits for it: without a deadline of its own a hanging call would never end
            timeout_s: float | None = self._planner._effect_timeout_s
        else:
            timeout_s = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
        try:
            reply = await self._planner._clients[step.task].call(self._request_id, inputs, timeout_s)
        except CallError as refusal:
            self._refusals[step.task] = refusal
            raise
        self._replies[step.task] = reply
        return reply.outputs

    def _observe(self, times: CallTimes) -> None:
        planner, step = self._planner, times.step
        reply = self._replies.get(step.task)
        answered = reply or self._refusals.get(step.task)
        outcome = "cancelled" if times.error == CANCELLED else "failed" if times.error else "ok"
        notes = [note(MessageOperations(), port, planner._types[step.task, port], value) for port, value in times.outputs.items()]
        if answered and answered.attempts > 1:
            notes.append(f"attempts={answered.attempts}")
        planner._record((
            self._request_id, step.task, step.kind, answered.endpoint if answered else "", times.ready_ns, times.start_ns, times.end_ns,
            reply.queue_ns if reply else 0, reply.service_ns if reply else 0, outcome, times.error,
            times.waited_for, times.after, reply.stages if reply else (), [text for text in notes if text],
        ))  # fmt: skip


async def serve(
    plan: Plan, stubs: Stubs, address: str, recorder: Recorder, stop: asyncio.Event, access: Access = None, bind: str | None = None
) -> None:
    """Listens at `address`, or at its port of the host's address `bind`, at once, and serves when every task answers, until `stop` is set;
    then waits for running requests to end.

    EnvironmentFailure: AIB602, AIB613, AIB674.
    """
    clients = open_clients(plan, stubs, access)
    try:
        planner = Planner(plan, stubs, clients, recorder.add, address)
        server = grpc.aio.server(options=SERVER_OPTIONS)
        request = stubs.message("ScenarioRequest")
        handler = grpc.unary_unary_rpc_method_handler(
            planner.ask, request_deserializer=request.FromString, response_serializer=stubs.message("ScenarioReply").SerializeToString
        )
        methods = {"Ask": handler, clocks.METHOD: grpc.unary_unary_rpc_method_handler(clocks.answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{stubs.package}.ScenarioService", methods),))
        condition = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(condition, server)
        await condition.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        listen(server, listening(address, bind), access)
        await server.start()
        if await _unless(stop, planner.connect()):
            await condition.set("", health_pb2.HealthCheckResponse.SERVING)
            await stop.wait()
        await condition.enter_graceful_shutdown()
        await asyncio.to_thread(planner.arrivals.wait_until_quiet)
        await server.stop(DRAIN_S)
        await planner.drain()
    finally:
        for client in clients.values():
            await client.close()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """True if the work is done, False if it was cancelled because `stop` was set first."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    await asyncio.wait({working})
    return False
