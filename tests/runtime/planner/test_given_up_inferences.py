"""What a Triton sees of an inference that nobody waits for any more: nothing. One that is cancelled, or past a deadline that the server was
told, may kill it (serve/SOAK.md; tests/benchmarks/bench_triton_cancel.py shows that with real ones). Real gRPC; a server that can wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.planner.clients import CallError, TritonClient
from aibenchrt.serve.model_check import ModelChecks
from aibenchrt.wire.proto import load_stubs
from observed_run import wait_until
from shop_plan import generate, shop_plan
from tritonclient.grpc import service_pb2, service_pb2_grpc

STEP = next(step for step in shop_plan().steps if step.task == "category")


class Waiting(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Holds every inference until `answer` is set. alive: of each that was then answered, whether its client had left it alone until then.
    Its statistics always count one inference more."""

    def __init__(self) -> None:
        self.arrived, self.answer = threading.Semaphore(0), threading.Event()
        self.came = 0
        self.alive: list[bool] = []
        self._counted = 0

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802  # gRPC's name
        self.came += 1
        self.arrived.release()
        assert self.answer.wait(60)
        self.alive.append(context.is_active())
        return service_pb2.ModelInferResponse(id=request.id, model_name=request.model_name)

    def ModelReady(self, _request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelStatistics(self, _request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._counted += 1
        row = service_pb2.ModelStatistics(name=STEP.task)
        row.inference_stats.success.count = self._counted
        return service_pb2.ModelStatisticsResponse(model_stats=[row])


@contextlib.contextmanager
def waiting() -> Iterator[tuple[Waiting, str]]:
    """The server and its address."""
    servicer = Waiting()
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield servicer, f"127.0.0.1:{port}"
        finally:
            servicer.answer.set()
            server.stop(0).wait(60)


@pytest.mark.parametrize("how", ["cancelled", "too late", "too late before it was sent"])
def test_a_planner_gives_up_an_inference_without_a_word_to_the_server(tmp_path: Path, how: str) -> None:
    stubs = load_stubs(generate(shop_plan(), tmp_path / "generated"))
    inputs = {"query": stubs.message("Query")(text="scary films", term=["scary", "films"])}

    async def give_up(server: Waiting, address: str) -> None:
        client = TritonClient(STEP, stubs, [address])
        await client.connect(30)
        timeout_s = {"cancelled": None, "too late": 0.2}.get(how, 0.0)
        calling = asyncio.create_task(client.call(1, inputs, timeout_s))
        if how != "too late before it was sent":
            assert await asyncio.to_thread(server.arrived.acquire, timeout=30)
        if how == "cancelled":
            calling.cancel()
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else CallError) as given_up:
            await calling
        assert how == "cancelled" or "DEADLINE_EXCEEDED" in str(given_up.value)
        await client.connect(30)  # on the same connection: the server has read all that was sent before
        server.answer.set()
        await asyncio.to_thread(wait_until, lambda: len(server.alive) == server.came)
        await client.close()

    with waiting() as (server, address):
        asyncio.run(give_up(server, address))
        assert server.alive == ([] if how == "too late before it was sent" else [True])


def test_a_check_of_a_model_that_gets_no_answer_is_sent_again_and_the_first_is_left_alone() -> None:
    with waiting() as (server, address), grpc.insecure_channel(address) as channel:
        checks = ModelChecks(channel, [STEP], 0.4)

        def sent_again() -> bool:
            assert checks.look() is None  # by its statistics the server answers others
            return server.came >= 3

        wait_until(sent_again)
        server.answer.set()
        wait_until(lambda: len(server.alive) == server.came)
        assert all(server.alive)
