"""Replicas behind gRPC's own load balancing, health checks and retries: real processes, killed and started again under load."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.planner.clients import CallError, ServiceClient, channel_options, idempotent
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import open_aio_channel, role_name
from grpc_health.v1 import health_pb2
from local_plan import local_plan
from observed_run import wait_until
from replicas import SERVING, Load, health, parts
from shop_plan import free_ports, generate
from tritonclient.grpc import service_pb2, service_pb2_grpc

USERS = 4


def certificates(folder: Path) -> dict[str, Path]:
    """Role → folder."""
    roles = ("planner", "service", "generator")
    tasks = [role_name("service", task) for task in ("answers", "parse", "profile", "remember")]
    made = certify(folder / "tls", {f"{role}/h1": ["127.0.0.1", *(tasks if role == "service" else ())] for role in roles}, 30)
    return {role: made / role / "h1" for role in roles}


@pytest.mark.long
@pytest.mark.parametrize("secure", [False, True])
def test_a_killed_replica_costs_at_most_what_was_in_flight_and_serves_again_when_it_is_back(tmp_path: Path, secure: bool) -> None:
    with parts(tmp_path, {"parse": 2}, certificates(tmp_path) if secure else {}) as running:
        running.start_all()
        assert health(running.endpoint("planner"), None, "planner") == (-1 if secure else SERVING)
        endpoints = {running.endpoint("parse", replica) for replica in (0, 1)}

        def halves(load: Load) -> None:
            """Once both replicas serve, each takes half of the calls."""
            running.wait_served("parse")
            since_ns = time.monotonic_ns()
            load.wait_for(100)
            calls = [call for call in running.calls() if call.task == "parse" and call.outcome == "ok" and call.start_ns > since_ns]
            counted = Counter(call.endpoint for call in calls)
            assert set(counted) == endpoints
            assert min(counted.values()) >= 0.4 * len(calls), counted

        with running.client() as client, client.load(USERS) as load:
            halves(load)
            assert load.failed == []
            running.kill("parse", 1)
            load.wait_for(200)
            lost = len(load.failed)
            load.wait_for(100)
            assert len(load.failed) == lost <= USERS  # and nothing fails once the loss is known
            running.start("parse", 1)
            halves(load)
            assert len(load.failed) == lost
        assert running.stop("planner") == 0
        assert sum("attempts=2" in call.note for call in running.calls()) <= USERS


def test_a_replica_that_is_told_to_stop_costs_nothing(tmp_path: Path) -> None:
    """Tasks with effects lose no call either: a draining server refuses calls that it has not begun, and gRPC sends them to another one."""
    with parts(tmp_path, {"parse": 2, "remember": 2}) as running:
        running.start_all()
        with running.client() as client, client.load(USERS) as load:
            for task in ("parse", "remember"):
                running.wait_served(task)
            for task in ("parse", "remember"):
                assert running.stop(task, 0) == 0
                load.wait_for(60)
            assert load.failed == []
        assert running.stop("planner") == 0
        calls = running.calls()
        assert [call.error for call in calls if call.outcome != "ok"] == []
        assert Counter(call.task for call in calls)["parse"] == len(load.answers)


def test_a_replica_that_vanishes_without_a_word_is_given_up(tmp_path: Path) -> None:
    """Like a host that loses power or network: no connection is closed. Pings notice it within 5 s, before the requests' deadline."""
    with parts(tmp_path, {"parse": 2}) as running:
        running.start_all()
        with running.client() as client:
            with client.load(USERS) as load:
                running.wait_served("parse")
                running.running["parse", 1].process.send_signal(signal.SIGSTOP)
                load.wait_for(200)
            assert load.failed == []
            running.running["parse", 1].process.send_signal(signal.SIGCONT)  # after the load: one that runs again takes its share again
        assert running.stop("planner") == 0
        calls = [call for call in running.calls() if call.task == "parse"]
        assert 1 <= sum("attempts=2" in call.note for call in calls) <= USERS
        assert {call.endpoint for call in sorted(calls, key=lambda call: call.start_ns)[-100:]} == {running.endpoint("parse", 0)}


