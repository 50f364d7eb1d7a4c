"""A server that mixes its answers up: real gRPC, and a Triton that answers with what another call is called. Its damage shows so before it
dies (serve/SOAK.md)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.plan import Step
from aibenchrt.planner.clients import TritonClient
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.serve.model_check import ModelChecks, Silence
from aibenchrt.wire.proto import load_stubs
from observed_run import wait_until
from shop_calls import Shop
from shop_plan import empty, generate, shop_plan
from tritonclient.grpc import service_pb2, service_pb2_grpc

PLAN = shop_plan()
STEP = next(step for step in PLAN.steps if step.task == "category")


class MixedUp(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers every inference, and names another call where `other` says how. Counts its answers, as Triton does."""

    def __init__(self, other: dict[str, str]) -> None:
        self.other, self.count = other, 0

    def ModelInfer(self, request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802  # gRPC's name
        self.count += 1
        return service_pb2.ModelInferResponse(**{"id": request.id, "model_name": request.model_name} | self.other)

    def ModelReady(self, _request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelStatistics(self, _request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        row = service_pb2.ModelStatistics(name=STEP.task)
        row.inference_stats.success.count = self.count
        return service_pb2.ModelStatisticsResponse(model_stats=[row])


@contextlib.contextmanager
def served(other: dict[str, str]) -> Iterator[str]:
    """The server's address."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(MixedUp(other), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait(60)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"id": "8"}, "id '8' of model 'category'"),
        ({"model_name": "rank_a"}, "id '7' of model 'rank_a'"),
        ({"id": "", "model_name": ""}, "id '' of model ''"),
        ({"id": "\x1b[2J\n" + 1000 * "é"}, r"id '\x1b[2J\n" + 35 * r"\xe9" + "' of model 'category'"),
    ],
)
def test_an_answer_that_names_another_call_is_a_failed_call_and_is_recorded_so(tmp_path: Path, other: dict[str, str], names: str) -> None:
    stubs = load_stubs(generate(PLAN, tmp_path / "generated"))
    query = stubs.message("Query")(text="scary films", term=["scary", "films"])

    async def ask(address: str) -> str:
        shop, client = Shop(), TritonClient(STEP, stubs, [address])

        async def call(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
            return (await client.call(7, {"query": query}, 30.0)).outputs if step.task == STEP.task else await shop(step, inputs)

        await client.connect(30)
        request = Request(7, "text", {p.name: empty(p.type) for r in PLAN.requests if r.name == "text" for p in r.ports})
        answer = await Executor(PLAN, call, observe=shop.times.append).run(request)
        await client.close()
        (recorded,) = [times.error for times in shop.times if times.step.task == STEP.task]
        assert answer.error == f"{STEP.task}: {recorded}"
        return recorded

    with served(other) as address:
        said = asyncio.run(ask(address))
        assert said == f"CallError: {address}: ANOTHER_CALL: the answer to id '7' of model 'category' names {names}"


def test_an_answer_that_names_its_own_call_is_read(tmp_path: Path) -> None:
    stubs = load_stubs(generate(PLAN, tmp_path / "generated"))

    async def ask(address: str) -> None:
        client = TritonClient(STEP, stubs, [address])
        try:
            await client.call(7, {"query": stubs.message("Query")(text="a", term=["a"])}, 30.0)
        finally:
            await client.close()

    with served({}) as address, pytest.raises(ValueError, match="returned no tensor"):
        asyncio.run(ask(address))


def test_a_server_whose_checks_get_the_answers_of_other_calls_is_dead_though_it_counts_them() -> None:
    with served({"id": "8"}) as address, grpc.insecure_channel(address) as channel:
        checks, silences = ModelChecks(channel, [STEP], 0.4), list[Silence | None]()

        def silent() -> bool:
            silences.append(checks.look())
            return silences[-1] is not None

        wait_until(silent)
        assert not checks.answered(0.0)
        assert silences[-1] is not None
        assert (silences[-1].model, silences[-1].instead) == (STEP.task, "id '8' of model 'category'")


def test_a_server_that_answers_its_checks_lives() -> None:
    with served({}) as address, grpc.insecure_channel(address) as channel:
        checks = ModelChecks(channel, [STEP], 0.4)

        def answered() -> bool:
            assert checks.look() is None
            return checks.answered(0.0)

        wait_until(answered)
