"""One command from bare hosts to a report: a scenario on five hosts, loaded by two generators, judged, taken off again."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.plan import planner_endpoints
from aibenchrt.report import report, validate
from bed import HERE, OF_THE_MACHINE, ROOT, bed_marks

pytestmark = bed_marks(1200)

OF_A_SHORT_LOAD = {"V08"}  # no p99 of so few requests


@pytest.mark.parametrize("scenario", ["ecommerce", "translation"])
def test_one_command_brings_hosts_up_and_a_scenario_onto_them_and_all_of_it_away_again(scenario: str, tmp_path: Path) -> None:
    spec = tmp_path / f"{scenario}.aib"
    spec.write_text((ROOT / "specs" / spec.name).read_text().replace("generators 1", "generators 2"))
    command = ["bash", str(HERE / "cluster.sh"), "5", str(spec), "--deployment", "cluster", "--data", "synthetic", "--size", "tiny"]
    command += ["--rate", "5", "--warmup", "4", "--duration", "20", "--supplement", "0", "--runs", str(tmp_path / "runs")]
    command += ["--out", str(tmp_path / "generated")]
    ended = subprocess.run(
        command, env={**os.environ, "PFX": "cr"}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=1100
    )
    match = re.search(r"^The report: (.*)/report\.html$", ended.stdout, re.MULTILINE)
    assert match, ended.stdout[-3000:] + ended.stderr[-3000:]
    directory = Path(match[1])
    run = read_run(directory)
    check_records(run)

    verdict = validate(directory)
    assert {reason.code for reason in verdict.reasons} <= OF_THE_MACHINE | OF_A_SHORT_LOAD, verdict.reasons
    assert (ended.returncode == 0) is (verdict.reasons == ())
    made = report(directory)
    assert (directory / "report.html").is_file()
    assert len(made.hosts) == 5
    assert len(made.clocks) == 4
    kept = [path for path in directory.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert kept == []
    assert "cr-h" not in Path("/proc/mounts").read_text(), "the hosts are gone, too"


def check_records(run: Run) -> None:
    """Every host did its part, and every request is recorded on all of its way."""
    assert [(stage.name, stage.outcome) for stage in run.info.stages] == [
        (name, "ok") for name in ("prepare", "prepare", "deploy", "load", "collect", "teardown")
    ]
    assert run.plan.tls
    assert run.info.missing == ()
    assert {host.name for host in run.info.hosts} == {f"h{number}" for number in range(1, 6)}
    assert {r.request_id for r in run.requests} == {row.request_id for row in run.schedule}
    assert {r.outcome for r in run.requests} == {"ok"}
    assert {c.request_id for c in run.calls} == {r.request_id for r in run.requests}
    called = {call.task for call in run.calls}
    endpoints = {endpoint for service in run.plan.services if service.name in called for endpoint in service.endpoints}
    assert {call.endpoint for call in run.calls} == endpoints, "every replica was asked"
    ai = [call for call in run.calls if call.kind == "ai"]
    assert sum(call.queue_ns > 0 for call in ai) > 0.9 * len(ai), "Triton's trace was joined"
    assert {r.planner for r in run.requests} == set(planner_endpoints(run.plan))
    for generator in run.info.generators:
        assert generator.figures is not None
        assert len(generator.clocks) == 2
        assert all(clock.after is not None and clock.error_ns < 50_000_000 for clock in generator.clocks)
    assert {p.name for p in run.info.processes} - {"generator", "generator-1"} <= {r.process for r in run.resources}
