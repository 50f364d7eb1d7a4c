"""`aibenchc run SPEC -i INVENTORY` on five hosts: interrupted while it deploys, resumed, loaded by two generators, judged, taken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aibenchrt.collect.run import read_run
from aibenchrt.report import report, validate
from bed import BIN, HERE, ROOT, Bed, a_bed, absent_tools

pytestmark = [
    pytest.mark.testbed,
    pytest.mark.nightly,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(os.geteuid() != 0, reason="a test bed needs root"),
    pytest.mark.skipif(bool(absent_tools()), reason=f"a test bed needs {', '.join(absent_tools())}"),
]

DEPLOYMENT = "  deployment five { nodes 5, profile small, generators 2, replicas 2 { planner } }\n}"
OF_THE_MACHINE = {"V04", "V05", "V06", "V09"}  # five hosts share its two cores: a generator may be late, a planner busy


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with a_bed(5, name="rn") as made:
        yield made


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "small.aib"
    path.write_text((ROOT / "tests" / "specs" / "small.aib").read_text().rstrip().removesuffix("}").rstrip() + "\n" + DEPLOYMENT + "\n")
    return path


def started(bed: Bed, spec: Path, runs: Path, *more: str) -> subprocess.Popen[str]:
    command = ["bash", str(HERE / "testbed.sh"), "in", str(BIN / "aibenchc"), "run", str(spec), "-i", str(bed.inventory)]
    command += [
        "--deployment",
        "five",
        "--data",
        "synthetic",
        "--size",
        "tiny",
        "--out",
        str(runs.parent / "generated"),
        "--runs",
        str(runs),
    ]
    return subprocess.Popen(
        [*command, *more],
        cwd=ROOT,
        env=bed.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(child: subprocess.Popen[str]) -> str:
    """What it wrote. AssertionError: it failed."""
    said, complained = child.communicate(timeout=1800)
    assert child.returncode == 0, complained[-6000:]
    return said


def stages(directory: Path) -> list[tuple[str, str]]:
    path = directory / "journal.json"
    return [(entry["name"], entry["outcome"]) for entry in json.loads(path.read_text())] if path.exists() else []


def test_a_run_is_resumed_after_an_interrupted_deploy_and_judged(bed: Bed, spec: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    child = started(bed, spec, runs)
    deadline = time.monotonic() + 600
    while not any(
        (path / "logs" / "deploy.log").exists() and "Unpack" in (path / "logs" / "deploy.log").read_text() for path in runs.glob("*")
    ):
        assert time.monotonic() < deadline
        assert child.poll() is None, child.communicate()[1][-6000:]
        time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=120)
    assert child.returncode != 0
    (directory,) = runs.iterdir()
    assert stages(directory) == [("prepare", "ok"), ("deploy", "interrupted")]

    said = ended(started(bed, spec, runs, "--resume", str(directory), "--teardown"))
    assert Path(said.strip().splitlines()[-1]) == directory
    assert stages(directory)[2:] == [(name, "ok") for name in ("prepare", "deploy", "load", "collect", "teardown")]
    run = read_run(directory)
    assert run.plan.tls
    assert run.info.missing == ()
    assert {host.name for host in run.info.hosts} == set(bed.hosts)
    assert {r.request_id for r in run.requests} == {row.request_id for row in run.schedule}
    assert {r.outcome for r in run.requests} == {"ok"}
    assert {c.request_id for c in run.calls} == {r.request_id for r in run.requests}
    endpoints = {call.endpoint for call in run.calls}
    assert {
        e for s in run.plan.services if s.task in {"parse", "best", "others", "summary", "clicks", "triton"} for e in s.endpoints
    } == endpoints
    ai = [call for call in run.calls if call.kind == "ai"]
    assert sum(call.queue_ns > 0 for call in ai) > 0.9 * len(ai), "Triton's trace was joined"
    assert {r.planner for r in run.requests} == set(next(s.endpoints for s in run.plan.services if s.task == "planner"))
    for generator in run.info.generators:
        assert generator.figures is not None
        assert len(generator.clocks) == 2
        assert all(clock.after is not None and clock.error_ns < 50_000_000 for clock in generator.clocks)
    assert {p.name for p in run.info.processes} <= {r.process for r in run.resources}

    verdict = validate(directory)
    assert {reason.code for reason in verdict.reasons} <= OF_THE_MACHINE, verdict.reasons
    made = report(directory)
    assert (directory / "report.html").is_file()
    assert len(made.hosts) == 5
    assert len(made.clocks) == 4
    kept = [path for path in directory.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert kept == []
    for host in bed.hosts:
        assert "aibench" not in bed.sh(host, "systemctl", "list-unit-files", "--no-legend", "--no-pager")


def killed_in_the_load(bed: Bed, runs: Path, unit: str, child: subprocess.Popen[str]) -> None:
    """Kills a unit's main process when the first requests of the run have been answered."""
    deadline = time.monotonic() + 900
    answered = "cat /var/lib/aibench/small/runs/*/requests.jsonl 2>/dev/null | wc -l"
    while not any(stages(path)[-1:] == [("load", "running")] for path in runs.glob("*")):
        assert time.monotonic() < deadline
        assert child.poll() is None, child.communicate()[1][-6000:]
        time.sleep(0.2)
    (directory,) = runs.iterdir()
    plan = json.loads((directory / "plan.json").read_text())
    while int(bed.sh(plan["generators"][0], "bash", "-c", answered)) < 30:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (service,) = [service for service in plan["services"] if service["task"] == unit]
    bed.sh(service["hosts"][0], "systemctl", "kill", "--signal=KILL", f"aibench-small-{unit}.service")


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_a_task_that_is_killed_is_named_and_only_an_asked_for_fault_is_excused(bed: Bed, spec: Path, tmp_path: Path, asked: bool) -> None:
    runs = tmp_path / "runs"
    more = ["--expect-fault", "the parser is killed"] if asked else []
    child = started(bed, spec, runs, "--duration", "20", *more)
    killed_in_the_load(bed, runs, "parse", child)
    directory = Path(ended(child).strip().splitlines()[-1])
    run = read_run(directory)
    (part,) = [p for p in run.info.processes if p.died]
    host = next(s.hosts[0] for s in run.plan.services if s.task == "parse")
    assert (part.name, part.host, part.restarts) == ("parse", host, 1)
    assert "signal 9" in part.reason
    codes = {reason.code for reason in validate(directory).reasons}
    assert ("V02" in codes) is not asked
    made = report(directory)
    assert (made.fault is not None) is asked
    assert ("Fault experiment" in (directory / "report.html").read_text()) is asked
    if made.fault and made.fault.first_failed_s is not None:
        assert made.fault.well_s is not None
        assert made.fault.well_s - made.fault.first_failed_s < 15
