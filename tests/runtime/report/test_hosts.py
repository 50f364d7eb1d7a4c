"""What the report and the verdict say of a run on several hosts, and of a fault that was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aibenchrt.collect.merge import read_host
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.run_info import Attempt
from aibenchrt.deployment import PlanPart, TaskPart
from aibenchrt.report.host_tables import fault_says
from aibenchrt.report.hosts import fault
from aibenchrt.report.html import page
from aibenchrt.report.make import make_report
from run_on_hosts import S, on_hosts, reasons
from synthetic_run import Shape, write_run

MS = 1_000_000


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("run") / "run", Shape(duration_s=60)))


def test_a_run_on_hosts_shows_hosts_generators_and_clocks(measured: Run) -> None:
    run = on_hosts(measured, attempts=(Attempt(folder="attempts/1", requests=17, reason="it was stopped"),))
    report, _ = make_report(run)
    assert report.verdict.reasons == ()
    assert [row.parts for row in report.hosts] == [("planner", "triton")]
    assert [row.shard for row in report.generators] == [0, 1]
    assert {round(row.error_ms, 6) for row in report.clocks} == {0.025}
    text = page(report, {}, "")
    for shown in ("Query generators", "Clocks", "+5,000", "1 of 2", "its 17 requests are kept in attempts/1"):
        assert shown in text


def test_clocks_that_moved_apart_spoil_the_arrivals(measured: Run) -> None:
    assert reasons(on_hosts(measured, drift_ns=3_900_000)) == {}  # half of it is below 10 % of 20 ms
    observed = reasons(on_hosts(measured, drift_ns=4_100_000))
    assert list(observed) == ["V12"]
    assert "2.07 ms" in observed["V12"]


def test_a_generator_is_judged_by_itself(measured: Run) -> None:
    run = on_hosts(measured)
    first, second = run.info.generators
    assert second.figures is not None
    late = second.model_copy(update={"figures": second.figures.model_copy(update={"lateness_p99_ns": 11 * MS})})
    assert list(reasons(on_hosts(measured, generators=(first, late)))) == ["V04"]
    busy = second.model_copy(update={"figures": second.figures.model_copy(update={"cpu_share": 0.9})})
    assert "generator 1 on h4: 90 % of a core" in reasons(on_hosts(measured, generators=(first, busy)))["V06"]
    gone = second.model_copy(update={"figures": None})
    assert "generator 1 on h4: no figures" in reasons(on_hosts(measured, generators=(first, gone)))["V06"]


def test_what_could_not_be_collected_makes_a_run_invalid(measured: Run) -> None:
    assert reasons(on_hosts(measured, missing=("no calls of planner-1 on h2",))) == {"V13": "no calls of planner-1 on h2"}


def broken(run: Run, text: str) -> Run:
    """Requests of the seconds 20 to 23 fail, those of 24 are slow; a part was started again."""
    start = run.info.load.window_start_ns

    def hit(request: Any) -> Any:
        second = (request.intended_ns - start) // S
        if request.phase != "measured" or not 20 <= second <= 24:
            return request
        slow = replace(request, done_ns=request.intended_ns + 30 * S)
        return slow if second == 24 else replace(request, outcome="failed", error="rank: gone", answer=())

    processes = tuple(
        p.model_copy(update={"died": True, "restarts": 1, "host": "h2", "reason": "signal 9, started again 1 time"})
        if p.name == "triton"
        else p
        for p in run.info.processes
    )
    changed = replace(run, requests=tuple(map(hit, run.requests)))
    return on_hosts(changed, processes=processes, fault=text)


def test_a_fault_that_nobody_asked_for_is_invalid_and_says_part_host_and_reason(measured: Run) -> None:
    observed = reasons(broken(measured, ""))
    assert set(observed) == {"V02", "V07"}
    assert observed["V02"] == "triton on h2: signal 9, started again 1 time"


def test_a_fault_experiment_says_so_on_top_and_shows_what_users_saw(measured: Run) -> None:
    run = broken(measured, "kill Triton <now>")
    assert reasons(run) == {}
    seen = fault(run)
    assert seen is not None
    assert (seen.first_failed_s, seen.well_s, seen.calm_s) == (20, 24, 25)
    assert seen.seconds[0].second == 15
    assert seen.seconds[-1].second == 30
    assert seen.failed == sum(r.outcome != "ok" for r in run.measured)
    assert fault_says(seen).endswith("all succeed from second 24 on, 4 s later; latency is as before from second 25 on")
    text = page(make_report(run)[0], {}, "")
    assert "<strong>Fault experiment</strong>: kill Triton &lt;now&gt;." in text
    assert "Requests around the fault" in text
    assert fault(measured) is None


def unit(name: str, invocation: str, **more: str) -> dict[str, str]:
    shown = {"ActiveState": "active", "MainPID": "7", "NRestarts": "0", "Result": "success", "ExecMainCode": "0", "ExecMainStatus": "0"}
    return {"Id": f"aibench-shop-{name}.service", "InvocationID": invocation} | shown | more


def watched(folder: Path, *lines: dict[str, Any]) -> list[Path]:
    (folder / "host.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"time_ns": 1, "sam')
    return [folder / "host.jsonl", folder / "host-after.json"]


FACTS = {"cpu_model": "c", "cores": 2, "memory_kib": 1 << 20, "kernel": "k", "os": "o", "boot": "b", "monotonic_ns": 100 * S}


def facts(**more: Any) -> dict[str, Any]:
    return FACTS | {"realtime_ns": 1100 * S} | more


def test_a_host_says_how_its_parts_fared(tmp_path: Path) -> None:
    before = {"facts": facts(), "units": [unit("rank", "i1"), unit("planner-1", "j1")], "when": "before"}
    killed = unit("rank", "i1", ActiveState="activating", Result="signal", ExecMainCode="2", ExecMainStatus="9", MainPID="0")
    name = "aibench-shop-rank.service"
    samples = [
        {"time_ns": (100 + t) * S, "samples": [[name, 7, group, used, 5 << 20]]}
        for t, group, used in ((1, 3, 0), (2, 3, 250_000), (3, 4, 10))
    ]
    after = {"facts": facts(), "units": [unit("rank", "i2", NRestarts="1"), unit("planner-1", "j1")], "when": "after"}
    files = watched(tmp_path, before, *samples, {"time_ns": 0, "units": [killed], "when": "changed"}, after)
    planner, rank = PlanPart(replicated="planner", kind="planner", replica=1), TaskPart(replicated="rank")
    records = read_host("h2", files, "shop", [rank, planner], 1030 * S)
    assert records.info is not None
    assert (records.info.memory_mib, records.info.parts) == (1024, ("rank", "planner-1"))
    ranked, planned = records.processes
    assert (ranked.died, ranked.restarts, ranked.host, ranked.reason) == (True, 1, "h2", "signal 9, started again 1 time")
    assert (planned.died, planned.reason) == (False, "")
    assert [(process.role, process.replica) for process in records.processes] == [("service", 0), ("planner", 1)]
    (sample,) = records.resources  # a first sample, and one after a new start, have nothing to compare with
    assert (sample.process, sample.cpu_share, sample.rss_bytes) == ("rank", 0.25, 5 << 20)
    assert sample.time_ns == 72 * S  # the host's realtime is 1000 s before its monotonic clock, the planner's 1030 s


def test_a_host_that_was_started_again_or_left_nothing(tmp_path: Path) -> None:
    assert read_host("h2", [tmp_path / "none"], "shop", [TaskPart(replicated="rank")], None).info is None
    before = {"facts": facts(), "units": [unit("rank", "i1")], "when": "before"}
    after = {"facts": facts(boot="other"), "units": [unit("rank", "i9")], "when": "after"}
    (tmp_path / "host-after.json").write_text(json.dumps(after) + "\n")
    (rank,) = read_host("h2", watched(tmp_path, before), "shop", [TaskPart(replicated="rank")], None).processes
    assert rank.died
    assert rank.reason == "the host was started again, started again 1 time"
