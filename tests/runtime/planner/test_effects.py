"""Calls after the response, by a real planner against real gRPC services, one of which hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aibenchrt.plan import Plan
from aibenchrt.planner.recorder import Recorder, read_calls
from aibenchrt.planner.server import serve
from aibenchrt.wire.proto import Stubs, load_stubs
from grpc_health.v1 import health_pb2, health_pb2_grpc
from local_plan import local_plan
from shop_plan import free_ports, generate


@contextmanager
def services(plan: Plan, stubs: Stubs, hanging: str) -> Iterator[threading.Event]:
    """Every task's service: each answers at once with empty values, `hanging` only when the event that is yielded is set."""
    released = threading.Event()
    places = {service.name: service.endpoints[0] for service in plan.services}
    server = grpc.server(ThreadPoolExecutor(8))
    for step in plan.steps:
        name = step.task.capitalize()
        reply = stubs.message(f"{name}Reply")
        made = reply(**{port.name: stubs.message(port.type)() for port in step.outputs})
        handler = grpc.unary_unary_rpc_method_handler(_answer(made, released if step.task == hanging else None))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{stubs.package}.{name}Service", {"Call": handler}),))
        server.add_insecure_port(places[step.task])
    server.start()
    try:
        yield released
    finally:
        released.set()
        server.stop(None).wait()


def _answer(message: Any, wait: threading.Event | None) -> Callable[[bytes, Any], bytes]:
    def call(_request: bytes, _context: Any) -> bytes:
        if wait is not None:
            wait.wait()
        return bytes(message.SerializeToString())

    return call


async def ask_and_stop(plan: Plan, stubs: Stubs, recorder: Recorder) -> None:
    """Serves, sends one request, stops; returns when the planner has ended."""
    stop, address = asyncio.Event(), plan.services[0].endpoints[0]
    serving = asyncio.create_task(serve(plan, stubs, address, recorder, stop))
    message = stubs.message("ScenarioRequest")
    asked = message(request_id=7, request_class="text")
    asked.text.text.text = "red shoes"
    asked.text.user.user_id = 5
    async with grpc.aio.insecure_channel(address) as channel:
        async for health in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=120):
            if health.status == health_pb2.HealthCheckResponse.SERVING:
                break
        ask: Any = channel.unary_unary(f"/{stubs.package}.ScenarioService/Ask", request_serializer=message.SerializeToString)
        await ask(asked, timeout=120)
    stop.set()
    await serving


@pytest.mark.parametrize(("hanging", "timeout_s", "outcome"), [("remember", 0.5, "failed"), ("", 120.0, "ok")])
def test_an_effect_that_hangs_is_a_failed_call_and_the_planner_ends(tmp_path: Path, hanging: str, timeout_s: float, outcome: str) -> None:
    """The service that hangs does so until the planner has ended."""
    plan = local_plan(free_ports(5)).model_copy(update={"effect_timeout_s": timeout_s})
    stubs = load_stubs(generate(plan, tmp_path / "generated"))
    recorder = Recorder(tmp_path / "calls.jsonl")
    with services(plan, stubs, hanging):
        asyncio.run(ask_and_stop(plan, stubs, recorder))
    recorder.close()
    calls = {call.task: call for call in read_calls(tmp_path / "calls.jsonl")}
    assert {task: call.outcome for task, call in calls.items() if not call.after} == {"parse": "ok", "answers": "ok", "profile": "ok"}
    assert (calls["remember"].after, calls["remember"].outcome) == (True, outcome)
    assert ("DEADLINE_EXCEEDED" in calls["remember"].error) == bool(hanging)
