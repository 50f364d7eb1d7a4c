"""A run on the test bed in whose middle something is broken, and what became of it: what users saw, and what was recorded."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run import Run, read_run
from aibenchrt.collect.run_info import RUN_FILE
from aibenchrt.plan import PlanPart, parts, read_plan
from aibenchrt.report import report, validate
from aibenchrt.report.model import Report
from bed import BIN, HERE, ROOT, Bed

START_S = 600.0  # until a run's load is under way
MEASURED_S = 20.0
BEFORE = 60  # requests that have ended when the fault comes; of them 20 or so are warm-up
SLOW = 2.0  # times the slowest tenth before the fault
IN_A_ROW, STRAY = 20, 2  # well again: no request fails any more, and of so many in a row no more than STRAY are slow


@dataclass(frozen=True)
class Row:
    """What one fault did. well_s: seconds from the fault until all is well again (Result.well_ns), mended_s: from when what was broken was
    mended, where it did not mend itself. p99 in ms: before the fault, from then until well, after."""

    fault: str
    requests: int
    failed: int
    p99_before_ms: float | None
    p99_during_ms: float | None
    p99_after_ms: float | None
    well_s: float | None
    mended_s: float | None
    restarts: tuple[str, ...]
    codes: tuple[str, ...]
    wall_s: float


class Trial:
    """One `aibenchc run -i` of the bed's spec. Times are CLOCK_MONOTONIC, which all hosts of a bed share."""

    def __init__(self, bed: Bed, spec: Path, inventory: Path, runs: Path) -> None:
        self.bed, self.spec, self.inventory, self.runs = bed, spec, inventory, runs
        self.directory = Path()
        self.fault_ns = 0
        self.mended_ns = 0
        self.seen: tuple[int, ...] = ()
        self._began = time.monotonic()
        self._child: subprocess.Popen[str] | None = None
        self._known: set[Path] = set()
        self._entries = 0  # of the journal, when the run was begun or resumed

    # -- the run

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Begins `aibenchc run`, or with --resume goes on with it."""
        self._known = set() if "--resume" in more else set(self.runs.glob("*"))
        self._entries = len(self.stages()) if "--resume" in more else 0
        command = ["bash", HERE / "testbed.sh", "in", BIN / "aibenchc", "run", self.spec, "-i", self.inventory]
        command += ["--data", "synthetic", "--size", "tiny", "--out", self.runs.parent / "generated", "--runs", self.runs, *more]
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
        """Until the run is in this stage, again if it was before."""

        def reached() -> bool:
            new = set(self.runs.glob("*")) - self._known
            if new and self._entries == 0:
                (self.directory,) = new
            return (name, "running") in self.stages()[self._entries :]

        self.wait(reached, 0.02)

    def wait_load(self, ended: int = BEFORE) -> None:
        """Until so many requests have ended."""
        self.wait_stage("load")
        self.wait(lambda: len(self.requests_now()) >= ended)

    def end(self) -> str:
        """What it wrote. AssertionError: it failed."""
        said, complained = self.child.communicate(timeout=START_S)
        assert self.child.returncode == 0, complained[-6000:]
        return said

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
    def plan_parts(self) -> tuple[PlanPart, ...]:
        return parts(read_plan(self.directory / "plan.json"))

    def host(self, name: str) -> str:
        """Of a part."""
        (found,) = {part.host for part in self.plan_parts if part.name == name}
        return found

    def alone_on(self, kinds: Sequence[str]) -> str:
        """The host whose parts are all of these names."""
        held: dict[str, set[str]] = {}
        for part in self.plan_parts:
            held.setdefault(part.host, set()).add(part.name.partition("-")[0])
        (found,) = [host for host, names in held.items() if names == set(kinds)]
        return found

    def unit(self, name: str) -> str:
        return f"aibench-{self.spec.stem}-{name}.service"

    def requests_now(self) -> dict[int, str]:
        """Request → outcome, of all that the generator has recorded by now."""
        text = self.bed.sh(self.host("generator"), "sh", "-c", f"cat /var/lib/aibench/*/runs/{self.directory.name}*/requests.jsonl 2>&-; :")
        rows = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return {row[0]: row[7] for row in rows}

    # -- the fault

    def strike(self, act: Callable[[], Any]) -> None:
        """Breaks something now."""
        self.seen = tuple(self.requests_now())
        self.fault_ns = time.monotonic_ns()
        act()

    def kill(self, name: str) -> None:
        """A part's main process, as the kernel would."""
        self.strike(lambda: self.bed.sh(self.host(name), "systemctl", "kill", "--kill-whom=main", "--signal=KILL", self.unit(name)))

    def more(self, requests: int) -> None:
        """Until so many more requests have ended."""
        before = len(self.requests_now())
        self.wait(lambda: len(self.requests_now()) >= before + requests)

    def mend(self, act: Callable[[], Any]) -> None:
        act()
        self.mended_ns = time.monotonic_ns()

    # -- what became of it

    def result(self) -> Result:
        return Result(self, Path(self.end().strip().splitlines()[-1]), time.monotonic() - self._began)


