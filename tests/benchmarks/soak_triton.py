"""A campaign against the death of Triton's Python stubs: the scenarios' own model calls under contention, one thing changed at a time.

python tests/benchmarks/soak_triton.py STATE.json [--seconds S] [--size tiny] [--data synthetic] [--scenarios web_search,…] [--changes …]

Each slice starts a new Triton as a local run does, sends it the model calls that the scenario makes for its own requests, IN_FLIGHT at a
time, and ends it. STATE.json, written after each slice, is all that resuming needs: the next slice is of the scenario and the change with
the least time so far, and its calls are drawn by its number. What died is kept there with the end of its log; core dumps, where the
kernel writes them into the working directory, lie in the folder `cores` beside it. Bounds are exact for a Poisson process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import grpc
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.local import triton as local_triton
from aibenchrt.control.local.process import Child, Processes, how_it_died
from aibenchrt.control.local.triton import TritonServer, assemble
from aibenchrt.control.options import RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, Step, read_plan, triton_endpoints
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.in_process import caller, open_chains, works
from aibenchrt.planner.inference import InferenceCodec
from aibenchrt.short_folder import ShortFolder
from aibenchrt.whole_file import write_text
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import CHANNEL_OPTIONS, Sockets
from paths import ROOT
from pydantic import BaseModel, ConfigDict
from scipy.stats import chi2
from tritonclient.grpc import service_pb2, service_pb2_grpc

SCENARIOS = ("web_search", "ecommerce", "news_feed", "translation", "image_retrieval")
IN_FLIGHT = 16
PAYLOADS = 25  # of each request class
SLICE_S = 20.0
GOAL = 10**6
HEADER = "soak-attempt"

# How a model changes: its file replaces the generated model.py.
WITHOUT_STRINGS = """
from aibenchrt.serve import triton_backend

class TritonPythonModel(triton_backend.TritonPythonModel):
    def initialize(self, args):
        super().initialize(args)
        served = self._server
        self._server = lambda tensors, attempt=1: {n: t for n, t in served(tensors, attempt).items() if t.dtype != object}
"""
WITHOUT_PARAMETERS = """
from aibenchrt.serve import triton_backend

class Request:
    def __init__(self, request):
        self.inputs, self.parameters = request.inputs, lambda: ""

class TritonPythonModel(triton_backend.TritonPythonModel):
    def execute(self, requests):
        return super().execute([Request(request) for request in requests])
"""
COPIED_OBJECTS = """
from aibenchrt.serve import triton_backend

class TritonPythonModel(triton_backend.TritonPythonModel):
    def initialize(self, args):
        super().initialize(args)
        served = self._server
        self._server = lambda tensors, attempt=1: {n: t.copy() for n, t in served(tensors, attempt).items()}
"""
PINGS = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms", "grpc.http2.max_pings_without_data")


@dataclass(frozen=True)
class Change:
    """One difference from a local run. model: another model.py; words: of Triton's command line; strings: whether models put out strings;
    pings: whether the client does; header: sent with every call; statistics: asked for all the time."""

    name: str
    model: str = ""
    words: Callable[[list[str]], list[str]] = lambda words: words
    strings: bool = True
    pings: bool = True
    header: bool = False
    statistics: bool = False


def _without(*flags: str) -> Callable[[list[str]], list[str]]:
    return lambda words: [word for word in words if not word.startswith(flags)]


def _forwarding(words: list[str]) -> list[str]:
    return [*_without("--grpc-header-forward-pattern")(words), f"--grpc-header-forward-pattern={HEADER}"]


def _large_memory(words: list[str]) -> list[str]:
    return [*words, f"--backend-config=python,shm-default-byte-size={64 << 20}"]


CHANGES = (
    Change("as in a run"),
    Change("no string outputs", WITHOUT_STRINGS, strings=False),
    Change("no request.parameters()", WITHOUT_PARAMETERS),
    Change("no header forwarding", words=_without("--grpc-header-forward-pattern")),
    Change("a header forwarded with every call", words=_forwarding, header=True),
    Change("shared memory that need not grow", words=_large_memory),
    Change("no keepalive pings", words=_without("--grpc-keepalive", "--grpc-http2"), pings=False),
    Change("statistics calls all the time", statistics=True),
    Change("numpy objects never shared by two answers", COPIED_OBJECTS),
)


class Death(BaseModel):
    """after: calls of this slice before it."""

    model_config = ConfigDict(extra="forbid")
    slice: int
    how: str
    after: int
    log_end: str


class Cell(BaseModel):
    """What was seen of a scenario with a change. calls: answered with tensors; failed: the others."""

    model_config = ConfigDict(extra="forbid")
    scenario: str
    change: str
    slices: int = 0
    calls: int = 0
    failed: int = 0
    seconds: float = 0.0
    errors: dict[str, int] = {}
    deaths: list[Death] = []
    failed_starts: list[str] = []


class State(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cells: list[Cell] = []

    def cell(self, scenario: str, change: str) -> Cell:
        found = next((cell for cell in self.cells if (cell.scenario, cell.change) == (scenario, change)), None)
        if found is None:
            found = Cell(scenario=scenario, change=change)
            self.cells.append(found)
        return found


@dataclass(frozen=True)
class Scenario:
    """calls: the model calls that its requests make, encoded, with the model's name."""

    name: str
    plan: Plan
    generated: Path
    assets: Assets
    calls: tuple[tuple[str, Any], ...]


