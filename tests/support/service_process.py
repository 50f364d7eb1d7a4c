"""Starts real service hosts for tests: a generated folder from a plan of a few tasks, processes, gRPC channels."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from aibenchrt import plan as p
from aibenchrt.catalog import component
from aibenchrt.datasets.worlds import AnyWorld
from aibenchrt.serve.prepare import lay_out, prepare_services
from aibenchrt.wire.proto import ServerTiming, TaskCodec, load_stubs
from aibenchrt.wire.tls import identity_of, open_channel
from shop_plan import free_ports, generate

DEFAULTS: dict[str, dict[str, str | int]] = {
    "database_operation": {"table": "users", "top": 10, "engine": "sqlite"},
    "indexing": {"tier": "all", "shards": 1, "limit": 100},
    "cache_lookup": {"table": "answers"},
    "cache_store": {"table": "answers", "capacity": 10000},
}


def stage(name: str, component_name: str, *feeds: p.StageFeed, **settings: str | int) -> p.PlanStage:
    merged = {**DEFAULTS.get(component_name, {}), **settings}
    return p.PlanStage(name=name, component=component_name, kind="service", settings=merged, feeds=feeds)


def task(name: str, *stages: p.PlanStage) -> p.Step:
    """A step whose inputs are its first stage's and whose outputs are its last one's."""
    first, last = (component(s.component) for s in (stages[0], stages[-1]))
    assert first is not None
    assert last is not None
    inputs = tuple(p.Input(port=_port(port), sources=()) for port in first.ports_for(stages[0].settings).inputs)
    outputs = tuple(_port(port) for port in last.ports_for(stages[-1].settings).outputs)
    return p.Step(task=name, kind="service", family=first.family, stages=stages, inputs=inputs, outputs=outputs)


def single(name: str, component_name: str, **settings: str | int) -> p.Step:
    return task(name, stage(name, component_name, **settings))


def combined_parse_spell() -> p.Step:
    """What R5 makes of parse -> spell."""
    return task(
        "parse_spell",
        stage("parse", "query_parsing", p.StageFeed(input="text", stage=None, port="text")),
        stage("spell", "spelling_correction", p.StageFeed(input="query", stage="parse", port="query")),
    )


def service_plan(*steps: p.Step) -> p.Plan:
    """Named by its wiring: a process loads the stubs of one scenario of a name."""
    request = p.PlanRequest(name="text", share=1.0, dataset="shop", source="queries", ports=(p.PlanPort(name="text", type="Text"),))
    wiring = p.wiring_hash((request,), steps, (), ())
    return p.Plan(
        scenario=f"services_{wiring[:8]}",
        title="Services",
        deployment="local",
        profile="small",
        seed=7,
        graph_hash=wiring,
        datasets={"shop": "movielens_shop"},
        requests=(request,),
        steps=steps,
        choices=(),
        response=(),
        services=(p.PlannerService(endpoints=("127.0.0.1:21000",)),),
        load=p.PlanPoisson(rate=20, duration_s=20, warmup_s=5, seed=7),
        metrics=(),
        percentiles=(50,),
        slo=(),
        quality=(),
        update=(),
        references=(),
    )


@dataclass
class Site:
    """A generated folder, its prepared data and a state folder."""

    plan: p.Plan
    generated: Path
    prepared: Path
    state: Path

    def command(self, task: str, port: int, workers: int = 2, tls: Path | None = None) -> list[str]:
        return [
            sys.executable, "-m", "aibenchrt.serve.service_host", "--generated", str(self.generated), "--task", task,
            "--address", f"127.0.0.1:{port}", "--prepared", str(self.prepared), "--state", str(self.state), "--workers", str(workers),
            *(("--tls", str(tls)) if tls else ()),
        ]  # fmt: skip

    @contextlib.contextmanager
    def running(self, task: str, workers: int = 2, port: int = 0, tls: Path | None = None) -> Iterator[Served]:
        """A host that serves, ended afterwards; with tls it is called by the planner of the same certificates and host. Fails with what
        it said if it ends before."""
        port = port or free_ports(1)[0]
        process = subprocess.Popen(self.command(task, port, workers, tls), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            said = process.stdout.readline()
            if not said.startswith("serving "):
                raise AssertionError(f"the host of {task} did not start: {process.stderr.read()}")
            step = next(step for step in self.plan.steps if step.task == task)
            identity = identity_of(tls.parents[1] / "planner" / tls.name) if tls else None
            with open_channel(f"127.0.0.1:{port}", identity, "service") as channel:
                yield Served(process, port, channel, TaskCodec(load_stubs(self.generated), step))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
                process.wait(120)
            process.stdout.close()
            process.stderr.close()


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int
    channel: grpc.Channel
    codec: TaskCodec

    def start(self, timeout_s: float = 120.0, **inputs: Any) -> Any:
        """Starts a call."""
        method: Any = self.channel.unary_unary(self.codec.method)
        return method.future(self.codec.encode_request(inputs), timeout=timeout_s)

    def call(self, timeout_s: float = 120.0, **inputs: Any) -> tuple[dict[str, Any], ServerTiming]:
        return self.codec.decode_reply(self.start(timeout_s, **inputs).result())


def site(folder: Path, world: AnyWorld, steps: Sequence[p.Step]) -> Site:
    """Compiles and prepares. AIBENCH_HOME decides where prepared data is kept."""
    plan = service_plan(*steps)
    generated = generate(plan, folder / "generated")
    prepared = lay_out(prepare_services(plan, world, {}), folder / "prepared")
    return Site(plan, generated, prepared, folder / "state")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _port(port: Any) -> p.PlanPort:
    return p.PlanPort(name=port.name, type=port.type, optional=port.optional, many=port.many)
