"""What is broken on purpose in the middle of a load, each time in a run of its own on one deployment: what users saw, how long until it
was well again, that no record of a finished request is lost, and that the report says what happened. See README.md for the figures.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from bed import ROOT, Bed, a_bed, absent_tools
from trial import MEASURED_S, Result, Row, Trial, table

pytestmark = [
    pytest.mark.testbed,
    pytest.mark.nightly,  # the hosts of one bed take most of an hour of CI's time
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="a test bed needs root"),
    pytest.mark.skipif(bool(absent_tools()), reason=f"a test bed needs {', '.join(absent_tools())}"),
]

SPEC = ROOT / "tests" / "specs" / "faults.aib"
GROUPS = {"planner": "h1 h2", "triton": "h3 h4", "services": "h3 h4", "generators": "h5"}
DISK_MIB = 96
OF_THE_MACHINE = {"V04", "V05", "V06", "V09"}  # five hosts share its two cores: a generator may be late, a planner busy
NOTICED_S = 8.0  # a replica that vanished without a word is not asked any more
RESTARTED_S = 15.0  # a part that was killed is there again, on two busy cores
BOOTED_S = 30.0  # so is a host
LOSES_NS = 500_000_000  # what a process that is killed may not have written yet


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with a_bed(5, name="fa", disk_mib=DISK_MIB) as made:
        groups = "".join(f"\n[{name}]\n" + "\n".join(hosts.split()) + "\n" for name, hosts in GROUPS.items())
        made.inventory.write_text(made.inventory.read_text() + groups)
        yield made


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Row]]:
    """The table of all faults, written and shown at the end."""
    found: list[Row] = []
    yield found
    path = Path(os.environ.get("AIBENCH_FAULTS", str(tmp_path_factory.mktemp("faults") / "faults.json")))
    path.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    print(f"\n{table(found)}\n{path}")  # noqa: T201 - what the tests found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults") / "runs"


@pytest.fixture
def trial(bed: Bed, runs: Path) -> Trial:
    return Trial(bed, SPEC, bed.inventory, runs)


def begun(trial: Trial, fault: str, duration_s: float = MEASURED_S) -> None:
    trial.start("--expect-fault", fault, "--duration", f"{duration_s:g}")
    trial.wait_load()


def settled(trial: Trial, rows: list[Row], tmp_path: Path, *, killed: str = "") -> tuple[Result, dict[str, str]]:
    """What must hold of every fault; and why the run would be INVALID had nobody asked for it. killed: a planner's name."""
    result = trial.result()
    rows.append(result.row())
    assert set(trial.seen) <= {r.request_id for r in result.run.requests}, "what had ended before the fault is recorded"
    lives = [r for r in result.without_calls() if not killed or r.planner != endpoint(trial, killed)]
    assert lives == [], "every call of an answered request is recorded"
    assert result.well_s is not None, "the run lasted until all was well again"
    assert result.report.fault is not None
    page = (result.directory / "report.html").read_text()
    assert "Fault experiment" in page
    assert result.run.info.fault in page
    unasked = result.unasked(tmp_path / "unasked")
    assert unasked.keys() - OF_THE_MACHINE, "a fault that nobody asked for makes the run INVALID"
    return result, unasked


def endpoint(trial: Trial, name: str) -> str:
    return next(part.endpoint for part in trial.plan_parts if part.name == name)


def restarts(result: Result) -> dict[tuple[str, str], int]:
    """(part, host) of what died → how often it was started again."""
    return {(p.name, p.host): p.restarts for p in result.run.info.processes if p.died}


def by_name(result: Result, *tasks: str) -> None:
    """Every failure says what failed: one of these tasks."""
    assert [r.error for r in result.failed if not any(f"{task}: " in r.error for task in tasks)] == []


def within(seconds: float | None, most: float) -> bool:
    return seconds is not None and seconds < most


def answers_again(result: Result, host: str) -> None:
    """Parts of a host have answered since it was mended."""
    there = {part.endpoint for part in result.trial.plan_parts if part.host == host}
    assert {c.endpoint for c in result.run.calls if c.start_ns > result.trial.mended_ns and c.outcome == "ok"} & there == there


def test_a_component_is_killed(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "the only replica of summary is killed")
    trial.kill("summary")
    result, unasked = settled(trial, rows, tmp_path)
    host = trial.host("summary")
    assert restarts(result) == {("summary", host): 1}
    assert f"summary on {host}: signal 9" in unasked["V02"]
    assert set(result.codes) <= OF_THE_MACHINE
    by_name(result, "summary")
    assert within(result.well_s, RESTARTED_S)
    assert result.lost() == set()