def open_scenario(name: str, variant: str, size: str, scratch: Path) -> Scenario:
    generated = ROOT / "generated" / name
    plan, stubs = read_plan(generated / "plan.json"), load_stubs(generated)
    assets = prepare(plan, RunOptions(variant=variant, size=size), scratch / f"prepared-{name}")
    state = scratch / f"state-{name}"
    state.mkdir()
    return Scenario(name, plan, generated, assets, tuple(model_calls(plan, assets, stubs, state)))


def model_calls(plan: Plan, assets: Assets, stubs: Stubs, state: Path) -> Iterator[tuple[str, Any]]:
    """The calls of AI tasks for the first payloads of every class, as a planner would encode them."""
    codecs = {step.task: InferenceCodec(step, stubs) for step in plan.steps if step.kind == "ai"}
    call = caller(open_chains(plan, works(plan, assets.world, {stage: version.folder for stage, version in assets.models.items()}, state)))
    seen: list[tuple[str, Any]] = []

    async def kept(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        if step.kind == "ai":
            types = {entry.port.name: entry.port.type for entry in step.inputs}
            messages = {port: stubs.message(types[port])(**value) for port, value in inputs.items()}
            seen.append((step.task, codecs[step.task].encode(len(seen), messages)))
        return await call(step, inputs)

    async def each() -> None:
        for request in plan.requests:
            for number, payload in enumerate(assets.payloads[request.name][:PAYLOADS]):
                await Executor(plan).start(Request(number, request.name, dict(payload.values)), kept).answer

    asyncio.run(each())
    return iter(seen)


def repository(scenario: Scenario, change: Change, into: Path) -> Path:
    folder = assemble(scenario.plan, scenario.generated, {s: v.folder for s, v in scenario.assets.models.items()}, into)
    for model in folder.iterdir():
        if change.model:
            (model / "1" / "model.py").write_text(change.model)
        if not change.strings:
            config = model / "config.pbtxt"
            config.write_text(without_string_outputs(config.read_text()))
    return folder


def without_string_outputs(config: str) -> str:
    parts = config.split("output {")
    kept = [parts[0]]
    for part in parts[1:]:
        body, end, rest = part.partition("\n}")
        kept.append(rest if "TYPE_STRING" in body else "output {" + body + end + rest)
    return "".join(kept)


class Traffic:
    """Calls in a random order, IN_FLIGHT at a time, until the time is over or the server is dead."""

    def __init__(self, scenario: Scenario, change: Change, target: str, seed: str) -> None:
        self._scenario, self._change, self._target = scenario, change, target
        self._random = random.Random(seed)
        self.calls, self.failed = 0, 0
        self.errors: dict[str, int] = {}

    async def send(self, seconds: float, dead: Callable[[], bool]) -> None:
        options = [(name, value) for name, value in CHANNEL_OPTIONS if self._change.pings or name not in PINGS]
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            clients = [asyncio.create_task(self._client(stub)) for _ in range(IN_FLIGHT)]
            if self._change.statistics:
                clients.append(asyncio.create_task(self._statistics(stub)))
            ends = time.monotonic() + seconds
            while time.monotonic() < ends and not dead():
                await asyncio.sleep(0.2)
            for client in clients:
                client.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, stub: Any) -> None:
        metadata = ((HEADER, "1"),) if self._change.header else None
        while True:
            _model, request = self._random.choice(self._scenario.calls)
            try:
                await stub.ModelInfer(request, timeout=10.0, metadata=metadata)
                self.calls += 1
            except grpc.aio.AioRpcError as error:
                self.failed += 1
                what = f"{error.code().name}: {error.details()}"[:200]
                self.errors[what] = self.errors.get(what, 0) + 1
                await asyncio.sleep(0.05)

    async def _statistics(self, stub: Any) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stub.ModelStatistics(service_pb2.ModelStatisticsRequest(), timeout=10.0)
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def changed_command(change: Change) -> Iterator[None]:
    """TritonServer makes its command line with the change."""
    usual = local_triton.triton_command
    local_triton.triton_command = lambda *a: _Changed(change.words(usual(*a).words))  # type: ignore[assignment, return-value]
    try:
        yield
    finally:
        local_triton.triton_command = usual


