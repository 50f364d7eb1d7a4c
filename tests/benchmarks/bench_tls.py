"""What mutual TLS and Unix sockets cost. python tests/benchmarks/bench_tls.py [requests]

Four deployments of tests/specs/small.aib on this machine (synthetic data, tiny models): plain on loopback, with certificates, through Unix
sockets as a local run has them, and plain again; they differ in nothing else. Calls go to one after the other, so that whatever else the
machine does meets all. What the second plain one differs from the first is what chance and placement do: a ratio that is no further from 1
says nothing.

1. A hop: the planner's client calling the query parser.
2. The whole path: a request through the planner, services and Triton.
3. A connection: from nothing to the first answer of the health service.

For each: 10th, 50th and 90th percentile in ms, CPU of the deployment's processes in ms a call, and the ratio of the medians to the first
plain one's with its 95 % interval (bootstrap over rounds).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from aibenchrt.control.assets import prepare
from aibenchrt.control.cluster.certificates import certify
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.triton import assemble, backends, environment, listening, program
from aibenchrt.control.options import RunOptions
from aibenchrt.plan import read_plan
from aibenchrt.planner.clients import ServiceClient
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import Sockets, role_name
from replicas import Parts, health
from rich.console import Console
from rich.table import Table
from service_process import cpu_seconds
from shop_plan import free_ports

SPEC = Path(__file__).resolve().parents[1] / "specs" / "small.aib"
ROLES = ("planner", "service", "triton", "generator")
WARM = 50
BOOTSTRAP = 1000


@contextlib.contextmanager
def deployment(folder: Path, first_port: int, kind: str, spec: Path = SPEC, variant: str = "synthetic") -> Iterator[Parts]:
    """All processes of the scenario, ready."""
    generated = folder / "generated"
    compiler = str(Path(sys.executable).with_name("aibenchc"))
    subprocess.run([compiler, "compile", str(spec), "--out", str(generated), "--first-port", str(first_port)], check=True)
    plan = read_plan(generated / "plan.json")
    assets = prepare(plan, RunOptions(variant=variant, size="tiny"), folder / "prepared")
    repository = assemble(plan, generated, {stage: version.folder for stage, version in assets.models.items()}, folder / "triton")
    tls = {}
    if kind == "tls":
        named = {role: [role_name(role, step.task) for step in plan.steps] for role in ("service", "triton")}
        made = certify(folder / "tls", {f"{role}/h1": ["127.0.0.1", *named.get(role, ())] for role in ROLES}, 1)
        tls = {role: made / role / "h1" for role in ROLES}
    (folder / "logs").mkdir()
    with contextlib.closing(ShortFolder()) as short, Processes(folder / "logs") as processes:
        parts = Parts(plan, folder, processes, tls, short.path if kind == "sockets" else None)
        endpoint = parts.endpoint("triton")
        address = Sockets(short.path).target(endpoint) if kind == "sockets" else endpoint
        command = [program(), "--model-repository", str(repository), "--backend-directory", str(backends())]
        command += ["--disable-auto-complete-config", "--model-control-mode=none", *listening(address, tls.get("triton"))]
        processes.start("triton", "triton", command, environment(endpoint))
        tasks = [step.task for step in plan.steps if step.kind == "service"]
        for task in (*tasks, "planner"):
            parts.start(task, ready=False)
        for task in (*tasks, "planner"):
            parts.wait_ready(task)
        yield parts


def cpu(parts: Parts) -> float:
    """CPU seconds that the processes of a deployment have used, without Triton's stubs, which do no TLS."""
    return sum(cpu_seconds(child.pid) for child in parts.processes.children)