def test_a_planner_is_killed(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "one of two planners is killed")
    trial.kill("planner-1")
    result, unasked = settled(trial, rows, tmp_path, killed="planner-1")
    assert restarts(result) == {("planner-1", trial.host("planner-1")): 1}
    assert "planner-1" in unasked["V02"]
    assert {r.planner for r in result.failed} <= {endpoint(trial, "planner-1")}
    assert within(result.well_s, RESTARTED_S)
    assert result.lost() == set()
    late = [r for r in result.without_calls() if r.done_ns < result.fault_ns - LOSES_NS or r.done_ns > result.well_ns]
    assert late == [], "of what a planner had answered half a second before it was killed nothing is lost"


def test_triton_is_killed(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "one of two Tritons is killed")
    trial.kill("triton-1")
    result, unasked = settled(trial, rows, tmp_path)
    host = trial.host("triton-1")
    assert restarts(result) == {("triton-1", host): 1}
    assert f"triton-1 on {host}: signal 9" in unasked["V02"]
    by_name(result, "category")
    assert within(result.well_s, RESTARTED_S)
    assert [r for r in result.failed if r.intended_ns > result.fault_ns + 2e9] == [], "the other Triton answers meanwhile"
    assert result.lost() == set()


def test_the_generator_is_killed(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "the query generator is killed")
    trial.kill("generator")
    result = trial.result()
    rows.append(result.row())
    assert set(trial.seen) <= {r.request_id for r in result.run.requests}, "what had ended is recorded"
    assert result.without_calls() == []
    assert {"V01", "V06", "V10"} <= set(result.codes), "whatever was asked for: half a load is no measurement"
    assert result.lost()
    said = {reason.code: reason.found for reason in result.verdict.reasons}
    assert "generator 0 on h5: no figures were left" in said["V06"]
    assert "generator 0 on h5 did not come to its end" in said["V13"]
    assert restarts(result) == {("generator", "h5"): 0}
    assert result.report.fault is not None
    assert result.report.fault.parts == ("generator on h5: it did not come to its end",)
    unasked = result.unasked(tmp_path / "unasked")
    assert unasked.keys() >= {"V01", "V06", "V10"}
    assert unasked["V02"] == "generator on h5: it did not come to its end"


def test_a_host_of_replicas_loses_power_and_comes_back(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "a host loses power, whose tasks have another replica", 30)
    host = trial.alone_on(("parse", "triton"))
    trial.strike(lambda: trial.bed.kill(host))
    trial.more(90)
    trial.mend(lambda: trial.bed.boot(host))
    result, unasked = settled(trial, rows, tmp_path)
    assert {at for _, at in restarts(result)} == {host}
    assert f"on {host}: the host was started again" in unasked["V02"]
    assert f"on {host}: answered nothing" in unasked["V14"]
    by_name(result, "parse", "category")
    late = [r for r in result.failed if r.intended_ns > result.fault_ns + NOTICED_S * 1e9]
    assert late == [], "the other replica answers while the host is down"
    answers_again(result, host)
    assert result.lost() == set()


def test_a_host_that_nobody_stands_in_for_loses_power_and_comes_back(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "a host loses power, whose tasks nobody else does", 40)
    host = trial.host("summary")
    trial.strike(lambda: trial.bed.kill(host))
    trial.more(40)
    trial.mend(lambda: trial.bed.boot(host))
    result, unasked = settled(trial, rows, tmp_path)
    assert {at for _, at in restarts(result)} == {host}
    assert f"on {host}: the host was started again" in unasked["V02"]
    by_name(result, "parse", "category", "best", "others", "summary")
    assert within(result.mended_s, BOOTED_S)
    answers_again(result, host)
    assert result.lost() == set()


