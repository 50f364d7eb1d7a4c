"""A whole run on this machine: prepare, start, ready, warm-up, load, extra, stop, collect. Every part is a process of its own on loopback.

Whatever happens, all processes are gone when run_local returns or raises, and the run directory says how far it got.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aibenchrt import command_lines
from aibenchrt.collect import schema
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import ExtraRun, Issued, write_run_info
from aibenchrt.control import run_info
from aibenchrt.control.assets import Assets, messages_for, prepare
from aibenchrt.control.collect import gather_calls, read_generator, write_records
from aibenchrt.control.journal import Journal
from aibenchrt.control.local.process import Child, Processes, died, terminations
from aibenchrt.control.local.resources import Sampler
from aibenchrt.control.local.triton import TritonServer, assemble
from aibenchrt.control.options import RunOptions, effective, ports
from aibenchrt.control.run_directory import disk_full, new_directory
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.issue import Settings, issue
from aibenchrt.load.messages import write_messages
from aibenchrt.load.schedule import read_trace, schedule
from aibenchrt.load.supplement import extra_rows
from aibenchrt.plan import Plan, read_plan
from aibenchrt.planner.program import check_plan
from aibenchrt.process_names import process_name
from aibenchrt.wire.proto import Stubs, load_stubs

TRIALS = 3  # warm-up requests of each class before the load's own warm-up, with answers looked at
TRIAL_FROM = 2_000_000_000
GENERATOR_SLACK_S = 60.0

Prepare = Callable[[Plan, RunOptions, Path], Assets]  # (the plan as compiled, options, the folder for what services read)


@dataclass
class _Run:
    """The run under way: what stages hand on. compiled: the plan with the models as compiled; plan: as it runs."""

    generated: Path
    directory: Path
    options: RunOptions
    prepare: Prepare
    compiled: Plan
    plan: Plan
    stubs: Stubs
    journal: Journal
    processes: Processes
    started: datetime
    assets: Assets | None = None
    triton: TritonServer | None = None
    rows: list[ScheduleRecord] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    records: list[Path] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    generators: list[Issued] = field(default_factory=list)
    extra: tuple[ExtraRun, ...] = ()
    outcome: Literal["completed", "interrupted", "failed"] = "failed"
    silent: EnvironmentFailure | None = None  # Triton lives, and does not answer

    @property
    def triton_steps(self) -> bool:
        return any(step.kind == "ai" for step in self.plan.steps)

    @property
    def planners(self) -> tuple[str, ...]:
        return endpoints(self.plan, "planner")


def run_local(generated: Path, runs: Path, options: RunOptions | None = None, prepare: Prepare = prepare) -> Path:
    """Runs a generated scenario and returns its run directory, made below `runs`. prepare: where its data and models come from.

    EnvironmentFailure: AIB602 port in use (before anything starts), AIB605 disk full, AIB607 a process died, AIB608 not ready in time,
    AIB612 no Triton here, AIB613 a plan that cannot be executed, AIB655 a request fails, and what preparation raises.
    KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    options = options or RunOptions()
    compiled = read_plan(generated / "plan.json")
    check_plan(compiled)
    plan = effective(compiled, options)
    stubs = load_stubs(generated)
    check_ports(plan)
    started = datetime.now(UTC)
    directory = new_directory(runs, f"{plan.scenario}-{started:%Y%m%d-%H%M%S}")
    journal = Journal(directory / "journal.json")
    with terminations(), disk_full(directory), Processes(directory / "logs") as processes:
        run = _Run(generated.resolve(), directory, options, prepare, compiled, plan, stubs, journal, processes, started)
        with Sampler(lambda: list(processes.children)) as sampler:
            try:
                _stages(run)
                run.outcome = "completed"
            except KeyboardInterrupt:
                run.outcome = "interrupted"
                raise
            finally:
                _finish(run, sampler)
        if run.silent:
            raise run.silent
    return directory


