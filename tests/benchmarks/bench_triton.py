"""What a hop to Triton costs beside the model's work. python tests/benchmarks/bench_triton.py [calls] [--size tiny|small] [--data …]

For each AI task of e-commerce search, on inputs that the path itself produces: the planner's client calling the model in Triton, and in
turn the same kind of channel calling a bare model in the same Triton, which returns as many bytes and does nothing else. From both the
time of the server is taken away: by Triton's own figures (queue and compute, which hold the way to the Python backend and back), and, of
the model alone, by the service time that it measures itself. Medians in µs. `ratio` may be at most 1.5; `ratio_to_whole_bare_call` is
the harsher one: it charges us with the Python backend's handling of every tensor, of which a bare call has two.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.triton import TritonServer, assemble
from aibenchrt.control.options import RunOptions
from aibenchrt.plan import Plan, Step, read_plan, triton_endpoints
from aibenchrt.planner.clients import TritonClient
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.in_process import caller, open_chains, works
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import Access, Sockets, open_aio_channel
from tritonclient.grpc import service_pb2, service_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 100
ECHO_CONFIG = """name: "bare"
backend: "python"
max_batch_size: 0
input { name: "data" data_type: TYPE_UINT8 dims: -1 }
input { name: "answer" data_type: TYPE_INT64 dims: 1 }
output { name: "data" data_type: TYPE_UINT8 dims: -1 }
instance_group { kind: KIND_CPU count: 1 }
"""
ECHO_MODEL = '''import numpy as np
import triton_python_backend_utils as triton


class TritonPythonModel:
    """As many bytes back as `answer` says."""

    def execute(self, requests):
        answers = []
        for request in requests:
            _data, size = (tensor.as_numpy() for tensor in request.inputs())
            answers.append(triton.InferenceResponse([triton.Tensor("data", np.zeros(int(size[0]), dtype=np.uint8))]))
        return answers
'''


def inputs_on_the_path(plan: Plan, assets: Assets, stubs: Stubs, state: Path) -> dict[str, dict[str, Any]]:
    """AI task → its inputs (port → proto message) for a test request of a class that reaches it."""
    seen: dict[str, dict[str, Any]] = {}
    models = {stage: version.folder for stage, version in assets.models.items()}
    call = caller(open_chains(plan, works(plan, assets.world, models, state)))

    async def kept(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        if step.kind == "ai" and step.task not in seen:
            types = {entry.port.name: entry.port.type for entry in step.inputs}
            seen[step.task] = {port: stubs.message(types[port])(**value) for port, value in inputs.items()}
        return await call(step, inputs)

    async def each() -> None:
        for number, request in enumerate(plan.requests):
            executor = Executor(plan)
            await executor.start(Request(number, request.name, dict(assets.payloads[request.name][0].values)), kept).answer

    asyncio.run(each())
    return seen


class Hop:
    """Calls of one AI task, alternating with calls of a bare server."""

    def __init__(self, step: Step, stubs: Stubs, endpoint: str, access: Access, inputs: Mapping[str, Any]) -> None:
        self._task, self._inputs = step.task, inputs
        self._client = TritonClient(step, stubs, [endpoint], access)
        self._codec = InferenceCodec(step, stubs)
        self._channel = open_aio_channel([endpoint], access, "triton", [])  # of its own, of the same kind
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        self._server_ns: dict[str, int] = {}

    async def measure(self, calls: int) -> dict[str, float]:
        await self._client.connect(30)
        request = self._codec.encode(0, self._inputs)
        response = await self._stub.ModelInfer(request)
        asked, answered = (sum(map(len, m)) for m in (request.raw_input_contents, response.raw_output_contents))
        bare = _bare(asked, answered)
        rows = []
        for number in range(-WARM_UP, calls):
            start = time.perf_counter_ns()
            reply = await self._client.call(number + WARM_UP, self._inputs, 10.0)
            middle = time.perf_counter_ns()
            await self._stub.ModelInfer(bare, timeout=10.0)
            end = time.perf_counter_ns()
            own, others = await self._spent(self._task), await self._spent("bare")
            if number >= 0:
                rows.append((middle - start, own, reply.service_ns, end - middle, others))
        await self._client.close()
        await self._channel.close()
        call, own_ns, service, echo, echo_ns = zip(*rows, strict=True)
        around, bare_around = _median(call, own_ns), _median(echo, echo_ns)
        beside, whole = _median(call, service), _median(echo)
        return {
            "bytes_there": asked,
            "bytes_back": answered,
            "call": _median(call),
            "call_minus_queue_and_compute": around,
            "bare_minus_queue_and_compute": bare_around,
            "ratio": round(around / bare_around, 3),
            "call_minus_service": beside,
            "bare": whole,
            "ratio_to_whole_bare_call": round(beside / whole, 3),
        }

    async def _spent(self, model: str) -> int:
        """Queue and compute of the model's last call, ns, by Triton's statistics."""
        reply = await self._stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name=model))
        spent = reply.model_stats[0].inference_stats
        total = spent.queue.ns + spent.compute_input.ns + spent.compute_infer.ns + spent.compute_output.ns
        last, self._server_ns[model] = total - self._server_ns.get(model, 0), total
        return int(last)


def _median(times: tuple[int, ...], less: tuple[int, ...] | None = None) -> float:
    """The median in µs."""
    return round(statistics.median([a - b for a, b in zip(times, less or (0,) * len(times), strict=True)]) / 1e3, 1)


def _bare(asked: int, answered: int) -> Any:
    request = service_pb2.ModelInferRequest(model_name="bare")
    request.inputs.add(name="data", datatype="UINT8", shape=(asked,))
    request.inputs.add(name="answer", datatype="INT64", shape=(1,))
    request.raw_input_contents.extend([bytes(asked), answered.to_bytes(8, "little")])
    return request


async def measure(
    plan: Plan, stubs: Stubs, endpoint: str, access: Access, inputs: Mapping[str, dict[str, Any]], calls: int
) -> dict[str, Any]:
    figures = {}
    for step in plan.steps:
        if step.kind == "ai":
            figures[step.task] = await Hop(step, stubs, endpoint, access, inputs[step.task]).measure(calls)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=1000)
    parser.add_argument("--size", default="small")
    parser.add_argument("--data", default="real")
    given = parser.parse_args()
    generated = ROOT / "generated" / "ecommerce"
    with tempfile.TemporaryDirectory() as scratch:
        plan, stubs = read_plan(generated / "plan.json"), load_stubs(generated)
        assets = prepare(plan, RunOptions(variant=given.data, size=given.size), Path(scratch, "prepared"))
        Path(scratch, "state").mkdir()
        inputs = inputs_on_the_path(plan, assets, stubs, Path(scratch, "state"))
        repository = assemble(plan, generated, {s: v.folder for s, v in assets.models.items()}, Path(scratch, "triton"))
        bare = repository / "bare" / "1"
        bare.mkdir(parents=True)
        (repository / "bare" / "config.pbtxt").write_text(ECHO_CONFIG)
        (bare / "model.py").write_text(ECHO_MODEL)
        logs = Path(scratch, "logs")
        logs.mkdir()
        (endpoint,) = triton_endpoints(plan)
        with contextlib.closing(ShortFolder()) as short, Processes(logs) as processes:
            sockets = Sockets(short.path)
            server = TritonServer(plan, processes, repository, endpoint, Path(scratch, "trace.json"), sockets)
            server.wait_ready(60)
            figures = asyncio.run(measure(plan, stubs, endpoint, sockets, inputs, given.calls))
    sys.stdout.write(json.dumps({"us_median": figures, "load_average": os.getloadavg()[0]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