def test_a_host_is_cut_off_and_healed(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    begun(trial, "a host is cut off, whose tasks have another replica", 30)
    host = trial.alone_on(("parse", "triton"))
    trial.strike(lambda: trial.bed.cut(host))
    trial.more(90)
    trial.mend(lambda: trial.bed.heal(host))
    result, unasked = settled(trial, rows, tmp_path)
    assert restarts(result) == {}
    assert f"on {host}: answered nothing" in unasked["V14"]
    by_name(result, "parse", "category")
    assert [r for r in result.failed if r.intended_ns > result.fault_ns + NOTICED_S * 1e9] == []
    answers_again(result, host)
    assert result.lost() == set()


def test_disks_are_full(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    """Of a planner, which records every call, and of the event log, which must not say that it has logged what it has not."""
    begun(trial, "the disks of a planner and of the event log are full")
    hosts = (trial.host("planner"), trial.host("clicks"))
    filler = "/var/lib/aibench/filler"
    fill = f"head -c {2 * DISK_MIB}M /dev/zero > {filler} 2>&-; test $(df --output=avail /var/lib/aibench | tail -n 1) = 0"
    trial.strike(lambda: [trial.bed.sh(host, "sh", "-c", fill) for host in hosts])
    trial.more(60)
    trial.mend(lambda: [trial.bed.sh(host, "rm", filler) for host in hosts])
    result, unasked = settled(trial, rows, tmp_path)
    assert restarts(result) == {}
    assert result.failed == [], "no user waits for a disk"
    assert result.lost() == set()
    refused = [c for c in result.run.calls if c.task == "clicks" and c.outcome == "failed"]
    assert refused
    assert {c.request_id for c in result.run.calls if c.start_ns < result.trial.mended_ns} >= {r.request_id for r in result.before}
    assert f"clicks on {trial.host('clicks')}: INTERNAL: OSError" in unasked["V15"]
    logged = trial.bed.sh(trial.host("clicks"), "sh", "-c", f"cat /var/lib/aibench/*/tasks/{result.directory.name}/events/*.jsonl")
    done = [c for c in result.run.calls if c.task == "clicks" and c.outcome == "ok"]
    assert len(logged.splitlines()) == len(done), "what was said to be logged is, once"


def test_a_host_is_ten_times_slower(trial: Trial, rows: list[Row], tmp_path: Path) -> None:
    """It gets a tenth of a core, millisecond by millisecond, and something else takes what its parts leave of it."""
    begun(trial, "a host is ten times slower", 25)
    host = trial.alone_on(("parse", "triton"))
    neighbour = ("systemd-run", "--unit=neighbour", "--nice=19", "sh", "-c", "while :; do :; done")
    trial.strike(lambda: (trial.bed.sh(host, *neighbour), trial.bed.quota(host, 0.1, period_us=10_000)))
    trial.more(80)
    trial.mend(lambda: (trial.bed.quota(host, os.cpu_count() or 1), trial.bed.sh(host, "systemctl", "stop", "neighbour")))
    result, unasked = settled(trial, rows, tmp_path)
    assert restarts(result) == {}
    assert f"every part on {host}: took up to" in unasked["V14"]
    assert result.failed == []
    assert within(result.mended_s, RESTARTED_S)
    assert result.lost() == set()


def test_a_control_host_that_is_interrupted_in_every_stage_goes_on_where_it_was(trial: Trial) -> None:
    """By Ctrl-C, or without a word as by a loss of power; the load is sent once. The last of this file."""
    duration = ("--duration", f"{MEASURED_S:g}")
    trial.start(*duration)
    trial.wait_stage("prepare")
    trial.interrupt()
    resumed = (*duration, "--resume", str(trial.directory))
    for stage, number in (("deploy", signal.SIGINT), ("deploy", signal.SIGKILL), ("load", signal.SIGKILL), ("collect", signal.SIGKILL)):
        trial.start(*resumed)
        if stage == "load":
            trial.wait_load(20)
        else:
            trial.wait_stage(stage)
        trial.interrupt(number)
    trial.start(*resumed)
    result = trial.result()
    assert trial.stages()[0] == ("prepare", "interrupted")
    assert result.run.info.attempts == (), "the load that was under way is the one that counts"
    assert set(result.codes) <= OF_THE_MACHINE
    assert result.lost() == set()
    assert result.without_calls() == []
    check_teardown(trial, *resumed, "--teardown")


def check_teardown(trial: Trial, *resumed: str) -> None:
    bed = trial.bed
    bed.kill("h4")
    said = trial.start(*resumed).communicate(timeout=600)[1]
    assert trial.child.returncode == 2
    assert "h4 cannot be reached" in said
    for host in set(bed.hosts) - {"h4"}:
        assert "aibench" not in bed.sh(host, "systemctl", "list-unit-files", "--no-legend", "--no-pager")
    bed.boot("h4")
    trial.start(*resumed)
    trial.wait_stage("teardown")
    trial.interrupt()
    trial.start(*resumed)
    trial.end()
    for host in bed.hosts:
        assert "aibench" not in bed.sh(host, "systemctl", "list-unit-files", "--no-legend", "--no-pager")
