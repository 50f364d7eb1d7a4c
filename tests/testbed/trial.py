"""A run on the test bed in whose load one thing after another is broken and mended, and what became of each: what users saw of it, and what
was recorded."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.collect.run_info import RUN_FILE
from aibenchrt.control.cluster.run import shipment_of
from aibenchrt.deployment import PlanPart, parts
from aibenchrt.plan import Plan, read_plan
from aibenchrt.report import report, validate
from aibenchrt.report.model import Report
from bed import BIN, HERE, ROOT, Bed
from seen_processes import descendants

START_S = 600.0  # longest time until a run's load has begun
BEFORE = 60  # requests that have ended when the first fault comes; of them 20 or so are warm-up
SLOW = 2.0  # times the slowest tenth before the first fault
IN_A_ROW, STRAY = 20, 2  # recovered: no request fails any more, and of this many in a row at most STRAY are slow


@dataclass(frozen=True)
class Ended:
    """A request, as it is recorded at once. ms: from when it was meant to be sent."""

    outcome: str
    ms: float


@dataclass
class Strike:
    """A fault that was caused. Times: CLOCK_MONOTONIC, which all hosts of a bed share; until_ns: of the next strike, or the load's end.
    seen: requests that had ended when it broke."""

    fault: str
    fault_ns: int
    seen: frozenset[int]
    mended_ns: int = 0
    until_ns: int = 0


@dataclass(frozen=True)
class Row:
    """What one fault did. well_s: seconds from the fault until all is well again (Effect.well_ns), mended_s: from when what was broken was
    mended, where it did not mend itself. p99 in ms: before the first fault, from then until well, after."""

    fault: str
    requests: int
    failed: int
    p99_before_ms: float | None
    p99_during_ms: float | None
    p99_after_ms: float | None
    well_s: float | None
    mended_s: float | None


class Trial:
    """One `aibenchc run -i` of the bed's spec."""

    def __init__(self, bed: Bed, spec: Path, inventory: Path, runs: Path) -> None:
        self.bed, self.spec, self.inventory, self.runs = bed, spec, inventory, runs
        self.directory = Path()
        self.strikes: list[Strike] = []
        self._began = time.monotonic()
        self._child: subprocess.Popen[str] | None = None
        self._known: set[Path] = set()
        self._prepared = False
        self._entries = 0  # of the journal, when the run was begun or resumed

    # -- the run

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Starts `aibenchc run`, or continues it with --resume."""
        self._known = set() if "--resume" in more else set(self.runs.glob("*"))
        self._entries = len(self.stages()) if "--resume" in more else 0
        command = [BIN / "aibenchc", "run", self.spec, "-i", self.inventory, "--data", "synthetic", "--size", "tiny"]
        if not self._prepared:  # the bed reaches no registry
            prepared = [
                *command,
                "--out",
                self.runs.parent / "prepared",
                "--runs",
                self.runs.parent / "prepared-runs",
                *more,
                "--prepare-only",
            ]
            subprocess.run(list(map(str, prepared)), cwd=ROOT, env=self.bed.environment, stdin=subprocess.DEVNULL, check=True)
            self._prepared = True
        command = ["bash", HERE / "testbed.sh", "in", *command, "--out", self.runs.parent / "generated", "--runs", self.runs, *more]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=self.bed.environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )
        return self._child

    @property
    def child(self) -> subprocess.Popen[str]:
        assert self._child is not None
        return self._child

    def stages(self) -> list[tuple[str, str]]:
        path = self.directory / "journal.json"
        return [(entry["name"], entry["outcome"]) for entry in json.loads(path.read_text())] if path.is_file() else []

    def wait(self, condition: Callable[[], Any], every_s: float = 0.1) -> None:
        """AssertionError: the run ended first, or START_S passed."""
        deadline = time.monotonic() + START_S
        while not condition():
            assert self.child.poll() is None, self.child.communicate()[1][-6000:]
            assert time.monotonic() < deadline, self.stages()
            time.sleep(every_s)

    def wait_stage(self, name: str) -> None:
        """Waits until the run is in this stage, again if it was before."""

        def reached() -> bool:
            new = set(self.runs.glob("*")) - self._known
            if new and self._entries == 0:
                (self.directory,) = new
            return (name, "running") in self.stages()[self._entries :]

        self.wait(reached, 0.02)

    def wait_load(self, ended: int = BEFORE) -> None:
        """Waits until enough requests have ended."""
        self.wait_stage("load")
        self.wait(lambda: len(self.requests_now()) >= ended)

    def end(self) -> str:
        """Waits for its end and returns its output. AssertionError: it failed."""
        said, complained = self.child.communicate(timeout=START_S)
        assert self.child.returncode == 0, complained[-6000:]
        return said

    @contextlib.contextmanager
    def ended(self) -> Iterator[None]:
        """Nothing of the run continues after the block, whatever is raised."""
        try:
            yield
        finally:
            if self.child.poll() is None:
                self.interrupt(signal.SIGKILL)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """SIGKILL: as if the control host lost its power: Ansible's processes go with it."""
        if number == signal.SIGKILL:
            for pid in [*_below(self.child.pid), self.child.pid]:
                _kill(pid)
        else:
            self.child.send_signal(number)
        self.child.communicate(timeout=120)
        assert self.child.returncode != 0

    # -- what is where

    @property
    def plan(self) -> Plan:
        return read_plan(self.directory / "plan.json")

    @property
    def plan_parts(self) -> tuple[PlanPart, ...]:
        return parts(self.plan)

    @property
    def shipment(self) -> Path:
        return shipment_of(self.plan)

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables with which the playbooks deploy this run."""
        load = self.plan.load
        names = {"aibench_shipment": str(self.shipment), "aibench_run": self.directory.name}
        return {**names, "aibench_warmup_s": load.warmup_s, "aibench_duration_s": load.duration_s, "aibench_think_s": 0.0}

    def host(self, name: str) -> str:
        """The host of a part."""
        (host_name,) = {part.host for part in self.plan_parts if part.name == name}
        return host_name

    def alone_on(self, kinds: Sequence[str]) -> str:
        """The host whose parts are all of these names."""
        held: dict[str, set[str]] = {}
        for part in self.plan_parts:
            held.setdefault(part.host, set()).add(part.name.partition("-")[0])
        (host_name,) = [host for host, names in held.items() if names == set(kinds)]
        return host_name

    def unit(self, name: str) -> str:
        return f"aibench-{self.spec.stem}-{name}.service"

    def requests_now(self) -> dict[int, Ended]:
        """The requests that the generator has recorded so far, by id, in the order of their ends."""
        path = f"/var/lib/aibench/*/runs/{self.directory.name}*/generator/requests.jsonl"
        text = self.bed.sh(self.host("generator"), "sh", "-c", f"cat {path} 2>&-; :")
        rows = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return {row[0]: Ended(row[7], (row[6] - row[4]) / 1e6) for row in rows}

    # -- the fault

    def strike(self, fault: str, act: Callable[[], Any]) -> None:
        """Causes a fault now."""
        seen = frozenset(self.requests_now())
        now = time.monotonic_ns()
        if self.strikes:
            self.strikes[-1].until_ns = now
        self.strikes.append(Strike(fault, now, seen))
        act()

    def kill(self, fault: str, name: str) -> None:
        """Kills a part's main process. Another one stays and ignores SIGTERM, as Triton's stub does that waits for a lock of the killed."""
        host, unit = self.host(name), self.unit(name)
        group = f"/sys/fs/cgroup/system.slice/{unit}/cgroup.procs"
        stays = f"trap '' TERM; echo $$ > {group}; exec sleep infinity"
        joined = f'setsid sh -ec "$0" <&- >&- 2>&- & until grep -qx $! {group}; do :; done'
        script = f"{joined}; systemctl kill --kill-whom=main --signal=KILL {unit}"
        self.strike(fault, lambda: self.bed.sh(host, "sh", "-ec", script, stays))

    def hang(self, fault: str, name: str) -> None:
        """Stops the processes of a Triton's models, which then take requests and answer none; the server itself goes on saying ready."""
        host, unit = self.host(name), self.unit(name)
        script = """for pid in $(cat /sys/fs/cgroup/system.slice/$0/cgroup.procs); do
            case "$(cat /proc/$pid/comm)" in triton_python*) kill -STOP $pid; echo $pid;; esac
        done"""
        self.strike(fault, lambda: _some(self.bed.sh(host, "sh", "-ec", script, unit)))

    def more(self, requests: int) -> None:
        """Waits until this many more requests have ended."""
        before = len(self.requests_now())
        self.wait(lambda: len(self.requests_now()) >= before + requests)

    def calm(self, requests: int) -> None:
        """Waits until, of that many successive requests sent from now on, none has failed and few are slow, and every part runs."""
        known = len(self.requests_now())

        def well() -> bool:
            ended = list(self.requests_now().values())
            assert len(ended) >= known, "the load has ended, and its records are collected: it is too short for all faults on this machine"
            usual = sorted(ended[BEFORE // 3 : BEFORE], key=lambda request: request.ms)
            slow = SLOW * usual[int(0.9 * len(usual))].ms
            now = ended[known:][-requests:]
            strays = sum(request.ms > slow for request in now[-IN_A_ROW:])
            return len(now) == requests and all(request.outcome == "ok" for request in now) and strays <= STRAY

        self.wait(well, 0.3)
        self.wait(self.all_active)

    def all_active(self) -> bool:
        """Whether every unit that should run does."""
        units: dict[str, list[str]] = {}
        for part in self.plan_parts:
            if part.kind != "generator":
                units.setdefault(part.host, []).append(self.unit(part.name))
        # One that is active is enough for the exit status of is-active.
        states = {host: self.bed.ran("sh", host, "systemctl", "is-active", *names).stdout.split() for host, names in units.items()}
        return all(states[host] == ["active"] * len(names) for host, names in units.items())

    def mend(self, act: Callable[[], Any]) -> None:
        act()
        self.strikes[-1].mended_ns = time.monotonic_ns()

    # -- results

    def result(self) -> Result:
        return Result(self, Path(self.end().strip().splitlines()[-1]), time.monotonic() - self._began)


class Result:
    """A run that has ended."""

    def __init__(self, trial: Trial, directory: Path, wall_s: float) -> None:
        self.trial, self.directory, self.wall_s = trial, directory, wall_s
        self.run: Run = read_run(directory)
        self.report: Report = report(directory)
        self.verdict = validate(directory)
        if trial.strikes:
            trial.strikes[-1].until_ns = self.run.info.load.window_end_ns

    def effect(self, fault: str) -> Effect:
        (broken,) = [strike for strike in self.trial.strikes if strike.fault == fault]
        return Effect(self, broken)

    @property
    def before(self) -> list[RequestRecord]:
        """Measured requests that had ended before anything was broken."""
        return [r for r in self.run.measured if r.done_ns and r.done_ns <= self.trial.strikes[0].fault_ns]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.verdict.reasons)

    @property
    def restarts(self) -> dict[tuple[str, str], int]:
        """(part, host) of what died → how often it was started again."""
        return {(p.name, p.host): p.restarts for p in self.run.info.processes if p.died}

    def lost(self) -> set[int]:
        """Requests of the schedule without a record."""
        return {row.request_id for row in self.run.schedule} - {r.request_id for r in self.run.requests}

    def without_calls(self) -> list[RequestRecord]:
        """Answered requests of which some call is not recorded that every request makes."""
        every = {"parse", "category", "best", "summary", "clicks"}
        made = {key: {call.task for call in calls} for key, calls in self.run.calls_of.items()}
        return [r for r in self.run.requests if r.outcome == "ok" and not every <= made.get(r.request_id, set())]

    @cached_property
    def unasked(self) -> dict[str, str]:
        """Why the same run would be INVALID if no fault had been expected: code → what was observed."""
        folder = self.directory.with_name(f"{self.directory.name}-unasked")
        folder.mkdir()
        for path in self.directory.iterdir():
            if path.is_file():
                shutil.copy2(path, folder)
        told = json.loads((folder / RUN_FILE).read_text())
        (folder / RUN_FILE).write_text(json.dumps(told | {"fault": ""}))
        return {reason.code: reason.observed for reason in validate(folder).reasons}


class Effect:
    """What one strike of a run did, until the next."""

    def __init__(self, result: Result, strike: Strike) -> None:
        self.result, self.strike = result, strike
        self.run = result.run
        self.requests = self.between(strike.fault_ns, strike.until_ns)
        self.calls = [c for c in self.run.calls if strike.fault_ns <= c.start_ns < strike.until_ns]

    @property
    def failed(self) -> list[RequestRecord]:
        """Failed requests that were pending at the fault, or sent after it."""
        start, end = self.strike.fault_ns, self.strike.until_ns
        return [r for r in self.run.measured if r.outcome != "ok" and r.done_ns > start and r.intended_ns < end]

    @cached_property
    def well_ns(self) -> int:
        """When the first of IN_A_ROW requests was meant to be sent, after the last failure, of which at most STRAY were slow; where that is
        so at once, the end of the last failure, or the fault. Where it never is, until_ns."""
        usual = sorted(_ms(r) for r in self.result.before)
        slow = SLOW * usual[int(0.9 * len(usual))]
        last = max((r.done_ns for r in self.failed), default=self.strike.fault_ns)
        later = self.between(last, self.strike.until_ns)
        for at in range(len(later) - IN_A_ROW + 1):
            if sum(_ms(r) > slow for r in later[at : at + IN_A_ROW]) <= STRAY:
                return later[at].intended_ns if at else last
        return self.strike.until_ns

    @property
    def well_s(self) -> float | None:
        """None: not before the next strike."""
        return None if self.well_ns == self.strike.until_ns else (self.well_ns - self.strike.fault_ns) / 1e9

    @property
    def mended_s(self) -> float | None:
        """Negative: it had recovered before it was repaired."""
        return (self.well_ns - self.strike.mended_ns) / 1e9 if self.strike.mended_ns else None

    def between(self, start_ns: float, end_ns: float) -> list[RequestRecord]:
        """Requests meant to be sent then."""
        return [r for r in self.run.measured if start_ns <= r.intended_ns < end_ns]

    def answered_since_mended(self) -> list[CallRecord]:
        return [c for c in self.calls if c.start_ns > self.strike.mended_ns and c.outcome == "ok"]

    def row(self) -> Row:
        start, well = self.strike.fault_ns, self.well_ns
        during = [r for r in self.run.measured if r.done_ns > start and r.intended_ns < well]
        times = (self.result.before, during, self.between(well, self.strike.until_ns))
        before, unwell, after = (_p99([_ms(r) for r in requests if r.outcome == "ok"]) for requests in times)
        well_s, mended_s = (None if seconds is None else round(seconds, 1) for seconds in (self.well_s, self.mended_s))
        return Row(self.strike.fault, len(self.requests), len(self.failed), before, unwell, after, well_s, mended_s)


def _ms(request: RequestRecord) -> float:
    return (request.done_ns - request.intended_ns) / 1e6


def _p99(times: Sequence[float]) -> float | None:
    """Of so few requests it is the slowest but one in a hundred, or the slowest."""
    return round(sorted(times)[min(len(times) - 1, int(0.99 * len(times)))], 1) if times else None


def _some(said: str) -> None:
    assert said.split(), "there was nothing to stop"


def _below(pid: int) -> list[int]:
    """All descendants of this process."""
    return [seen.pid for seen in descendants(pid)]


def _kill(pid: int) -> None:
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return


HEAD = ("fault", "requests", "failed", "p99 ms before", "while unwell", "after", "well after s", "of mending")


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""

    def shown(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    cells = [
        (
            row.fault,
            str(row.requests),
            str(row.failed),
            *(shown(ms, 0) for ms in (row.p99_before_ms, row.p99_during_ms, row.p99_after_ms)),
            shown(row.well_s, 1),
            shown(row.mended_s, 1),
        )
        for row in rows
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ("---",) * len(HEAD), *cells])
