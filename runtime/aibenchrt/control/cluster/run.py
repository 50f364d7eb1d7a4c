"""A whole run on the hosts of an inventory: prepare, ship, deploy, load, collect, by the generated playbooks. The run directory is that of
a run on one machine.

A control host that is interrupted loses nothing: the load goes on without it, the journal says which stage comes next, and `--resume`
goes on there. A load that was not sent whole is never mixed with its repetition: its records stand apart, as an attempt.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aibenchrt.collect import schema
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import Attempt, ExtraRun
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.cluster import run_info
from aibenchrt.control.cluster.collect import Gathered, gather
from aibenchrt.control.cluster.playbooks import Playbooks, TaskFailure, failure
from aibenchrt.control.cluster.shipment import contents_of, pack
from aibenchrt.control.collect import write_records
from aibenchrt.control.journal import Journal, StageName
from aibenchrt.control.local.process import terminations
from aibenchrt.control.options import ClusterOptions, RunOptions, effective
from aibenchrt.control.run_directory import disk_full, new_directory
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.load.supplement import extra_rows
from aibenchrt.plan import Plan, parts, plan_hash, read_plan
from aibenchrt.planner.program import check_plan

STATE = "cluster.json"
RECORDS, ATTEMPTS, GENERATED = "records", "attempts", "generated"


class State(BaseModel):
    """cluster.json: what a resumed run must know of the one before. attempt: of the load, from 1 on; its number is part of its name."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    started: datetime
    plan: str
    attempt: int = 1
    attempts: list[Attempt] = []
    fault: str = ""