def test_a_planner_waits_for_its_tasks_and_says_so(tmp_path: Path) -> None:
    with parts(tmp_path, {}) as running:
        planner = running.start("planner", ready=False)
        endpoint = running.endpoint("planner")
        wait_until(lambda: health(endpoint, None, "planner") == health_pb2.HealthCheckResponse.NOT_SERVING)
        with running.client() as client:
            assert client.ask()[0] == "UNAVAILABLE: the planner waits for answers, parse, profile, remember"
            for task in ("parse", "answers", "remember"):
                running.start(task)
            wait_until(lambda: client.ask()[0] == "UNAVAILABLE: the planner waits for profile")
            wait_until(
                lambda: f"waiting for task 'profile': the service at {running.endpoint('profile')} does not answer" in planner.log_end()
            )
            assert health(endpoint, None, "planner") == health_pb2.HealthCheckResponse.NOT_SERVING
            running.start("profile")
            running.wait_ready("planner")
            assert client.ask()[0] == ""


def test_a_planner_that_still_waits_ends_when_told(tmp_path: Path) -> None:
    with parts(tmp_path, {}) as running:
        running.start("planner", ready=False)
        wait_until(lambda: health(running.endpoint("planner"), None, "planner") == health_pb2.HealthCheckResponse.NOT_SERVING)
        assert running.stop("planner") == 0


def test_a_task_that_is_down_fails_requests_with_its_name_before_their_deadline(tmp_path: Path) -> None:
    with parts(tmp_path, {}) as running:
        running.start_all()
        with running.client() as client:
            assert client.ask()[0] == ""
            running.kill("answers")
            said, _ = client.ask()
            assert said.startswith("INTERNAL: answers: CallError: ")
            assert running.endpoint("answers") in said
            assert health(running.endpoint("planner"), None, "planner") == SERVING
            running.start("answers")
            wait_until(lambda: client.ask()[0] == "")
        assert running.stop("planner") == 0
        failed = next(call for call in running.calls() if call.task == "answers" and call.outcome == "failed")
        assert failed.endpoint == running.endpoint("answers")


@pytest.mark.long
def test_a_planner_that_is_told_to_stop_answers_what_it_has_taken(tmp_path: Path) -> None:
    with parts(tmp_path, {}) as running:
        running.start_all()
        with running.client() as client:
            with client.load(USERS) as load:
                load.wait_for(50)
                assert running.stop("planner") == 0
                load.wait_for(USERS)
            answered = sum(1 for said, _ in load.answers if not said)
            assert all(said.startswith(("UNAVAILABLE", "CANCELLED")) for said in load.failed)
        calls = running.calls()
        whole = [call for call in calls if call.task == "answers" and call.outcome == "ok"]
        assert len(whole) == answered
        assert [call.error for call in calls if call.outcome != "ok"] == []
        assert sum(call.task == "remember" for call in calls) > 0


# -- one client against a server of the test's own


class Flaky:
    """Answers a task after refusing it `refusals` times (UNAVAILABLE); records of each call (attempts before, seconds that remained)."""

    def __init__(self, stubs: Stubs, task: str, outputs: dict[str, Any], refusals: int) -> None:
        self._reply = stubs.message(f"{task.capitalize()}Reply")(**outputs).SerializeToString()
        self._refusals = refusals
        self.asked: list[tuple[str, float]] = []

    def __call__(self, _request: bytes, context: Any) -> bytes:
        earlier = dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts", "0")
        self.asked.append((earlier, context.time_remaining()))
        context.set_trailing_metadata((("aibench-server", "here:1"), ("aibench-attempt", str(int(earlier) + 1))))
        if len(self.asked) <= self._refusals:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not\nnow")
        return self._reply


