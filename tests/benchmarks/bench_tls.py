"""What mutual TLS costs. python tests/benchmarks/bench_tls.py [requests]

Two deployments of tests/specs/small.aib on this machine (synthetic data, tiny models), one plain and one with certificates, that differ in
nothing else; calls go to one and the other in turn, so that whatever else the machine does meets both.

1. A hop: the planner's client calling the query parser.
2. The whole path: a request through the planner, services and Triton.
3. A connection: from nothing to the first answer of the health service.

For each: median and 90th percentile in ms and CPU in ms per call of everything that takes part, plain and with TLS, and the ratio of
the medians with its 95 % interval (bootstrap over pairs).
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runtime"))

from aibenchrt.control.assets import prepare
from aibenchrt.control.certificates import certify
from aibenchrt.control.options import RunOptions
from aibenchrt.control.process import Processes
from aibenchrt.control.triton import assemble, backends, environment, listening, program
from aibenchrt.plan import read_plan
from aibenchrt.planner.clients import ServiceClient
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
def deployment(folder: Path, first_port: int, secure: bool) -> Iterator[Parts]:
    """Everything of the scenario, ready."""
    generated = folder / "generated"
    compiler = str(Path(sys.executable).with_name("aibenchc"))
    subprocess.run([compiler, "compile", str(SPEC), "--out", str(generated), "--ports-from", str(first_port)], check=True)
    plan = read_plan(generated / "plan.json")
    assets = prepare(plan, RunOptions(form="synthetic", size="tiny"), folder / "prepared")
    repository = assemble(plan, generated, {stage: version.folder for stage, version in assets.models.items()}, folder / "triton")
    tls = {}
    if secure:
        made = certify(folder / "tls", {f"{role}/h1": ["127.0.0.1"] for role in ROLES}, 1)
        tls = {role: made / role / "h1" for role in ROLES}
    (folder / "logs").mkdir()
    with Processes(folder / "logs") as processes:
        parts = Parts(plan, folder, processes, tls)
        endpoint = parts.endpoint("triton")
        command = [program(), "--model-repository", str(repository), "--backend-directory", str(backends())]
        command += ["--disable-auto-complete-config", "--model-control-mode=none", *listening(endpoint, tls.get("triton"))]
        processes.start("triton", "triton", command, environment(endpoint))
        tasks = [step.task for step in plan.steps if step.kind == "service"]
        for task in (*tasks, "planner"):
            parts.start(task, ready=False)
        for task in (*tasks, "planner"):
            parts.wait_ready(task)
        yield parts


def cpu(parts: Parts) -> float:
    """Seconds that the processes of a deployment have used; Triton's stubs, which do no TLS, are not in it."""
    return sum(cpu_seconds(child.pid) for child in parts.processes.children)


def in_turn(both: Sequence[Callable[[], float]], count: int) -> list[list[float]]:
    """Milliseconds of `count` calls of each, one after the other, first one first and then the other."""
    taken: list[list[float]] = [[], []]
    for number in range(count):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            taken[which].append(both[which]() * 1e3)
    return taken


def measured(both: Sequence[Callable[[], float]], count: int, deployments: Sequence[Parts]) -> dict[str, Any]:
    in_turn(both, min(WARM, count))
    before = [cpu(parts) for parts in deployments]
    plain, secure = in_turn(both, count)
    spent = [(cpu(parts) - start) / count * 1e3 for parts, start in zip(deployments, before, strict=True)]
    rng = Random(7)
    ratios = []
    for _ in range(BOOTSTRAP):
        drawn = [rng.randrange(count) for _ in range(count)]
        ratios.append(statistics.median(secure[i] for i in drawn) / statistics.median(plain[i] for i in drawn))
    ratios.sort()
    return {
        "calls": count,
        "plain_ms": [round(statistics.median(plain), 3), round(statistics.quantiles(plain, n=10)[8], 3)],
        "tls_ms": [round(statistics.median(secure), 3), round(statistics.quantiles(secure, n=10)[8], 3)],
        "servers_cpu_ms": [round(value, 3) for value in spent],
        "ratio": round(statistics.median(secure) / statistics.median(plain), 3),
        "interval": [round(ratios[int(BOOTSTRAP * 0.025)], 3), round(ratios[int(BOOTSTRAP * 0.975)], 3)],
    }


def hop(loop: asyncio.AbstractEventLoop, parts: Parts) -> tuple[Callable[[], float], Callable[[], None]]:
    """(one call, close)."""
    step, stubs = next(step for step in parts.plan.steps if step.task == "parse"), parts.stubs()
    inputs = {"text": stubs.message("Text")(text="cheap romantic films of the 1980s")}

    async def opened() -> ServiceClient:
        client = ServiceClient(step, stubs, [parts.endpoint("parse")], parts.identity("planner"))
        await client.connect(20)
        return client

    client = loop.run_until_complete(opened())

    async def call() -> float:
        began = time.perf_counter()
        await client.call(1, inputs, 10.0)
        return time.perf_counter() - began

    return lambda: loop.run_until_complete(call()), lambda: loop.run_until_complete(client.close())


def connection(parts: Parts) -> Callable[[], float]:
    identity, endpoint = parts.identity("planner"), parts.endpoint("parse")

    def connect() -> float:
        began = time.perf_counter()
        assert health(endpoint, identity, "service") == 1
        return time.perf_counter() - began

    return connect


def whole_path(client: Any) -> Callable[[], float]:
    def ask() -> float:
        said, took = client.ask()
        assert not said, said
        return float(took)

    return ask


def measure(folder: Path, count: int) -> dict[str, Any]:
    found = {}
    with contextlib.ExitStack() as stack:
        both = []
        for name in ("plain", "tls"):
            (folder / name).mkdir()
            both.append(stack.enter_context(deployment(folder / name, free_block(), name == "tls")))
        loop = asyncio.new_event_loop()
        hops = [hop(loop, parts) for parts in both]
        found["hop"] = measured([call for call, _ in hops], count * 4, both)
        for _, close in hops:
            close()
        loop.close()
        clients = [stack.enter_context(parts.client()) for parts in both]
        found["whole path"] = measured([whole_path(client) for client in clients], count, both)
        found["connection"] = measured([connection(parts) for parts in both], max(20, count // 4), both)
    return found


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
        found = measure(Path(scratch), count)
    table = Table(
        "", "calls", "plain p50 / p90 ms", "TLS p50 / p90 ms", "servers' CPU ms a call", "ratio of p50 (95 %)", title="Mutual TLS"
    )
    for name, row in found.items():
        pairs = [" / ".join(f"{value:.2f}" for value in row[key]) for key in ("plain_ms", "tls_ms", "servers_cpu_ms")]
        table.add_row(name, str(row["calls"]), *pairs, f"{row['ratio']:.2f} ({row['interval'][0]:.2f}–{row['interval'][1]:.2f})")
    Console(stderr=True, width=130).print(table)
    found["load_average"] = float(Path("/proc/loadavg").read_text().split()[0])
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