@dataclass
class ClusterRun:
    """The run under way. compiled: the plan with the models as compiled; plan: as it runs."""

    directory: Path
    options: ClusterOptions
    compiled: Plan
    plan: Plan
    journal: Journal
    state: State
    playbooks: Playbooks
    assets: Assets | None = None
    rows: list[ScheduleRecord] = field(default_factory=list)
    shipment: Path | None = None
    gathered: Gathered | None = None
    extra: tuple[ExtraRun, ...] = ()
    unreached: list[TaskFailure] = field(default_factory=list)
    outcome: Literal["completed", "interrupted", "failed"] = "failed"

    @property
    def name(self) -> str:
        """Of the load on the hosts."""
        return self.directory.name + (f"-attempt-{self.state.attempt}" if self.state.attempt > 1 else "")

    @property
    def records(self) -> Path:
        return self.directory / RECORDS / self.name

    @property
    def run_options(self) -> RunOptions:
        return self.options.run

    def keep(self) -> None:
        partial = self.directory / f"{STATE}.part"
        partial.write_text(self.state.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(self.directory / STATE)

    def play(self, playbook: str) -> list[TaskFailure]:
        load = self.plan.load
        variables: Mapping[str, Any] = {
            "aibench_shipment": str(self.shipment),
            "aibench_run": self.name,
            "aibench_collected": str(self.directory / RECORDS),
            "aibench_warmup_s": load.warmup_s,
            "aibench_duration_s": load.duration_s,
            "aibench_think_s": load.think_s or 0.0,
        }
        return self.playbooks.play(playbook, variables)


def run_cluster(generated: Path, inventory: Path, runs: Path, options: ClusterOptions) -> Path:
    """Runs a scenario that was generated for this inventory and returns its run directory, made below `runs` unless one is resumed; of a
    run that is only prepared, what `resume` goes on with.

    EnvironmentFailure: AIB601 no ansible-runner, AIB605 disk full, AIB670 a plan without hosts, AIB633 a host or a task failed, AIB634
    the run to be resumed is another plan's, and what preparation raises. KeyboardInterrupt: Ctrl-C or SIGTERM; the load is stopped and
    what there is of it collected.
    """
    compiled = read_plan(generated / "plan.json")
    check_plan(compiled)
    plan = effective(compiled, options.run)
    if not plan.hosts or not plan.generators:
        raise EnvironmentFailure("AIB670")
    directory, state = _resumed(options.resume, plan) if options.resume else _begun(runs, plan, options)
    with terminations(), disk_full(directory):
        passed_s = (datetime.now(UTC) - state.started).total_seconds()
        journal = Journal(directory / "journal.json", max(0.0, passed_s))
        own = _own_copy(generated, plan, directory)
        playbooks = Playbooks(own / "ansible", inventory.resolve(), directory / "logs", directory / ".ansible", options.run.progress)
        run = ClusterRun(directory, options, compiled, plan, journal, state, playbooks)
        if options.prepare_only:
            with journal.stage("prepare"):
                _prepare(run)
            return directory
        try:
            _stages(run)
            run.outcome = "completed"
        except KeyboardInterrupt:
            run.outcome = "interrupted"
            raise
        finally:
            run_info.write(run)
    return directory


def _begun(runs: Path, plan: Plan, options: ClusterOptions) -> tuple[Path, State]:
    started = datetime.now(UTC)
    directory = new_directory(runs, f"{plan.scenario}-{started:%Y%m%d-%H%M%S}")
    state = State(started=started, plan=plan_hash(plan), fault=options.fault)
    (directory / STATE).write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return directory, state


def _resumed(directory: Path, plan: Plan) -> tuple[Path, State]:
    try:
        state = State.model_validate_json((directory / STATE).read_bytes())
    except (OSError, ValidationError) as error:
        raise EnvironmentFailure(
            "AIB634", directory=directory, reason="it is no run on a cluster", way_out="name a directory that `aibenchc run -i` made"
        ) from error
    if state.plan != plan_hash(plan):
        way_out = "give the same spec, inventory and options as then, or begin a new run"
        raise EnvironmentFailure("AIB634", directory=directory, reason="it was begun with another plan", way_out=way_out)
    return directory.resolve(), state


def _own_copy(generated: Path, plan: Plan, directory: Path) -> Path:
    """What was generated, with the plan as it runs."""
    own = directory / GENERATED
    if not own.is_dir():
        unfinished = directory / f".{GENERATED}"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(generated, unfinished)
        for step in plan.steps:
            if step.kind == "ai":
                text = step.model_dump_json(indent=1) + "\n"
                (unfinished / "triton" / step.task / "1" / "step.json").write_text(text, encoding="utf-8")
        (unfinished / "plan.json").write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")
        unfinished.rename(own)
    for name in ("plan.json", "load.json", "distilled.svg"):
        if (own / name).is_file():
            shutil.copy2(own / name, directory / name)
    return own


# -- stages


def _stages(run: ClusterRun) -> None:
    journal = run.journal
    with journal.stage("prepare"):
        _prepare(run)
    if journal.begun("load") and not journal.done("load") and not _load(run):  # the hosts may have brought it to its end meanwhile
        _put_apart(run)
    if not journal.done("load"):
        if run.state.attempt > 1 or not journal.done("deploy"):  # another attempt has another name, which the units bear
            _play(run, "deploy", "deploy.yml")
        if not _load(run) and not run.state.fault:
            raise _half(run)
    if run.gathered is None:
        _collect(run)
    if run.options.teardown:
        _play(run, "teardown", "teardown.yml")


def _prepare(run: ClusterRun) -> None:
    """Data, models and the shipment: cached, so that a resumed run has them in seconds."""
    own = run.directory / GENERATED
    run.shipment = home() / "shipments" / run_info.site(run.plan)
    with tempfile.TemporaryDirectory(prefix="aibench-") as scratch:
        run.assets = prepare(run.compiled, run.run_options, Path(scratch) / "prepared")
        found = contents_of(run.plan, own, run.assets, Path(scratch), run.run_options.extra_s if run.run_options.extra else 0.0)
        pack(own, found, run.shipment, lambda text: run.run_options.progress(text, 0.0))
    run.rows = list(schema.read(run.shipment / "load" / "schedule.parquet", ScheduleRecord))
    mix = [row for row in run.rows if row.phase != "extra"]
    if len(mix) < len(run.rows):
        counts = {name: len(payloads) for name, payloads in run.assets.payloads.items()}
        run.extra = extra_rows(run.plan, mix, counts, run.run_options.extra_s)[1]


def _play(run: ClusterRun, stage: StageName, playbook: str) -> None:
    with run.journal.stage(stage):
        failures = run.play(playbook)
        if failures:
            raise failure(playbook, failures, run.directory / "logs")


def _load(run: ClusterRun) -> bool:
    """Sends the load, or waits for the one that is under way, and collects. False: it was not sent whole.

    A part that dies meanwhile is no reason to stop: the report says what happened.
    """
    try:
        with run.journal.stage("load"):
            run.unreached = run.play("load.yml")
    except KeyboardInterrupt:
        run.unreached = run.play("stop.yml")
        _collect(run)
        raise
    _collect(run)
    assert run.gathered is not None
    merged = run.gathered.merged
    if not merged.whole:
        run.journal.amend("load", "; ".join(merged.missing) or "a query generator was stopped")
    return merged.whole


def _collect(run: ClusterRun) -> None:
    """What there is; what there is not, and why, goes into run.json."""
    with run.journal.stage("collect"):
        failures = [*run.unreached, *run.play("collect.yml")]
        run.gathered = gather(run.plan, run.records, list(dict.fromkeys(str(f).splitlines()[0] for f in failures)))
        assert run.assets is not None
        found = run.gathered
        folders = [run.records / part.host for part in parts(run.plan) if part.kind == "generator"]
        payloads = run.assets.payloads
        write_records(run.directory, run.rows, found.merged.requests, found.calls, found.resources, payloads, folders)
        (run.directory / "triton.json").write_text("{}\n", encoding="utf-8")


def _put_apart(run: ClusterRun) -> None:
    """The half load that was just collected, as an attempt; what comes next has another name on the hosts."""
    assert run.gathered is not None
    folder = Path(ATTEMPTS) / str(run.state.attempt)
    (run.directory / ATTEMPTS).mkdir(exist_ok=True)
    if run.records.is_dir():
        run.records.rename(run.directory / folder)
    reason = "; ".join(run.gathered.merged.missing) or "it was stopped"
    run.state.attempts.append(Attempt(folder=str(folder), requests=len(run.gathered.merged.requests), reason=reason))
    run.state.attempt += 1
    run.keep()
    run.gathered = None
    run.unreached = []


def _half(run: ClusterRun) -> EnvironmentFailure:
    """AIB635: what Ansible said, and what is missing."""
    assert run.gathered is not None
    said = [str(f) for f in run.unreached] or list(run.gathered.merged.missing) or ["a query generator was stopped"]
    return EnvironmentFailure("AIB635", reason="\n".join(said), logs=run.directory / "logs", run=run.directory)
