"""What the planner costs. python tests/benchmarks/bench_planner.py [seconds]

1. A whole local run on real services (the tests' plan without AI tasks): per request, response time minus the client-observed times of
   the calls on its critical path, divided by the hops on it; medians. By the planner's own clock and by the load generator's.
2. In one process and one event loop, in turn: the planner's client calling a real service, minus the service's own service time,
   against a bare gRPC echo of as many bytes each way. bench_triton.py does the same for AI tasks.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import grpc.aio
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord
from aibenchrt.control.assets import prepare
from aibenchrt.control.local.process import Processes
from aibenchrt.control.local.run import healthy, run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.planner.clients import ServiceClient
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import CHANNEL_OPTIONS
from local_plan import local_plan
from shop_plan import free_ports, generate

CALLS = 2000


def critical_path(calls: Sequence[CallRecord], answers: set[str]) -> list[CallRecord]:
    """The calls from the one that completed the response back to the request, each waiting for the next."""
    by_task = {call.task: call for call in calls if not call.after}
    call = max((c for task, c in by_task.items() if task in answers), key=lambda c: c.end_ns)
    path = [call]
    while call.waited_for:
        call = by_task[call.waited_for]
        path.append(call)
    return path


def overhead(run: Run) -> dict[str, float]:
    """Medians in µs."""
    answers = {source.task for part in run.plan.response for source in part.sources}
    planner, client, hops = [], [], []
    for request in run.measured:
        if request.outcome != "ok":
            continue
        path = critical_path(run.calls_of[request.request_id], answers)
        called = sum(call.end_ns - call.start_ns for call in path)
        hops.append(len(path))
        planner.append((request.planner_ns - called) / len(path) / 1e3)
        client.append((request.done_ns - request.sent_ns - called) / len(path) / 1e3)
    return {
        "requests": len(hops),
        "hops_median": statistics.median(hops),
        "planner_overhead_per_hop_us_median": round(statistics.median(planner), 1),
        "with_the_client's_own_hop_per_hop_us_median": round(statistics.median(client), 1),
    }


async def calls_against_echo(folder: Path, service: str, echo: str) -> dict[str, float]:
    """Medians in µs over CALLS calls of each kind, which alternate."""
    plan, stubs = local_plan([1, 2, 3, 4, 5]), load_stubs(folder)
    step = next(step for step in plan.steps if step.task == "parse")
    client = ServiceClient(step, stubs, [service])
    inputs = {"text": stubs.message("Text")(text="cheap romantic films of the 1980s")}
    await client.connect(10)
    async with grpc.aio.insecure_channel(echo, options=CHANNEL_OPTIONS) as channel:
        await asyncio.wait_for(channel.channel_ready(), 10)
        bare: Any = channel.unary_unary("/bare.Echo/Call")
        payload = bytes(stubs.message("ParseReply")(**(await client.call(0, inputs, None)).outputs).ByteSize() + 16)
        ours, service_ns, theirs = [], [], []
        for number in range(-200, CALLS):
            start = time.perf_counter_ns()
            reply = await client.call(number, inputs, 5.0)
            middle = time.perf_counter_ns()
            await bare(payload, timeout=5.0)
            end = time.perf_counter_ns()
            if number >= 0:
                ours.append(middle - start - reply.service_ns)
                service_ns.append(reply.service_ns)
                theirs.append(end - middle)
    await client.close()
    return {
        "calls": CALLS,
        "payload_bytes": len(payload),
        "call_minus_service_us_median": round(statistics.median(ours) / 1e3, 1),
        "service_us_median": round(statistics.median(service_ns) / 1e3, 1),
        "bare_echo_us_median": round(statistics.median(theirs) / 1e3, 1),
        "ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
    }


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        ports = free_ports(6)
        folder = generate(local_plan(ports[:5], seconds), Path(scratch, "generated"))
        options = RunOptions(variant="synthetic", rate=50.0)
        measured = overhead(read_run(run_local(folder, Path(scratch, "runs"), options)))
        plan = local_plan(ports[:5])
        prepared = prepare(plan, options, Path(scratch, "prepared")).prepared
        logs = Path(scratch, "logs")
        logs.mkdir()
        with Processes(logs) as processes:
            service, echo = f"127.0.0.1:{ports[1]}", f"127.0.0.1:{ports[5]}"
            command = [
                sys.executable,
                "-m",
                "aibenchrt.serve.service_host",
                "--generated",
                str(folder),
                "--task",
                "parse",
                "--address",
                service,
            ]
            child = processes.start("parse", "service", [*command, "--prepared", str(prepared), "--state", str(logs)])
            processes.start("echo", "other", [sys.executable, str(Path(__file__).with_name("bare_echo.py")), echo])
            processes.wait_ready(child, lambda: healthy(service, None), 60)
            against = asyncio.run(calls_against_echo(folder, service, echo))
    load = subprocess.run(["cat", "/proc/loadavg"], capture_output=True, text=True, check=True).stdout.split()[0]
    sys.stdout.write(json.dumps({"run": measured, "call": against, "load_average": float(load)}, indent=1) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