def in_turn(calls: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Milliseconds of `rounds` calls of each kind; every round begins with another kind."""
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(rounds):
        for place in range(len(calls)):
            which = (number + place) % len(calls)
            taken[which].append(calls[which]() * 1e3)
    return taken


def measured(calls: Sequence[Callable[[], float]], rounds: int, deployments: Mapping[str, Parts]) -> dict[str, Any]:
    """Deployment → its figures."""
    in_turn(calls, min(WARM, rounds))
    before = [cpu(parts) for parts in deployments.values()]
    taken = in_turn(calls, rounds)
    spent = [(cpu(parts) - start) / rounds * 1e3 for parts, start in zip(deployments.values(), before, strict=True)]
    return {
        name: {
            "calls": rounds,
            "p10_p50_p90_ms": [round(statistics.quantiles(times, n=10)[k], 3) for k in (0, 4, 8)],
            "cpu_ms": round(cpu_ms, 3),
            "ratio_of_p50": ratio(times, taken[0]),
        }
        for name, times, cpu_ms in zip(deployments, taken, spent, strict=True)
    }


def ratio(these: list[float], to: list[float]) -> list[float]:
    """The ratio of the medians, with its 95 % interval."""
    rng, count = Random(7), len(to)
    drawn = ([rng.randrange(count) for _ in range(count)] for _ in range(BOOTSTRAP))
    resampled = sorted(statistics.median(these[i] for i in rounds) / statistics.median(to[i] for i in rounds) for rounds in drawn)
    values = (statistics.median(these) / statistics.median(to), resampled[int(BOOTSTRAP * 0.025)], resampled[int(BOOTSTRAP * 0.975)])
    return [round(value, 3) for value in values]


def hop(loop: asyncio.AbstractEventLoop, parts: Parts) -> tuple[Callable[[], float], Callable[[], None]]:
    """(one call, close)."""
    step, stubs = next(step for step in parts.plan.steps if step.task == "parse"), parts.stubs()
    inputs = {"text": stubs.message("Text")(text="cheap romantic films of the 1980s")}

    async def opened() -> ServiceClient:
        client = ServiceClient(step, stubs, [parts.endpoint("parse")], parts.access("planner"))
        await client.connect(20)
        return client

    client = loop.run_until_complete(opened())

    async def call() -> float:
        began = time.perf_counter()
        await client.call(1, inputs, 10.0)
        return time.perf_counter() - began

    return lambda: loop.run_until_complete(call()), lambda: loop.run_until_complete(client.close())


def connection(parts: Parts) -> Callable[[], float]:
    access, endpoint = parts.access("planner"), parts.endpoint("parse")

    def connect() -> float:
        began = time.perf_counter()
        assert health(endpoint, access, "service") == 1
        return time.perf_counter() - began

    return connect


def whole_path(client: Any) -> Callable[[], float]:
    def ask() -> float:
        said, took = client.ask()
        assert not said, said
        return float(took)

    return ask


def measure(folder: Path, count: int) -> dict[str, Any]:
    figures = {}
    with contextlib.ExitStack() as stack:
        deployments = {}
        for name in ("plain", "tls", "sockets", "plain again"):
            place = folder / name.replace(" ", "-")  # Triton starts its stubs through a shell
            place.mkdir()
            deployments[name] = stack.enter_context(deployment(place, free_block(), name))
        loop = asyncio.new_event_loop()
        hops = [hop(loop, parts) for parts in deployments.values()]
        figures["hop"] = measured([call for call, _ in hops], count * 4, deployments)
        for _, close in hops:
            close()
        loop.close()
        clients = [stack.enter_context(parts.client()) for parts in deployments.values()]
        figures["whole path"] = measured([whole_path(client) for client in clients], count, deployments)
        figures["connection"] = measured([connection(parts) for parts in deployments.values()], max(20, count // 4), deployments)
    return figures


def free_block() -> int:
    """The first of a few ports in a row that are free."""
    for port in free_ports(200):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for number in range(port, port + 12):
                probe = stack.enter_context(socket.socket())
                probe.bind(("127.0.0.1", number))
            return port
    raise RuntimeError("no free ports in a row")


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch), count)
    table = Table("", "deployment", "calls", "p10 / p50 / p90 ms", "CPU ms a call", "p50 to plain's (95 %)", title="Ways to connect")
    for what, rows in figures.items():
        for name, row in rows.items():
            middle, low, high = row["ratio_of_p50"]
            times = " / ".join(f"{value:.2f}" for value in row["p10_p50_p90_ms"])
            table.add_row(what, name, str(row["calls"]), times, f"{row['cpu_ms']:.2f}", f"{middle:.2f} ({low:.2f}–{high:.2f})")
    Console(stderr=True, width=130).print(table)
    figures["load_average"] = float(Path("/proc/loadavg").read_text().split()[0])
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