def check_ports(plan: Plan) -> None:
    """EnvironmentFailure AIB602 if anything listens where the plan's services are to listen."""
    for task, endpoint in ports(plan):
        host, port = endpoint.rsplit(":", 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                raise EnvironmentFailure("AIB602", endpoint=endpoint, what=f"'{task}'", reason=error.strerror) from error


def endpoints(plan: Plan, task: str) -> tuple[str, ...]:
    return next((service.endpoints for service in plan.services if service.task == task), ())


def healthy(endpoint: str) -> bool:
    """The standard gRPC health check: SERVING."""
    with grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


# -- stages


def _stages(run: _Run) -> None:
    journal = run.journal
    with journal.stage("prepare"):
        _prepare(run)
    with journal.stage("start"):
        services = _start_services(run)
    with journal.stage("ready"):
        _await_ready(run, services)
    with journal.stage("warmup"):
        _warm_up(run)
    with journal.stage("load"):
        load = run.plan.load
        _drive(run, "load", run.rows, load.warmup_s, load.duration_s)
    extra = _extra_rows(run) if run.options.extra else []
    if extra:
        with journal.stage("extra"):
            run.rows = run.rows + extra
            _drive(run, "extra", extra, 0.0, max(row.offset_s for row in extra))


def _prepare(run: _Run) -> None:
    plan, options = run.plan, run.options
    (run.directory / "plan.json").write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.copy2(run.generated / "load.json", run.directory / "load.json")
    if (run.generated / "distilled.svg").is_file():  # a plan written by hand has no picture
        shutil.copy2(run.generated / "distilled.svg", run.directory / "distilled.svg")
    assets = run.assets = run.prepare(run.compiled, options, run.directory / "prepared")
    counts = {name: len(payloads) for name, payloads in assets.payloads.items()}
    run.rows = schedule(plan.load, plan.requests, counts, plan.load.seed, _trace(run))
    if run.triton_steps:
        weights = {stage: version.folder for stage, version in assets.models.items()}
        assemble(plan, run.generated, weights, run.directory / "triton")


def _trace(run: _Run) -> tuple[float, ...]:
    """The offsets of a trace load; empty for every other."""
    if not run.plan.load.trace:
        return ()
    return read_trace(run.generated / run.plan.load.trace)


def _start_services(run: _Run) -> list[tuple[Child, str]]:
    """Starts services and Triton. Returns (child, endpoint) of the services."""
    state = run.directory / "state"
    state.mkdir()
    assert run.assets is not None
    started = []
    for step in run.plan.steps:
        if step.kind != "service":
            continue
        for replica, endpoint in enumerate(endpoints(run.plan, step.task)):
            command = command_lines.service(sys.executable, run.generated, step.task, endpoint, run.assets.prepared, state)
            name = process_name(step.task, replica)
            started.append((run.processes.start(name, "service", command.words, replica=replica), endpoint))
    if run.triton_steps:
        (endpoint,) = endpoints(run.plan, "triton")[:1]
        run.triton = TritonServer(run.plan, run.processes, run.directory / "triton", endpoint, run.directory / "triton_trace.json")
    return started


def _await_ready(run: _Run, services: list[tuple[Child, str]]) -> None:
    """Everything behind the planner first, then the planners, which connect to all of it before they say that they serve."""
    limit = run.options.ready_s
    if run.triton:
        run.triton.wait_live(limit)
        run.triton.load_models()
    for child, endpoint in services:
        run.processes.wait_ready(child, lambda endpoint=endpoint: healthy(endpoint), limit)  # type: ignore[misc]
    planners = []
    for replica, endpoint in enumerate(run.planners):
        records = run.directory / f"calls-{replica}.jsonl"
        run.records.append(records)
        command = command_lines.planner(sys.executable, run.generated, endpoint, records, replica, plan=run.directory / "plan.json")
        planners.append((run.processes.start(f"planner-{replica}", "planner", command.words, replica=replica), endpoint))
    for child, endpoint in planners:
        run.processes.wait_ready(child, lambda endpoint=endpoint: healthy(endpoint), limit)  # type: ignore[misc]


def _warm_up(run: _Run) -> None:
    """A few requests of each class through every planner, whose answers must hold something; nothing of them is repeated by the load."""
    assert run.assets is not None
    trials = run.assets.trial
    rows = [
        ScheduleRecord(TRIAL_FROM + n * 1000 + k, request.name, "extra", k, 0.0)
        for n, request in enumerate(run.plan.requests)
        for k in range(min(TRIALS * len(run.planners), len(trials[request.name])))
    ]
    messages = messages_for(run.plan, run.stubs, trials, rows)
    with tempfile.TemporaryDirectory(prefix="aibench-trial-") as scratch:  # nobody asks for what was answered
        contents = Contents(Path(scratch))
        for row in rows:  # one after the other
            records, _ = issue([row], messages, _settings(run, 0.0, 1.0), run.stubs.message("ScenarioReply"), contents)
            if records[0].outcome != "ok":
                run.processes.check()
                raise EnvironmentFailure("AIB655", request_class=row.request_class, reason=records[0].error, logs=run.directory / "logs")
    if run.triton:
        run.statistics = {"before": run.triton.statistics()}


def _extra_rows(run: _Run) -> list[ScheduleRecord]:
    assert run.assets is not None
    counts = {name: len(payloads) for name, payloads in run.assets.payloads.items()}
    rows, run.extra = extra_rows(run.plan, run.rows, counts, run.options.extra_s)
    return rows


def _drive(run: _Run, name: Literal["load", "extra"], rows: list[ScheduleRecord], warmup_s: float, duration_s: float) -> None:
    """Runs the generator as a process of its own. EnvironmentFailure AIB607: a part died; the generator has then written what it had."""
    assert run.assets is not None
    folder = run.directory / name
    folder.mkdir()
    run.folders.append(folder)
    schema.write(folder / "schedule.parquet", rows, ScheduleRecord)
    write_messages(folder / "payloads.parquet", messages_for(run.plan, run.stubs, run.assets.payloads, rows))
    sent = command_lines.Sent(
        generated=run.generated,
        schedule=folder / "schedule.parquet",
        payloads=folder / "payloads.parquet",
        target=",".join(run.planners),
        out=folder,
        warmup_s=warmup_s,
        duration_s=duration_s,
        think_s=run.plan.load.think_s or 0.0,
    )
    command = command_lines.generator(sys.executable, sent, run.options.timeout_s)
    generator = run.processes.start("generator" if name == "load" else "generator-extra", "generator", command.words)
    generator.ends = True
    began, expected = time.monotonic(), warmup_s + duration_s
    while generator.process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            generator.process.wait(0.2)
        passed = time.monotonic() - began
        run.options.progress("load" if name == "load" else "extra run of rare classes", min(1.0, passed / max(expected, 0.001)))
        dead = next((child for child in run.processes.children if child.died and child is not generator), None)
        if dead or passed > expected + run.options.timeout_s + GENERATOR_SLACK_S:
            run.processes.stop(generator, run.options.timeout_s + GENERATOR_SLACK_S)
            raise died(dead) if dead else EnvironmentFailure("AIB656", log=generator.log)
    if generator.died:
        raise died(generator)


# -- the end


def _finish(run: _Run, sampler: Sampler) -> None:
    """Stops everything and writes what the run was; also for a run that failed or was interrupted.

    A second Ctrl-C kills what is left, and the run is still described; a third one may leave its records uncollected.
    """
    try:
        with run.journal.stage("stop"):
            _stop(run)
    finally:
        run.processes.kill_all()
        if run.triton:
            run.triton.close()
        if run.silent:
            run.journal.amend("stop", str(run.silent).splitlines()[0])
            run.outcome = "failed" if run.outcome == "completed" else run.outcome
        try:
            if run.assets:
                with run.journal.stage("collect"):
                    _collect(run, sampler)
        finally:
            _describe(run)


def _stop(run: _Run) -> None:
    if run.triton and not run.triton.child.died and "before" in run.statistics:
        try:
            run.statistics["after"] = run.triton.statistics()
        except EnvironmentFailure as failure:
            run.silent = failure
    for role in ("generator", "planner"):  # in this order: each drains what the ones behind it must still answer
        for child in [c for c in run.processes.children if c.role == role]:
            run.processes.stop(child)
    run.processes.stop_all()


def _collect(run: _Run, sampler: Sampler) -> None:
    assert run.assets is not None
    requests, run.generators = read_generator(run.folders)
    calls = gather_calls(run.records, [run.directory / "triton_trace.json"], requests)
    write_records(run.directory, run.rows, requests, calls, sampler.records, run.assets.payloads, run.folders)
    text = json.dumps(run.statistics.get("after", {}), indent=1, sort_keys=True)
    (run.directory / "triton.json").write_text(text + "\n", encoding="utf-8")
    for path in (*run.records, run.directory / "triton_trace.json"):
        path.unlink(missing_ok=True)


def _describe(run: _Run) -> None:
    """run.json."""
    issued = run.generators[0] if run.generators else None
    info = run_info.run_info(
        directory=run.directory,
        plan=run.plan,
        compiled=run.compiled,
        options=run.options,
        started=run.started,
        outcome=run.outcome,
        stages=run.journal.entries,
        assets=run.assets,
        rows=run.rows,
        hosts=(run_info.this_host(),),
        processes=run_info.process_infos(run.processes.children),
        window=(issued.window_start_ns, issued.window_end_ns) if issued else (0, 0),
        generator=issued.generator if issued else None,
    )
    write_run_info(run.directory, info.model_copy(update={"extra_runs": run.extra}))


def _settings(run: _Run, warmup_s: float, duration_s: float) -> Settings:
    method = f"/{run.stubs.package}.ScenarioService/Ask"
    return Settings(method, run.planners, warmup_s, duration_s, run.options.timeout_s)
