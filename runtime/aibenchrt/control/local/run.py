"""A whole run on this machine: prepare, start, ready, warm-up, load, supplement, stop, collect. Each part is a process, and
answers at a Unix socket in a folder that is ours alone; the ports of the plan only name them.

Whatever happens, all processes are gone when run_local returns or raises, and the run directory says how far it got.
"""

from __future__ import annotations

import contextlib
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aibenchrt import command_lines
from aibenchrt.collect import schema
from aibenchrt.collect.contents import Contents
from aibenchrt.collect.empty_answers import silent_class
from aibenchrt.collect.hashes import bind
from aibenchrt.collect.merge import read_issued
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import REQUESTS_LINES, Outcome, RunInfo, Supplement, write_run_info
from aibenchrt.control import run_metadata
from aibenchrt.control.assets import Assets, messages_for, prepare
from aibenchrt.control.journal import Journal
from aibenchrt.control.local.keeper import Keeper
from aibenchrt.control.local.live import LiveFigures
from aibenchrt.control.local.process import Child, Processes, died, terminations
from aibenchrt.control.local.process_infos import process_infos
from aibenchrt.control.local.quiet import before_load
from aibenchrt.control.local.resources import Sampler
from aibenchrt.control.local.triton import TritonServer, assemble, runnable_backends
from aibenchrt.control.options import RunOptions, effective
from aibenchrt.control.record_files import joined_calls, requests_of, write_records
from aibenchrt.control.run_directory import disk_full, new_directory
from aibenchrt.control.triton_trace import queue_waits
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import open_plan
from aibenchrt.load.issue import SendingSettings, issue
from aibenchrt.load.messages import write_messages
from aibenchrt.load.schedule import schedule, trace_of
from aibenchrt.load.supplement import supplement_rows
from aibenchrt.plan import Plan, PlanRequest, planner_endpoints, task_endpoints, think_s, triton_endpoints
from aibenchrt.planner.program import check_plan
from aibenchrt.planner.recorder import read_calls
from aibenchrt.process_names import process_name
from aibenchrt.serve.audit_state import audit_states, audited_stages
from aibenchrt.short_folder import ShortFolder
from aibenchrt.state_audit import AUDITS_FILE, write_audits
from aibenchrt.whole_file import write_bytes, write_text
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import Access, Sockets, open_channel

TRIALS = 3  # requests of each class before the load's own warm-up; their answers are checked
TRIAL_FROM = 2_000_000_000
GENERATOR_SLACK_S = 60.0
TRITON_TRACE, TRITON_TRACES = "triton_trace.json", "triton_trace*.json"  # one of each start

Sending = Literal["load", "supplement"]  # name of a stage and of its generator's folder

Prepare = Callable[[Plan, RunOptions, Path], Assets]  # takes the plan as compiled, the options and the folder for what services read


@dataclass(frozen=True)
class LocalRun:
    """What is known before anything is prepared. compiled: the plan with the models as compiled; plan: as it runs."""

    generated: Path
    directory: Path
    options: RunOptions
    prepare: Prepare
    compiled: Plan
    plan: Plan
    stubs: Stubs
    journal: Journal
    processes: Processes
    sockets: Sockets
    sampler: Sampler
    started: datetime

    @property
    def ai_steps(self) -> bool:
        return any(step.kind == "ai" for step in self.plan.steps)

    @property
    def planners(self) -> tuple[str, ...]:
        return planner_endpoints(self.plan)

    @property
    def call_files(self) -> tuple[Path, ...]:
        """One of each planner, in their order."""
        return tuple(self.directory / f"calls-{replica}.jsonl" for replica in range(len(self.planners)))


@dataclass(frozen=True)
class Prepared:
    """Data and models are here. mix: the load's schedule; supplement: that of the rare classes, which supplements describes."""

    run: LocalRun
    assets: Assets
    mix: tuple[ScheduleRecord, ...]
    supplement: tuple[ScheduleRecord, ...]
    supplements: tuple[Supplement, ...]


@dataclass(frozen=True)
class Started:
    """Services (each with its endpoint) and Triton have been started. triton None: the plan has no AI step."""

    prepared: Prepared
    services: tuple[tuple[Child, str], ...]
    triton: TritonServer | None


@dataclass(frozen=True)
class Ready:
    """Services, Triton with its models and the planners answer. keeper: of Triton, None as in Started."""

    prepared: Prepared
    keeper: Keeper | None


Stage = LocalRun | Prepared | Started | Ready


