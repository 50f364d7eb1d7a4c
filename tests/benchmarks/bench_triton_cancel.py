"""What inferences that are given up do to a Triton: cancelled on the wire, as any gRPC client does, and given up as the planner does.

python tests/benchmarks/bench_triton_cancel.py [--starts 4] [--calls 20000] [--share 5%]

Starts a real Triton with four trivial models, as a run does, and calls them from USERS clients, each model over a channel of its own. A
share of the calls, drawn by a seed, is given up within WITHIN_S, the others are waited for. A start ends after so many calls or when the
server dies. Calls have no deadlines, so that a machine that stands still changes nothing. With one model no server died.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import grpc.aio
from aibenchrt.control.local.process import Processes, how_it_died
from aibenchrt.control.local.triton import TritonServer
from aibenchrt.plan import Plan, step_json
from aibenchrt.planner.clients import CallError, TritonClient
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import Sockets
from shop_plan import generate, shop_plan
from tritonclient.grpc import service_pb2_grpc

TASK = "category"
ENDPOINT = "127.0.0.1:21001"
USERS = 6
WITHIN_S = 0.004
MODEL = """
from aibenchrt.serve import models

models.open_stage = lambda stage, weights: lambda inputs: {"category": {"label": [1], "probability": [1.0]}}
from aibenchrt.serve.triton_backend import TritonPythonModel
"""
Call = Callable[[], Awaitable[Any]]


@dataclass
class Count:
    answered: int = 0
    given_up: int = 0
    failed: int = 0

    @property
    def calls(self) -> int:
        return self.answered + self.given_up + self.failed


async def user(callers: list[Call], count: Count, calls: int, share: float, seed: str, dead: Callable[[], bool]) -> None:
    rng = random.Random(seed)
    while count.calls < calls and not dead():
        calling = asyncio.ensure_future(rng.choice(callers)())
        if rng.random() < share:
            asyncio.get_running_loop().call_later(rng.random() * WITHIN_S, calling.cancel)
        try:
            await calling
            count.answered += 1
        except asyncio.CancelledError:
            count.given_up += 1
        except (CallError, grpc.aio.AioRpcError):
            count.failed += 1
            await asyncio.sleep(0.05)


async def on_the_wire(stubs: Stubs, target: str, play: Callable[[list[Call]], Awaitable[None]]) -> None:
    """A call that is given up is cancelled by gRPC."""
    requests = [InferenceCodec(step, stubs).encode(1, inputs(stubs)) for step in PLAN.steps]
    async with contextlib.AsyncExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(target, options)) for _ in requests]
        servers: list[Any] = [service_pb2_grpc.GRPCInferenceServiceStub(channel) for channel in channels]

        def caller(server: Any, request: Any) -> Call:
            async def call() -> None:
                await server.ModelInfer(request)

            return call

        await play([caller(server, request) for server, request in zip(servers, requests, strict=True)])


async def as_the_planner(stubs: Stubs, target: str, play: Callable[[list[Call]], Awaitable[None]]) -> None:
    folder = Path(target.removeprefix("unix:")).parent
    clients = [TritonClient(step, stubs, [ENDPOINT], Sockets(folder)) for step in PLAN.steps]
    given = inputs(stubs)

    def caller(client: TritonClient) -> Call:
        return lambda: client.call(1, given, None)

    await play([caller(client) for client in clients])
    for client in clients:
        with contextlib.suppress(CallError):
            await client.call(1, given, None)  # a model answers in turn: nothing is running any more when the channel closes
        await client.close()


def inputs(stubs: Stubs) -> dict[str, Any]:
    return {"query": stubs.message("Query")(text="scary films", term=["scary", "films"])}


WAYS = {"cancelled on the wire": on_the_wire, "given up as the planner does": as_the_planner}
STEP = next(step for step in shop_plan().steps if step.task == TASK)
PLAN: Plan = shop_plan().model_copy(update={"steps": tuple(STEP.model_copy(update={"task": f"{TASK}{n}"}) for n in range(4))})


def start(generated: Path, stubs: Stubs, way: str, number: int, calls: int, share: float) -> tuple[Count, str]:
    """One server's life: its calls, and how it died ('': it did not)."""
    count = Count()
    with tempfile.TemporaryDirectory(prefix="aibench-cancel-") as name:
        scratch = Path(name)
        config = (generated / "triton" / TASK / "config.pbtxt").read_text(encoding="utf-8")
        for step in PLAN.steps:
            version = scratch / "models" / step.task / "1"
            version.mkdir(parents=True)
            (version.parent / "config.pbtxt").write_text(config.replace(f'name: "{TASK}"', f'name: "{step.task}"', 1), encoding="utf-8")
            (version / "model.py").write_text(MODEL)
            (version / "step.json").write_text(step_json(PLAN, step))
        (scratch / "logs").mkdir()
        with contextlib.closing(ShortFolder()) as short, Processes(scratch / "logs") as processes:
            sockets = Sockets(short.path)
            server = TritonServer(PLAN, processes, scratch / "models", ENDPOINT, scratch / "trace.json", sockets)
            server.wait_ready(120)

            async def play(callers: list[Call]) -> None:
                users = (user(callers, count, calls, share, f"{number}/{n}", lambda: server.child.died) for n in range(USERS))
                await asyncio.gather(*users)

            asyncio.run(WAYS[way](stubs, sockets.target(ENDPOINT), play))
            return count, how_it_died(server.child) if server.child.died else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=4)
    parser.add_argument("--calls", type=int, default=20000, help="of each start")
    parser.add_argument(
        "--share", type=lambda text: float(text.rstrip("%")) / 100, default=0.05, help="of the calls that are given up, as 5%%"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aibench-cancel-") as name:
        generated = generate(shop_plan(), Path(name) / "generated")
        stubs = load_stubs(generated)
        for number in range(given.starts):
            for way in WAYS:
                count, how = start(generated, stubs, way, number, given.calls, given.share)
                end = f"died of {how}" if how else "lived"
                sys.stdout.write(f"{way}: {count.calls:,} calls, {count.given_up:,} given up, {count.failed:,} failed: {end}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
