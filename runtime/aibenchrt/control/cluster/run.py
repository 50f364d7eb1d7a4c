"""A whole run on the hosts of an inventory: prepare, ship, deploy, load, collect, by the generated playbooks. The run directory is that of
a run on one machine.

A control host that is interrupted loses nothing: the load goes on without it, the journal says which stage comes next, and `--resume`
goes on there. A load that was not sent whole is never mixed with its repetition: its records stand apart, as an attempt.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from aibenchrt.collect import schema
from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.empty_answers import silent_class
from aibenchrt.collect.hashes import bind
from aibenchrt.collect.merge import together
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import Attempt, Outcome, RunInfo, Supplement, write_run_info
from aibenchrt.control import run_metadata
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.cluster.hosts_audits import read_states
from aibenchrt.control.cluster.hosts_records import HostsRecords, read_hosts
from aibenchrt.control.cluster.playbooks import Playbooks, Replies, TaskFailure, failure
from aibenchrt.control.cluster.quiet import LOOK_TASK, tell_other_work
from aibenchrt.control.cluster.shipment import contents_of, pack
from aibenchrt.control.journal import Journal, StageName
from aibenchrt.control.local.process import terminations
from aibenchrt.control.options import ClusterOptions, RunOptions, effective
from aibenchrt.control.record_files import write_records
from aibenchrt.control.run_directory import disk_full, first_difference, new_directory, stranger
from aibenchrt.deployment import parts
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.libraries import open_plan
from aibenchrt.load.supplement import supplement_rows
from aibenchrt.plan import Plan, plan_hash, step_json, think_s
from aibenchrt.planner.program import check_plan
from aibenchrt.state_audit import AUDITS_FILE, write_audits
from aibenchrt.whole_file import write_bytes, write_text

STATE = "cluster.json"
RECORDS, ATTEMPTS, GENERATED = "records", "attempts", "generated"
MANIFEST = "manifest.json"  # also names the spec's text, in which a comment may have changed


class State(BaseModel):
    """cluster.json: what a resumed run must know of the earlier one. attempt: of the load, from 1; its number is part of the load's
    name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    started: datetime
    plan: str
    attempt: int = 1
    attempts: tuple[Attempt, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class ClusterRun:
    """What is known before anything is prepared. compiled: the plan with the models as compiled; plan: as it runs."""

    directory: Path
    options: ClusterOptions
    compiled: Plan
    plan: Plan
    journal: Journal
    state: State
    playbooks: Playbooks

    @property
    def run_options(self) -> RunOptions:
        return self.options.run


@dataclass(frozen=True)
class Prepared:
    """Data, models and the shipment are here. state: of the attempt that comes next or is running. rows: the whole schedule."""

    run: ClusterRun
    state: State
    assets: Assets
    rows: tuple[ScheduleRecord, ...]
    supplements: tuple[Supplement, ...]

    @property
    def load_name(self) -> str:
        """The name of the load on the hosts."""
        return self.run.directory.name + (f"-attempt-{self.state.attempt}" if self.state.attempt > 1 else "")

    @property
    def records(self) -> Path:
        return self.run.directory / RECORDS / self.load_name

    def play(self, playbook: str, replies: Replies | None = None) -> list[TaskFailure]:
        load = self.run.plan.load
        variables: Mapping[str, Any] = {
            "aibench_shipment": str(shipment_of(self.run.plan)),
            "aibench_run": self.load_name,
            "aibench_collected": str(self.run.directory / RECORDS),
            "aibench_warmup_s": load.warmup_s,
            "aibench_duration_s": load.duration_s,
            "aibench_think_s": think_s(load),
        }
        return self.run.playbooks.play(playbook, variables, replies=replies)


@dataclass(frozen=True)
class Loaded:
    """The load has ended on the hosts. failures: what failed in Ansible meanwhile; interrupted: Ctrl-C stopped it."""

    prepared: Prepared
    failures: tuple[TaskFailure, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True)
class Collected:
    """The records have been collected and written into the run directory."""

    loaded: Loaded
    records: HostsRecords

    @property
    def prepared(self) -> Prepared:
        return self.loaded.prepared

    @property
    def whole(self) -> bool:
        """Whether every generator sent its whole share of the load."""
        return self.records.merged.whole

    @property
    def missing(self) -> tuple[str, ...]:
        """Why the load is not whole."""
        return self.records.merged.missing or ("a query generator was stopped",)


Stage = ClusterRun | Prepared | Collected


def run_cluster(generated: Path, inventory: Path, runs: Path, options: ClusterOptions) -> Path:
    """Runs a scenario that was generated for this inventory and returns its run directory, made below `runs` unless one is resumed; of a
    run that is only prepared, what `resume` goes on with.

    EnvironmentFailure: AIB601 no ansible-runner, AIB605 disk full, AIB670 a plan without hosts, AIB633 a host or a task failed, AIB634 the
    run to be resumed is another plan's, AIB635 a load that was not sent whole, AIB711 answers hold nothing, and what preparation raises.
    KeyboardInterrupt: Ctrl-C or SIGTERM; the load is stopped and its records so far are collected.
    """
    compiled = open_plan(generated / "plan.json")
    check_plan(compiled)
    plan = effective(compiled, options.run)
    if not plan.hosts or not plan.generators:
        raise EnvironmentFailure("AIB670")
    directory, state = _resumed(options.resume, plan) if options.resume else _begun(runs, plan, options)
    with terminations(), disk_full(directory):
        passed_s = (datetime.now(UTC) - state.started).total_seconds()
        journal = Journal(directory / "journal.json", max(0.0, passed_s))
        own = _own_copy(generated, plan, directory)
        folder, logs, scratch = own / "ansible", directory / "logs", directory / ".ansible"
        playbooks = Playbooks(folder, inventory, logs, scratch, options.run.progress, options.trusted)
        run = ClusterRun(directory, options, compiled, plan, journal, state, playbooks)
        if options.prepare_only:
            _prepare(run)
        else:
            _run_stages(run)
    return directory


def shipment_of(plan: Plan) -> Path:
    """The folder of what is deployed: the same for the same hosts, so that their certificates and archives are kept."""
    places = repr((plan.tls, [(host.name, host.address) for host in plan.hosts]))
    return home() / "shipments" / f"{plan.scenario}-{hashlib.sha256(places.encode()).hexdigest()[:12]}"


def _begun(runs: Path, plan: Plan, options: ClusterOptions) -> tuple[Path, State]:
    started = datetime.now(UTC)
    directory = new_directory(runs, f"{plan.scenario}-{started:%Y%m%d-%H%M%S}")
    state = State(started=started, plan=plan_hash(plan), fault=options.fault)
    _keep(directory, state)
    return directory, state


def _keep(directory: Path, state: State) -> None:
    write_text(directory / STATE, state.model_dump_json(indent=1) + "\n")


def _resumed(directory: Path, plan: Plan) -> tuple[Path, State]:
    try:
        state = read_json(directory / STATE, State)
    except JsonFileError as error:
        way_out = "name a directory that `aibenchc run -i` made"
        raise EnvironmentFailure("AIB634", directory=directory, reason=f"{STATE}: {error}", way_out=way_out) from error
    if reason := stranger(directory):
        raise EnvironmentFailure("AIB634", directory=directory, reason=reason, way_out="begin a new run")
    if state.plan != plan_hash(plan):
        way_out = "give the same spec, inventory and options as then, or begin a new run"
        raise EnvironmentFailure("AIB634", directory=directory, reason="it was started with another plan", way_out=way_out)
    return directory.resolve(), state


def _own_copy(generated: Path, plan: Plan, directory: Path) -> Path:
    """A copy of the generated folder with the plan as it runs. EnvironmentFailure AIB634: the copy of the run that is resumed is another;
    its playbooks would run as whoever resumes it, and as root on the hosts."""
    own, unfinished = directory / GENERATED, directory / f".{GENERATED}"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(generated, unfinished)
    for step in plan.steps:
        if step.kind == "ai":
            write_text(unfinished / "triton" / step.task / "1" / "step.json", step_json(plan, step))
    write_text(unfinished / "plan.json", plan.model_dump_json(indent=1) + "\n")
    if not own.exists():
        unfinished.rename(own)
    elif name := first_difference(own, unfinished, besides={MANIFEST}):
        shutil.rmtree(unfinished)
        reason = f"{GENERATED}/{name} is not what is compiled today"
        raise EnvironmentFailure("AIB634", directory=directory, reason=reason, way_out="begin a new run, or compile as then")
    else:
        shutil.rmtree(unfinished)
    for name in ("plan.json", "load.json", "distilled.svg"):
        if (own / name).is_file():
            write_bytes(directory / name, (own / name).read_bytes())
    return own


# -- stages


def _run_stages(run: ClusterRun) -> None:
    """Each stage takes the value of the one before; whatever is raised, run.json describes the last stage that was reached."""
    journal, options = run.journal, run.options
    reached: Stage = run
    outcome: Outcome = "failed"
    try:
        reached = prepared = _prepare(run)
        if journal.begun("load") and not journal.done("load"):  # it may have ended on the hosts meanwhile
            reached = earlier = _collect(_load(prepared))
            _go_on(earlier)
            if not earlier.whole:
                reached = prepared = _put_apart(earlier)
        if not journal.done("load"):
            if prepared.state.attempt > 1 or not journal.done("deploy"):  # another attempt has another name, which the units bear
                _play(prepared, "deploy", "deploy.yml")
            _look(prepared)
            reached = collected = _collect(_load(prepared))
            _go_on(collected)
            if not collected.whole and not prepared.state.fault:
                raise _half(collected)
        if not isinstance(reached, Collected):  # its load had ended before it was resumed
            reached = _collect(Loaded(prepared))
        if options.teardown:
            _play(prepared, "teardown", "teardown.yml")
        outcome = "completed"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    finally:
        write_run_info(run.directory, _run_info(run, reached, outcome))
        bind(run.directory)


def _prepare(run: ClusterRun) -> Prepared:
    """Data, models and the shipment: cached, so that a resumed run has them in seconds."""
    own, options, shipment = run.directory / GENERATED, run.run_options, shipment_of(run.plan)
    with run.journal.stage("prepare"), tempfile.TemporaryDirectory(prefix="aibench-") as scratch:
        assets = prepare(run.compiled, options, Path(scratch) / "prepared")
        contents = contents_of(run.plan, own, assets, Path(scratch), options.supplement_s if options.supplement else 0.0)
        pack(own, contents, shipment, lambda text: options.progress(text, 0.0), renew=run.options.renew)
        rows = schema.read(shipment / "load" / "schedule.parquet", ScheduleRecord)
        mix = [row for row in rows if row.phase != "supplement"]
        counts = {name: len(payloads) for name, payloads in assets.payloads.items()}
        supplements = supplement_rows(run.plan, mix, counts, options.supplement_s)[1] if len(mix) < len(rows) else ()
    return Prepared(run, run.state, assets, tuple(rows), supplements)


def _play(prepared: Prepared, stage: StageName, playbook: str) -> None:
    with prepared.run.journal.stage(stage):
        failures = prepared.play(playbook)
        if failures:
            raise failure(playbook, failures, prepared.run.directory / "logs")


def _look(prepared: Prepared) -> None:
    """Says on stderr if hosts do other work. What does not answer is left to the load, which says why."""
    replies = Replies(LOOK_TASK)
    prepared.play("look.yml", replies)
    tell_other_work(replies.of)


def _load(prepared: Prepared) -> Loaded:
    """Sends the load, or waits for one that is already running. Ctrl-C stops it on the hosts.

    The load goes on if a part dies: the report tells what happened.
    """
    try:
        with prepared.run.journal.stage("load"):
            failures = prepared.play("load.yml")
    except KeyboardInterrupt:
        return Loaded(prepared, tuple(prepared.play("stop.yml")), interrupted=True)
    return Loaded(prepared, tuple(failures))


def _collect(loaded: Loaded) -> Collected:
    """Collects the records that exist; what is missing, and why, goes into run.json."""
    prepared = loaded.prepared
    run = prepared.run
    with run.journal.stage("collect"):
        failures = [*loaded.failures, *prepared.play("collect.yml")]
        records = read_hosts(run.plan, prepared.records, list(dict.fromkeys(str(f).splitlines()[0] for f in failures)))
        folders = [prepared.records / part.host for part in parts(run.plan) if part.kind == "generator"]
        requests, payloads = records.merged.requests, prepared.assets.payloads
        sampled = (records.resources, records.machine)
        write_records(run.directory, prepared.rows, requests, records.calls, *sampled, run.plan, payloads, folders)
        write_text(run.directory / "triton.json", "{}\n")
        if (states := read_states(run.plan, prepared.records)).audits:
            write_audits(run.directory / AUDITS_FILE, states)
    return Collected(loaded, records)


def _go_on(collected: Collected) -> None:
    """Notes in the journal if the load was not sent whole. KeyboardInterrupt: Ctrl-C stopped it."""
    if collected.loaded.interrupted:
        raise KeyboardInterrupt
    if not collected.whole:
        collected.prepared.run.journal.amend("load", "; ".join(collected.missing))


def _put_apart(collected: Collected) -> Prepared:
    """Sets the incomplete load that was just collected aside as an attempt; the next one has another name on the hosts."""
    prepared = collected.prepared
    directory, state = prepared.run.directory, prepared.state
    folder = Path(ATTEMPTS) / str(state.attempt)
    (directory / ATTEMPTS).mkdir(exist_ok=True)
    if prepared.records.is_dir():
        prepared.records.rename(directory / folder)
    merged = collected.records.merged
    attempt = Attempt(folder=str(folder), requests=len(merged.requests), reason="; ".join(merged.missing) or "it was stopped")
    state = state.model_copy(update={"attempts": (*state.attempts, attempt), "attempt": state.attempt + 1})
    _keep(directory, state)
    return replace(prepared, state=state)


def _half(collected: Collected) -> EnvironmentFailure:
    """AIB635 with what Ansible said and what is missing; AIB711 where the generators ended, as the answers of the warm-up held nothing."""
    prepared = collected.prepared
    warm = [r for r in collected.records.merged.requests if r.phase == "warmup" and r.outcome == "ok"]
    answered = [(r, prepared.assets.payloads[r.request_class][r.payload].truth) for r in warm]
    if silent := silent_class(prepared.run.plan, answered, Contents(prepared.run.directory / CONTENTS)):
        return EnvironmentFailure("AIB711", request_class=silent, logs=prepared.run.directory / "logs")
    said = [str(f) for f in collected.loaded.failures] or collected.missing
    directory = prepared.run.directory
    return EnvironmentFailure("AIB635", reason="\n".join(said), logs=directory / "logs", run=directory)


def _run_info(run: ClusterRun, reached: Stage, outcome: Outcome) -> RunInfo:
    """run.json, also of a run that failed or was interrupted."""
    prepared = None if isinstance(reached, ClusterRun) else reached if isinstance(reached, Prepared) else reached.prepared
    records = reached.records if isinstance(reached, Collected) else None
    merged = records.merged if records else None
    state = prepared.state if prepared else run.state
    info = run_metadata.run_info(
        directory=run.directory,
        plan=run.plan,
        compiled=run.compiled,
        options=run.run_options,
        started=state.started,
        outcome=outcome,
        stages=run.journal.entries,
        assets=prepared.assets if prepared else None,
        rows=prepared.rows if prepared else (),
        hosts=records.hosts if records else (),
        processes=records.processes if records else (),
        window=merged.window if merged else (0, 0),
        generator=together(merged.generators) if merged else None,
    )
    more = {
        "generators": merged.generators if merged else (),
        "attempts": state.attempts,
        "missing": records.missing if records else (),
        "fault": state.fault,
        "bystanders": records.bystanders if records else (),
        "outages": records.outages if records else (),
        "supplements": prepared.supplements if prepared else (),
    }
    return info.model_copy(update=more)