def run_local(generated: Path, runs: Path, options: RunOptions | None = None, prepare: Prepare = prepare) -> Path:
    """Runs a generated scenario and returns its run directory, created below `runs`. prepare: provides its data and models.

    EnvironmentFailure: AIB605 disk full, AIB607 a process died, AIB608 not ready in time,
    AIB612 no Triton here, AIB613 a plan that cannot be executed, AIB655 a request fails, AIB657 a model cannot be loaded, AIB711
    answers hold nothing, and what preparation raises.
    KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    options = options or RunOptions()
    compiled = open_plan(generated / "plan.json")
    check_plan(compiled)
    plan = effective(compiled, options)
    stubs = load_stubs(generated)
    if any(step.kind == "ai" for step in plan.steps):
        runnable_backends()
    started = datetime.now(UTC)
    directory = new_directory(runs, f"{plan.scenario}-{started:%Y%m%d-%H%M%S}")
    journal = Journal(directory / "journal.json")
    with (
        terminations(),
        disk_full(directory),
        contextlib.closing(ShortFolder()) as short,
        Processes(directory / "logs") as processes,
        Sampler(lambda: list(processes.children), platform.node()) as sampler,
    ):
        sockets = Sockets(short.path)
        _run_stages(
            LocalRun(generated.resolve(), directory, options, prepare, compiled, plan, stubs, journal, processes, sockets, sampler, started)
        )
    return directory


def _run_stages(run: LocalRun) -> None:
    """Each stage takes the value of the one before; whatever is raised, the run is finished from the last stage that it reached."""
    reached: Stage = run
    outcome: Outcome = "failed"
    try:
        reached = prepared = _prepare(run)
        reached = started = _start(prepared)
        reached = ready = _await_ready(started)
        _warm_up(ready)
        _send_load(ready)
        if prepared.supplement:
            _send_supplement(ready)
        outcome = "completed"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        silence = _finish(run, reached, outcome)
    if silence:
        raise silence


def healthy(endpoint: str, access: Access) -> bool:
    """The standard gRPC health check: SERVING."""
    with open_channel(endpoint, access, "service") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


# -- stages


def _prepare(run: LocalRun) -> Prepared:
    plan, options, directory = run.plan, run.options, run.directory
    with run.journal.stage("prepare"):
        write_text(directory / "plan.json", plan.model_dump_json(indent=1) + "\n")
        write_bytes(directory / "load.json", (run.generated / "load.json").read_bytes())
        if (run.generated / "distilled.svg").is_file():  # a plan written by hand has no picture
            write_bytes(directory / "distilled.svg", (run.generated / "distilled.svg").read_bytes())
        assets = run.prepare(run.compiled, options, directory / "prepared")
        counts = {name: len(payloads) for name, payloads in assets.payloads.items()}
        mix = options.rows or schedule(plan.load, plan.requests, counts, plan.load.seed, trace_of(plan.load, run.generated))
        supplement, supplements = supplement_rows(plan, mix, counts, options.supplement_s if options.supplement else 0.0)
        if run.ai_steps:
            weights = {stage: version.folder for stage, version in assets.models.items()}
            assemble(plan, run.generated, weights, directory / "triton")
    return Prepared(run, assets, tuple(mix), tuple(supplement), supplements)


def _start(prepared: Prepared) -> Started:
    """Starts the services, then Triton."""
    run = prepared.run
    with run.journal.stage("start"):
        services = _start_services(prepared)
        triton = None
        if run.ai_steps:
            (endpoint,) = triton_endpoints(run.plan)[:1]
            repository, trace = run.directory / "triton", run.directory / TRITON_TRACE
            triton = TritonServer(run.plan, run.processes, repository, endpoint, trace, run.sockets)
    return Started(prepared, services, triton)


def _start_services(prepared: Prepared) -> tuple[tuple[Child, str], ...]:
    run = prepared.run
    state = run.directory / "state"
    state.mkdir()
    services = []
    served = task_endpoints(run.plan)
    for step in run.plan.steps:
        if step.kind != "service":
            continue
        for replica, endpoint in enumerate(served[step.task]):
            command = command_lines.service(
                sys.executable, run.generated, step.task, endpoint, prepared.assets.prepared, state, sockets=run.sockets.folder
            )
            name = process_name(step.task, replica)
            services.append((run.processes.start(name, "service", command.words, replica=replica), endpoint))
    return tuple(services)


def _await_ready(started: Started) -> Ready:
    """Waits for everything behind the planners first, then starts these, which connect to all of it before they report that they serve."""
    prepared, triton = started.prepared, started.triton
    run = prepared.run
    processes, limit = run.processes, run.options.ready_s
    with run.journal.stage("ready"):
        if triton:
            triton.wait_ready(limit)
            triton.await_answers()
        for child, endpoint in started.services:
            processes.wait_ready(child, lambda endpoint=endpoint: healthy(endpoint, run.sockets), limit)  # type: ignore[misc]
        planners = []
        plan = run.directory / "plan.json"
        for replica, (endpoint, calls) in enumerate(zip(run.planners, run.call_files, strict=True)):
            command = command_lines.planner(sys.executable, run.generated, endpoint, calls, replica, plan=plan, sockets=run.sockets.folder)
            planners.append((processes.start(f"planner-{replica}", "planner", command.words, replica=replica), endpoint))
        for child, endpoint in planners:
            processes.wait_ready(child, lambda endpoint=endpoint: healthy(endpoint, run.sockets), limit)  # type: ignore[misc]
    return Ready(prepared, Keeper(triton, run.options.answer_s, limit) if triton else None)


def _warm_up(ready: Ready) -> None:
    """Sends a few requests of each class through every planner and checks that they are answered, and that some answer holds something; the
    load repeats none of them."""
    run, trials = ready.prepared.run, ready.prepared.assets.trial
    rows = [
        ScheduleRecord(TRIAL_FROM + n * 1000 + k, request.name, "supplement", k, 0.0)
        for n, request in enumerate(run.plan.requests)
        for k in range(_trials(request, len(run.planners), len(trials[request.name])))
    ]
    settings = SendingSettings(
        f"/{run.stubs.package}.ScenarioService/Ask", run.planners, 0.0, 1.0, run.options.timeout_s, access=run.sockets
    )
    with (
        run.journal.stage("warmup"),
        tempfile.TemporaryDirectory(prefix="aibench-trial-") as scratch,  # the answers are not kept
    ):
        messages = messages_for(run.plan, run.stubs, trials, rows)
        contents, answered = Contents(Path(scratch)), []
        for row in rows:  # one after the other
            records, _ = issue([row], messages, settings, run.stubs.message("ScenarioReply"), contents)
            answered.append((records[0], trials[row.request_class][row.payload].truth))
            if records[0].outcome != "ok":
                run.processes.check()
                raise EnvironmentFailure("AIB655", request_class=row.request_class, reason=records[0].error, logs=run.directory / "logs")
        if silent := silent_class(run.plan, answered, contents):
            raise EnvironmentFailure("AIB711", request_class=silent, logs=run.directory / "logs")
        before_load(run.sampler, run.options.wait_quiet_s, run.options.progress)


def _trials(request: PlanRequest, planners: int, payloads: int) -> int:
    """How many requests of the class are tried: whole pairs, each payload once."""
    size = 1 if request.pair_apart_s is None else 2
    return min(size * math.ceil(TRIALS * planners / size), payloads - payloads % size)


def _send_load(ready: Ready) -> None:
    run = ready.prepared.run
    load = run.plan.load
    with run.journal.stage("load"), run.sampler.load():
        _send(ready, "load", ready.prepared.mix, load.warmup_s, load.duration_s)


def _send_supplement(ready: Ready) -> None:
    rows = ready.prepared.supplement
    with ready.prepared.run.journal.stage("supplement"):
        _send(ready, "supplement", rows, 0.0, max(row.offset_s for row in rows))


def _send(ready: Ready, name: Sending, rows: Sequence[ScheduleRecord], warmup_s: float, duration_s: float) -> None:
    """Runs the generator as a process of its own. EnvironmentFailure AIB607: a part died; the generator has then written its records so
    far."""
    prepared, run = ready.prepared, ready.prepared.run
    folder = run.directory / name
    folder.mkdir()
    schema.write(folder / "schedule.parquet", rows, ScheduleRecord)
    write_messages(folder / "payloads.parquet", messages_for(run.plan, run.stubs, prepared.assets.payloads, rows))
    sent = command_lines.GeneratorInput(
        generated=run.generated,
        schedule=folder / "schedule.parquet",
        payloads=folder / "payloads.parquet",
        target=",".join(run.planners),
        out=folder,
        warmup_s=warmup_s,
        duration_s=duration_s,
        think_s=think_s(run.plan.load),
    )
    command = command_lines.generator(sys.executable, sent, run.options.timeout_s, sockets=run.sockets.folder)
    generator = run.processes.start("generator" if name == "load" else "generator-supplement", "generator", command.words)
    generator.ends = True
    what = "load" if name == "load" else "supplement of rare classes"
    _await_end(ready, generator, what, warmup_s + duration_s, folder / REQUESTS_LINES)


def _await_end(ready: Ready, generator: Child, what: str, expected_s: float, records: Path) -> None:
    """records: the generator's, as it writes them.

    EnvironmentFailure AIB607, AIB695: it, or another part, died, Triton more often than it is started again; AIB656: it takes far longer
    than expected.
    """
    run = ready.prepared.run
    longest_s = expected_s + run.options.timeout_s + GENERATOR_SLACK_S
    start = time.monotonic()
    live = LiveFigures(records)
    while generator.process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            generator.process.wait(0.2)
        passed = time.monotonic() - start
        shown = live.text()
        run.options.progress(f"{what}: {shown}" if shown else what, min(1.0, passed / max(expected_s, 0.001)))
        try:
            _keep(ready, generator)
            if passed > longest_s:
                raise EnvironmentFailure("AIB656", log=generator.log)
        except EnvironmentFailure:
            run.processes.stop(generator, run.options.timeout_s + GENERATOR_SLACK_S)
            raise
    if generator.died:
        raise died(generator)


def _keep(ready: Ready, generator: Child) -> None:
    """Starts Triton again where it died. EnvironmentFailure AIB607, AIB695: it died too often, or another part did."""
    if ready.keeper:
        ready.keeper.look()
    for child in ready.prepared.run.processes.children:
        if child.died and child is not generator and child.role != "triton":
            raise died(child)


# -- the end


def _finish(run: LocalRun, reached: Stage, outcome: Outcome) -> EnvironmentFailure | None:
    """Stops everything and writes run.json, also for a run that failed or was interrupted. Returns why a running Triton gave no statistics,
    if it did not: a completed run then fails.

    A second Ctrl-C kills the remaining processes, and run.json is still written; a third may leave records uncollected.
    """
    prepared = None if isinstance(reached, LocalRun) else reached if isinstance(reached, Prepared) else reached.prepared
    silence = None
    try:
        with run.journal.stage("stop"):
            silence = _stop(run, reached)
    finally:
        run.processes.kill_all()
        if silence:
            run.journal.amend("stop", str(silence).splitlines()[0])
            outcome = "failed" if outcome == "completed" else outcome
        try:
            if prepared:
                with run.journal.stage("collect"):
                    _audit(prepared)
                    _collect(prepared)
        finally:
            outages = tuple(reached.keeper.outages) if isinstance(reached, Ready) and reached.keeper else ()
            write_run_info(run.directory, _run_info(run, prepared, outcome).model_copy(update={"outages": outages}))
            bind(run.directory)
    return silence


def _stop(run: LocalRun, reached: Stage) -> EnvironmentFailure | None:
    """Returns why Triton gave no statistics, if it did not."""
    statistics: dict[str, Any] = {}
    silence = None
    if isinstance(reached, Ready) and reached.keeper and reached.keeper.serves:
        try:
            statistics = reached.keeper.triton.statistics()
        except EnvironmentFailure as failure:
            silence = failure
    for role in ("generator", "planner"):  # in this order: each waits for calls that the ones behind it must still answer
        for child in [c for c in run.processes.children if c.role == role]:
            run.processes.stop(child)
    run.processes.stop_all()
    write_text(run.directory / "triton.json", json.dumps(statistics, indent=1, sort_keys=True) + "\n")
    return silence


def _audit(prepared: Prepared) -> None:
    """Looks at what the services left behind, now that none of them writes to it any more."""
    run = prepared.run
    if audited_stages(run.plan):
        write_audits(run.directory / AUDITS_FILE, audit_states(run.plan, prepared.assets.prepared, run.directory / "state"))


def _collect(prepared: Prepared) -> None:
    run = prepared.run
    folders = [folder for folder in (run.directory / "load", run.directory / "supplement") if folder.is_dir()]
    traces = sorted(run.directory.glob(TRITON_TRACES))
    requests = requests_of(folders)
    recorded = (call for path in run.call_files if path.exists() for call in read_calls(path))
    calls = joined_calls(recorded, ChainMap(*map(queue_waits, traces)), requests)
    rows = (*prepared.mix, *prepared.supplement)
    sampled, payloads = (run.sampler.records, run.sampler.machine), prepared.assets.payloads
    write_records(run.directory, rows, requests, calls, *sampled, run.plan, payloads, folders)
    for path in (*run.call_files, *traces):
        path.unlink(missing_ok=True)


def _run_info(run: LocalRun, prepared: Prepared | None, outcome: Outcome) -> RunInfo:
    """run.json. prepared None: the run ended before."""
    issued = read_issued(run.directory / "load")
    info = run_metadata.run_info(
        directory=run.directory,
        plan=run.plan,
        compiled=run.compiled,
        options=run.options,
        started=run.started,
        outcome=outcome,
        stages=run.journal.entries,
        assets=prepared.assets if prepared else None,
        rows=(*prepared.mix, *prepared.supplement) if prepared else (),
        hosts=(run_metadata.this_host(),),
        processes=process_infos(run.processes.children),
        window=(issued.window_start_ns, issued.window_end_ns) if issued else (0, 0),
        generator=issued.generator if issued else None,
    )
    return info.model_copy(update={"supplements": prepared.supplements if prepared else (), "bystanders": run.sampler.bystanders})