@dataclass(frozen=True)
class _Changed:
    words: list[str]


def play(scenario: Scenario, change: Change, cell: Cell, seconds: float, cores: Path) -> None:
    """One slice."""
    with tempfile.TemporaryDirectory(prefix="aibench-soak-") as name, changed_command(change):
        scratch = Path(name)
        (scratch / "logs").mkdir()
        (endpoint,) = triton_endpoints(scenario.plan)
        models = repository(scenario, change, scratch / "models")
        cell.slices += 1
        with contextlib.closing(ShortFolder()) as short, Processes(scratch / "logs") as processes, contextlib.chdir(cores):
            sockets = Sockets(short.path)
            server = TritonServer(scenario.plan, processes, models, endpoint, scratch / "trace.json", sockets)
            try:
                server.wait_ready(120)
                server.await_answers()
            except EnvironmentFailure as failure:
                cell.failed_starts.append(failure.message)
                return
            server.watch(10.0)
            traffic = Traffic(scenario, change, sockets.target(endpoint), f"{scenario.name}/{change.name}/{cell.slices}")
            began = time.monotonic()
            asyncio.run(traffic.send(seconds, lambda: _dead(server)))
            _count(cell, traffic, time.monotonic() - began, server.child)


def _dead(server: TritonServer) -> bool:
    server.look()
    return server.child.died


def _count(cell: Cell, traffic: Traffic, seconds: float, child: Child) -> None:
    cell.calls += traffic.calls
    cell.failed += traffic.failed
    cell.seconds += seconds
    for what, count in traffic.errors.items():
        cell.errors[what] = cell.errors.get(what, 0) + count
    if child.died:
        cell.deaths.append(Death(slice=cell.slices, how=how_it_died(child), after=traffic.calls, log_end=child.log_end()))


def bound(deaths: int, calls: int) -> float:
    """The largest rate of deaths per call that is compatible with so many, at 95 %: with none, 3.0 / calls."""
    return float(chi2.ppf(0.95, 2 * (deaths + 1)) / 2 / calls) if calls else float("inf")


def _row(name: str, cells: Sequence[Cell]) -> str:
    calls, deaths = sum(c.calls for c in cells), sum(len(c.deaths) for c in cells)
    starts, refused = sum(c.slices for c in cells), sum(len(c.failed_starts) for c in cells)
    failed = sum(c.failed for c in cells)
    return f"| {name} | {calls:,} | {failed:,} | {starts} | {refused} | {deaths} | {bound(deaths, calls):.1e} |"


def summary(state: State) -> str:
    head = "| | calls | failed | starts | failed starts | deaths | fewer deaths per call than, at 95 % |\n|" + " --- |" * 7
    rows = [_row(change.name, [c for c in state.cells if c.change == change.name]) for change in CHANGES]
    rows += [_row(name, [c for c in state.cells if c.scenario == name]) for name in SCENARIOS]
    rows.append(_row("all", state.cells))
    calls = sum(cell.calls for cell in state.cells)
    lines = [head, *rows, f"\n{calls:,} model calls are {calls / GOAL:.1%} of {GOAL:,}"]
    for cell in state.cells:
        lines += [f"\n{cell.scenario}, {cell.change}, slice {d.slice}: {d.how} after {d.after:,} calls{d.log_end}" for d in cell.deaths]
        lines += [f"\n{cell.scenario}, {cell.change}: {start}" for start in cell.failed_starts]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("--seconds", type=float, default=270.0, help="of this call, preparation included")
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--data", default="synthetic")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS))
    parser.add_argument("--changes", help=f"numbers of {', '.join(f'{n} {c.name}' for n, c in enumerate(CHANGES))}".replace("%", "%%"))
    given = parser.parse_args()
    path: Path = given.state.resolve()
    state = State.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else State()
    changes = [CHANGES[int(n)] for n in given.changes.split(",")] if given.changes else list(CHANGES)
    cores = path.parent / "cores"
    cores.mkdir(exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    ends = time.monotonic() + given.seconds
    scratch = Path(tempfile.mkdtemp(prefix="aibench-soak-"))
    opened: dict[str, Scenario] = {}
    try:
        while (left := ends - time.monotonic()) > 5.0:
            cells = [(state.cell(name, change.name), change) for change in changes for name in given.scenarios.split(",")]
            cell, change = min(cells, key=lambda pair: pair[0].seconds)
            if cell.scenario not in opened:
                opened[cell.scenario] = open_scenario(cell.scenario, given.data, given.size, scratch)
            play(opened[cell.scenario], change, cell, min(SLICE_S, left), cores)
            write_text(path, state.model_dump_json(indent=1) + "\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stdout.write(summary(state))


if __name__ == "__main__":
    main()
