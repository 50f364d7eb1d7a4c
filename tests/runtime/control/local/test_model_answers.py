"""Whether a server's models answer, by real inferences through a real Triton: hanging, failing and busy models, and which
call is answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.triton import TritonServer
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import step_json
from aibenchrt.planner.clients import TritonClient
from aibenchrt.serve.model_check import check_request
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import Sockets
from observed_run import wait_until
from shop_plan import generate, shop_plan
from tritonclient.grpc import service_pb2_grpc

ENDPOINT = "127.0.0.1:21001"
TASK = "category"
PLAN = shop_plan().model_copy(update={"steps": tuple(step for step in shop_plan().steps if step.task == TASK)})
HANGS = """
import time

class TritonPythonModel:
    def execute(self, requests):
        time.sleep(3600)
"""
FAILS = """
import triton_python_backend_utils as triton

class TritonPythonModel:
    def execute(self, requests):
        return [triton.InferenceResponse(output_tensors=[], error=triton.TritonError("ValueError: no such user")) for _ in requests]
"""
TAKES_ITS_TIME = """
import time
from aibenchrt.serve import models

def work(inputs):
    time.sleep(0.2)
    return {"category": {"label": [1], "probability": [1.0]}}

models.open_stage = lambda stage, weights: work  # everything as in a run, but for the work, which needs no weights
from aibenchrt.serve.triton_backend import TritonPythonModel
"""


@contextlib.contextmanager
def serving(model: str, folder: Path) -> Iterator[tuple[TritonServer, str]]:
    """A ready server of a model of ours, and its address."""
    generated = generate(shop_plan(), folder / "generated")
    version = folder / "models" / TASK / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_bytes((generated / "triton" / TASK / "config.pbtxt").read_bytes())
    (version / "model.py").write_text(model)
    (version / "step.json").write_text(step_json(PLAN, PLAN.steps[0]))
    (folder / "logs").mkdir(parents=True)
    with contextlib.closing(ShortFolder()) as short, Processes(folder / "logs") as processes:
        sockets = Sockets(short.path)
        server = TritonServer(PLAN, processes, folder / "models", ENDPOINT, folder / "trace.json", sockets)
        server.wait_ready(120)
        yield server, sockets.target(ENDPOINT)


def test_a_model_that_hangs_is_found_before_the_load(tmp_path: Path) -> None:
    with serving(HANGS, tmp_path) as (server, _), pytest.raises(EnvironmentFailure, match="AIB695") as failure:
        server.await_answers(2.0)
    assert f"triton is dead: model '{TASK}' answers no inference within 2 s" in failure.value.message


def test_an_error_of_the_model_itself_is_an_answer(tmp_path: Path) -> None:
    with serving(FAILS, tmp_path) as (server, _):
        server.await_answers(60.0)
        assert not server.child.died


def test_each_answer_names_the_call_that_it_answers(tmp_path: Path) -> None:
    with serving(TAKES_ITS_TIME, tmp_path) as (_, address):
        stubs = load_stubs(tmp_path / "generated")
        query = stubs.message("Query")(text="a", term=["a"])
        sockets = Sockets(Path(address.removeprefix("unix:")).parent)

        async def ask() -> list[str]:
            client = TritonClient(PLAN.steps[0], stubs, [ENDPOINT], sockets)
            await client.connect(60)
            replies = await asyncio.gather(*(client.call(number, {"query": query}, 60.0) for number in (0, 1, 2**63)))
            await client.close()
            return [reply.endpoint for reply in replies]

        assert asyncio.run(ask()) == [ENDPOINT] * 3


def test_a_server_that_is_killed_leaves_no_folder_behind(tmp_path: Path) -> None:
    """Triton's Python backend makes one in /tmp, which it removes when it ends by itself."""
    made = set[Path]()
    while not made:  # again, where another server was started at the same time: then nobody can tell whose folder is whose
        with serving(FAILS, tmp_path / f"{time.monotonic_ns()}") as (server, _):
            made = set(server.scratch)
            assert all(folder.is_dir() for folder in made)
            server.end()
            assert all(folder.is_dir() for folder in made), "it removes the folder itself even when it is killed"
    assert not any(folder.exists() for folder in made)


@pytest.mark.long
def test_a_long_queue_is_no_silence(tmp_path: Path) -> None:
    with serving(TAKES_ITS_TIME, tmp_path) as (server, address):
        server.await_answers(60.0)
        with grpc.insecure_channel(address) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            queued = [stub.ModelInfer.future(check_request(PLAN.steps[0])) for _ in range(75)]
            server.watch(3.0)  # also where this machine is busy the model then answers some of the queue between two looks at its count
            while not queued[44].done():  # for nine seconds or more; a check would wait for fifteen, more than its time
                server.look()
                assert not server.child.died
                time.sleep(0.05)
            assert not queued[-1].done(), "the queue was never long enough"
            stop = server.child.members[0].process
            stop.suspend()

            def noticed() -> bool:
                server.look()
                return server.child.died

            wait_until(noticed)
            assert server.child.silent == f"model '{TASK}' answers no inference within 3 s"
            stop.resume()