@contextlib.contextmanager
def listening(service: str, methods: dict[str, Callable[[bytes, Any], bytes]]) -> Iterator[int]:
    """The port of a server of these methods."""
    server = grpc.server(ThreadPoolExecutor(4))
    handlers = {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def flaky(folder: Path, task: str, refusals: int) -> Iterator[tuple[Flaky, Any]]:
    """(the server, call(timeout) of a planner's client of it)."""
    plan = local_plan(free_ports(5))
    stubs = load_stubs(generate(plan, folder / "generated"))
    step = next(step for step in plan.steps if step.task == task)
    service = Flaky(stubs, task, {port.name: stubs.message(port.type)() for port in step.outputs}, refusals)

    async def call(timeout_s: float | None, times: int = 1) -> list[Any]:
        client = ServiceClient(step, stubs, [f"127.0.0.1:{port}"])
        await client.connect(120)
        inputs = {entry.port.name: stubs.message(entry.port.type)() for entry in step.inputs}
        replies: list[Any] = []
        for number in range(times):
            try:
                replies.append(await client.call(number, inputs, timeout_s))
            except CallError as error:
                replies.append(error)
        await client.close()
        return replies

    with listening(f"{stubs.package}.{task.capitalize()}Service", {"Call": service}) as port:
        yield service, lambda *arguments: asyncio.run(call(*arguments))


def test_a_call_without_effects_is_repeated_and_says_how_often(tmp_path: Path) -> None:
    with flaky(tmp_path, "parse", 2) as (service, call):
        (reply,) = call(120.0)
        assert (reply.endpoint, reply.attempts) == ("here:1", 3)
        assert [earlier for earlier, _ in service.asked] == ["0", "1", "2"]


@pytest.mark.parametrize("code", ["UNAVAILABLE", "NOT_FOUND", "CANCELLED"])
def test_what_a_triton_that_stops_refuses_is_asked_again(code: str) -> None:
    earlier = []

    def infer(_request: bytes, context: Any) -> bytes:
        earlier.append(dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts", "0"))
        if len(earlier) < 5:  # repeated calls may reach the same replica again
            context.abort(grpc.StatusCode[code], "")
        return service_pb2.ModelInferResponse(model_name="category").SerializeToString()

    async def call(port: int) -> Any:
        async with open_aio_channel([f"127.0.0.1:{port}"], None, "triton", channel_options(None, repeated=True)) as channel:
            await channel.channel_ready()
            return await service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(service_pb2.ModelInferRequest())

    with listening("inference.GRPCInferenceService", {"ModelInfer": infer}) as port:
        assert asyncio.run(call(port)).model_name == "category"
    assert earlier == ["0", "1", "2", "3", "4"]


def test_a_call_that_the_planner_cancels_is_not_asked_again() -> None:
    arrived, end, calls = threading.Event(), threading.Event(), []

    def infer(_request: bytes, context: Any) -> bytes:
        calls.append(1)
        context.add_callback(end.set)
        arrived.set()
        end.wait()
        return b""

    async def cancel(port: int) -> None:
        async with open_aio_channel([f"127.0.0.1:{port}"], None, "triton", channel_options(None, repeated=True)) as channel:
            await channel.channel_ready()
            call = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(service_pb2.ModelInferRequest())
            waiting = asyncio.ensure_future(call.code())
            await asyncio.to_thread(arrived.wait)
            call.cancel()
            assert await waiting is grpc.StatusCode.CANCELLED
            await asyncio.to_thread(end.wait)

    with listening("inference.GRPCInferenceService", {"ModelInfer": infer}) as port:
        asyncio.run(cancel(port))
    assert len(calls) == 1


def test_a_call_with_an_effect_is_made_once(tmp_path: Path) -> None:
    with flaky(tmp_path, "remember", 1) as (service, call):
        (error,) = call(120.0)
        assert isinstance(error, CallError)
        assert str(error) == "here:1: UNAVAILABLE: not now"
        assert len(service.asked) == 1


def test_repeating_has_a_budget(tmp_path: Path) -> None:
    with flaky(tmp_path, "parse", 10_000) as (service, call):
        errors = call(120.0, 200)
        assert len(errors) == 200
        assert len(service.asked) <= 200 + 20  # half of the tokens


def test_a_service_sees_the_time_that_is_left(tmp_path: Path) -> None:
    with flaky(tmp_path, "parse", 0) as (service, call):
        call(120.0)
        ((_, remaining),) = service.asked
        assert 0 < remaining < 125  # gRPC rounds up, to full seconds where there are many


@pytest.mark.parametrize("names", [["ledger"], ["nonce_store"], ["face_decision", "ledger"], ["nonce_store", "sort"], ["event_log"],
                                   ["notification"], ["message_code"], ["query_parsing", "notification"]], ids=" ".join)  # fmt: skip
def test_a_chain_with_one_effect_is_asked_once_and_the_same_without_it_again(names: list[str]) -> None:
    def chained(names: list[str]) -> Any:
        first = next(step for step in local_plan([1, 2, 3, 4, 5]).steps if step.task == "parse")
        stages = (first.stages[0].model_copy(update={"name": name, "component": name, "settings": {}}) for name in names)
        return first.model_copy(update={"stages": tuple(stages)})

    assert not idempotent(chained(names))
    assert idempotent(chained(["encryption", "face_decision", "laundering_check"]))


def test_the_catalogue_says_what_may_be_repeated() -> None:
    assert {step.task: idempotent(step) for step in local_plan([1, 2, 3, 4, 5]).steps} == {
        "parse": True, "answers": True, "profile": True, "remember": False,
    }  # fmt: skip