class Result:
    """A run that has ended."""

    def __init__(self, trial: Trial, directory: Path, wall_s: float) -> None:
        self.trial, self.directory, self.wall_s = trial, directory, wall_s
        self.run: Run = read_run(directory)
        self.report: Report = report(directory)
        self.verdict = validate(directory)
        self.fault_ns = trial.fault_ns

    @cached_property
    def well_ns(self) -> int:
        """When the first of IN_A_ROW requests was meant to be sent, after the last failure, of which at most STRAY were slow; where that is
        so at once, the end of the last failure, or the fault. Where it never is, the end of the measured window."""
        usual = sorted(_ms(r) for r in self.before)
        slow = SLOW * usual[int(0.9 * len(usual))]
        last = max((r.done_ns for r in self.failed if r.done_ns > self.fault_ns), default=self.fault_ns)
        later = self.between(last, float("inf"))
        for at in range(len(later) - IN_A_ROW + 1):
            if sum(_ms(r) > slow for r in later[at : at + IN_A_ROW]) <= STRAY:
                return later[at].intended_ns if at else last
        return self.run.info.load.window_end_ns

    @property
    def before(self) -> list[RequestRecord]:
        return [r for r in self.run.measured if r.done_ns and r.done_ns <= self.fault_ns]

    @property
    def failed(self) -> list[RequestRecord]:
        return [r for r in self.run.measured if r.outcome != "ok"]

    @property
    def well_s(self) -> float | None:
        """None: never within the run."""
        return None if self.well_ns == self.run.info.load.window_end_ns else (self.well_ns - self.fault_ns) / 1e9

    @property
    def mended_s(self) -> float | None:
        """Below 0: it was well before it was mended."""
        return (self.well_ns - self.trial.mended_ns) / 1e9 if self.trial.mended_ns else None

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(reason.code for reason in self.verdict.reasons)

    def between(self, start_ns: float, end_ns: float) -> list[RequestRecord]:
        """Requests meant to be sent then."""
        return [r for r in self.run.measured if start_ns <= r.intended_ns < end_ns]

    def row(self) -> Row:
        parts_of = (
            self.before,
            [r for r in self.run.measured if r.done_ns > self.fault_ns and r.intended_ns < self.well_ns],
            self.between(self.well_ns, float("inf")),
        )
        before, during, after = (_p99([_ms(r) for r in found if r.outcome == "ok"]) for found in parts_of)
        again = tuple(f"{p.name} on {p.host}: {p.reason}" for p in self.run.info.processes if p.died)
        text = self.run.info.fault
        well, mended = (None if seconds is None else round(seconds, 1) for seconds in (self.well_s, self.mended_s))
        return Row(
            text, len(self.run.measured), len(self.failed), before, during, after, well, mended, again, self.codes,
            round(self.wall_s, 1),
        )  # fmt: skip

    def lost(self) -> set[int]:
        """Requests of the schedule without a record."""
        return {row.request_id for row in self.run.schedule} - {r.request_id for r in self.run.requests}

    def without_calls(self) -> list[RequestRecord]:
        """Answered requests of which some call is not recorded that every request makes."""
        every = {"parse", "category", "best", "summary", "clicks"}
        made = {key: {call.task for call in calls} for key, calls in self.run.calls_of.items()}
        return [r for r in self.run.requests if r.outcome == "ok" and not every <= made.get(r.request_id, set())]

    def unasked(self, folder: Path) -> dict[str, str]:
        """Why the same run is INVALID if nobody had asked for the fault: code → what was found."""
        folder.mkdir()
        for path in self.directory.iterdir():
            if path.is_file():
                shutil.copy2(path, folder)
        told = json.loads((folder / RUN_FILE).read_text())
        (folder / RUN_FILE).write_text(json.dumps(told | {"fault": ""}))
        return {reason.code: reason.found for reason in validate(folder).reasons}


def _ms(request: RequestRecord) -> float:
    return (request.done_ns - request.intended_ns) / 1e6


def _p99(times: Sequence[float]) -> float | None:
    """Of so few requests it is the slowest but one in a hundred, or the slowest."""
    return round(sorted(times)[min(len(times) - 1, int(0.99 * len(times)))], 1) if times else None


def _below(pid: int) -> list[int]:
    """All processes that this one started, and theirs."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _kill(pid: int) -> None:
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return


HEAD = ("fault", "requests", "failed", "p99 ms before", "during", "after", "well after s", "of mending", "verdict", "died or started again")


def table(rows: Sequence[Row]) -> str:
    """For people, as Markdown."""

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
            " ".join(row.codes) or "VALID",
            "; ".join(row.restarts),
        )
        for row in rows
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [HEAD, ("---",) * len(HEAD), *cells])
