"""Triton on a cluster: mutual TLS, no model-repository calls for anybody, and replicas behind one channel. Real servers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.control.local.process import Child, Processes
from aibenchrt.control.local.triton import backends, environment, listening, program
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.planner.clients import CallError, TritonClient
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import Identity, open_channel, role_name
from shop_plan import free_ports, generate, shop_plan
from tritonclient.grpc import service_pb2, service_pb2_grpc

MODEL = """
import time
from aibenchrt.serve import models

def work(inputs):
    time.sleep(0.02)
    return {"category": {"label": [len(inputs["query"]["term"])], "probability": [1.0]}}

models.open_stage = lambda stage, weights: work  # everything as in a run, but for the work, which needs no weights
from aibenchrt.serve.triton_backend import TritonPythonModel
"""
TASK = "category"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(shop_plan(), tmp_path_factory.mktemp("generated"))


@pytest.fixture(scope="module")
def stubs(generated: Path) -> Stubs:
    return load_stubs(generated)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parties = {f"{role}/h1": ["127.0.0.1"] for role in ("planner", "service", "generator")}
    parties["triton/h1"] = ["127.0.0.1", role_name("triton", TASK)]
    return certify(tmp_path_factory.mktemp("certificates") / "tls", parties, 30)


class Servers:
    """Tritons of one model, on endpoints of their own."""

    def __init__(self, processes: Processes, repository: Path, endpoints: list[str], tls: Path | None) -> None:
        self._processes, self._repository, self.endpoints, self._tls = processes, repository, endpoints, tls
        self.running: dict[int, Child] = {}

    def start(self, replica: int) -> None:
        endpoint = self.endpoints[replica]
        command = [program(), "--model-repository", str(self._repository), "--backend-directory", str(backends())]
        command += ["--disable-auto-complete-config", "--model-control-mode=none", *listening(endpoint, self._tls)]
        child = self._processes.start(f"triton-{replica}", "triton", command, environment(endpoint), replica)
        self.running[replica] = child
        identity = Identity.read(self._tls.parents[1] / "planner" / self._tls.name) if self._tls else None
        self._processes.wait_ready(child, lambda: ready(endpoint, identity), 120)

    def kill(self, replica: int) -> None:
        self._processes.stop(self.running.pop(replica), 0.0)


def ready(endpoint: str, identity: Identity | None) -> bool:
    with open_channel(endpoint, identity, "triton") as channel:
        try:
            return bool(service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerReady(service_pb2.ServerReadyRequest(), timeout=30).ready)
        except grpc.RpcError:
            return False


@contextlib.contextmanager
def servers(folder: Path, generated: Path, count: int, tls: Path | None) -> Iterator[Servers]:
    repository = folder / "models"
    shutil.copytree(generated / "triton" / TASK, repository / TASK)
    (repository / TASK / "1" / "model.py").write_text(MODEL)
    logs = folder / "logs"
    logs.mkdir()
    with Processes(logs) as processes:
        started = Servers(processes, repository, [f"127.0.0.1:{port}" for port in free_ports(count)], tls)
        for replica in range(count):
            started.start(replica)
        yield started


def client(stubs: Stubs, endpoints: list[str], identity: Identity | None) -> TritonClient:
    step = next(step for step in shop_plan().steps if step.task == TASK)
    known = step.stages[0].model_copy(update={"component": "text_classification"})  # without effects: a call may be repeated
    return TritonClient(step.model_copy(update={"stages": (known,)}), stubs, endpoints, identity)


def query(stubs: Stubs) -> dict[str, Any]:
    return {"query": stubs.message("Query")(text="scary films", term=["scary", "films"])}


def test_triton_answers_certified_planners_only_and_loads_models_for_nobody(
    tmp_path: Path, generated: Path, stubs: Stubs, certificates: Path
) -> None:
    planner = Identity.read(certificates / "planner" / "h1")
    foreign = Identity.read(certify(tmp_path / "foreign", {"planner/h1": ["127.0.0.1"]}, 30) / "planner" / "h1")

    others = [Identity(foreign.certificate, foreign.key, b"", planner.servers)]
    for role in ("service", "generator", "triton"):  # certified, of this deployment, and told whom to trust
        known = Identity.read(certificates / role / "h1")
        others.append(Identity(known.certificate, known.key, b"", planner.servers))

    async def ask(identity: Identity | None) -> Any:
        asker = client(stubs, running.endpoints, identity)
        try:
            return await asker.call(7, query(stubs), 120.0)
        except CallError as error:
            return error
        finally:
            await asker.close()

    async def never_connected() -> None:
        asker = client(stubs, running.endpoints, None)
        with pytest.raises(EnvironmentFailure, match="AIB659"):
            await asker.connect(1.0)
        await asker.close()

    with servers(tmp_path, generated, 1, certificates / "triton" / "h1") as running:
        reply = asyncio.run(ask(planner))
        assert list(reply.outputs[TASK].label) == [2]
        assert (reply.endpoint, reply.attempts) == (running.endpoints[0], 1)
        for stranger in (None, foreign, *others):
            said = asyncio.run(ask(stranger))
            assert isinstance(said, CallError), said
            assert "UNAVAILABLE" in str(said)
        asyncio.run(never_connected())
        assert all("This protocol is restricted" in said for said in repository_calls(running.endpoints[0], planner))
        for other in others:
            assert {said.partition(":")[0] for said in repository_calls(running.endpoints[0], other)} == {"UNAVAILABLE"}
            assert not any("restricted" in said for said in repository_calls(running.endpoints[0], other)), "Triton's code never saw it"
        assert list(asyncio.run(ask(planner)).outputs[TASK].label) == [2]


def repository_calls(endpoint: str, identity: Identity) -> list[str]:
    """The answers to a client that loads a model and to one that unloads it."""
    said = []
    with open_channel(endpoint, identity, "triton") as channel:
        stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        for call, request in (
            (stub.RepositoryModelLoad, service_pb2.RepositoryModelLoadRequest(model_name=TASK)),
            (stub.RepositoryModelUnload, service_pb2.RepositoryModelUnloadRequest(model_name=TASK)),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request, timeout=120)
            said.append(f"{refused.value.code().name}: {refused.value.details()}")  # type: ignore[attr-defined]
    return said


def test_a_triton_that_dies_is_left_out_and_serves_again_when_it_is_back(tmp_path: Path, generated: Path, stubs: Stubs) -> None:
    async def load(running: Servers) -> tuple[list[Any], list[Any], list[Any]]:
        asker = client(stubs, running.endpoints, None)
        await asker.connect(120)

        async def some(count: int) -> list[Any]:
            return await asyncio.gather(*(asker.call(number, query(stubs), 120.0) for number in range(count)), return_exceptions=True)

        async def until_both_answer() -> list[Any]:
            replies: list[Any] = []
            while len({reply.endpoint for reply in replies[-20:]}) < 2:
                replies += await some(20)
                assert len(replies) < 2000
            return replies

        await until_both_answer()
        before = await some(20)
        under_way = asyncio.create_task(some(20))
        await asyncio.sleep(0.1)  # they are sent, and wait in both queues: 20 ms each
        await asyncio.to_thread(running.kill, 1)
        lost = await under_way
        await asyncio.to_thread(running.start, 1)
        back = await until_both_answer()
        await asker.close()
        return before, lost, back

    with servers(tmp_path, generated, 2, None) as running:
        before, lost, back = asyncio.run(load(running))
    assert Counter(reply.endpoint for reply in before) == dict.fromkeys(running.endpoints, 10)
    assert [reply for reply in (*lost, *back) if isinstance(reply, BaseException)] == []
    assert {reply.endpoint for reply in lost if reply.attempts > 1} == {running.endpoints[0]}
