"""VALID or INVALID, then PASS, FAIL, INCONCLUSIVE or NOT COMPARABLE: every row of the table, on simulated runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.run_info import Outage
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanUsers
from aibenchrt.report import validate
from aibenchrt.report.make import make_report
from aibenchrt.report.model import Judgement, Status, Verdict
from aibenchrt.report.validity import REASONS
from aibenchrt.report.verdict import Band, exit_code, judge, undecided
from synthetic_run import FOR_P99_S, Shape, write_run

BASE = Shape()
LONG = Shape(duration_s=60, slo_percentile=99)


@pytest.mark.parametrize(
    ("low", "high", "status"),
    [
        (0.95, 1.05, "PASS"),
        (0.9, 1.1, "PASS"),
        (1.11, 1.3, "FAIL"),
        (0.5, 0.8, "FAIL"),
        (1.05, 1.2, "INCONCLUSIVE"),
        (0.5, 2.0, "INCONCLUSIVE"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, status: str) -> None:
    assert judge(low, high, Band(0.9, 1.1)) == status


@pytest.mark.parametrize(
    ("valid", "statuses", "code"),
    [
        (True, [], 0),
        (True, ["PASS", "NOT COMPARABLE"], 0),
        (True, ["NOT COMPARABLE"], 0),
        (True, ["PASS", "INCONCLUSIVE"], 4),
        (True, ["INCONCLUSIVE", "FAIL", "PASS"], 1),
        (False, ["PASS"], 3),
        (False, ["FAIL"], 3),
    ],
)
def test_exit_codes(valid: bool, statuses: list[str], code: int) -> None:
    assert exit_code(valid, statuses) == code  # type: ignore[arg-type]


def test_what_decides_nothing_is_inconclusive_and_says_why() -> None:
    """One function for one run and for several: NOT COMPARABLE stays, with its own reason."""
    statuses: tuple[Status, ...] = ("PASS", "FAIL", "INCONCLUSIVE", "NOT COMPARABLE")
    given = [Judgement(group="slo", title=status, what="", status=status, observed="", target="", reason="own") for status in statuses]
    whole = [(j.title, j.status, j.reason) for j in undecided(given, "INVALID")]
    assert whole == [(s, "INCONCLUSIVE", "INVALID") for s in statuses[:3]] + [("NOT COMPARABLE", "NOT COMPARABLE", "own")]
    passed = [(j.status, j.reason) for j in undecided(given, "a fault", ("PASS",))]
    assert passed == [("INCONCLUSIVE", "a fault"), *((s, "own") for s in statuses[1:])]


def test_an_expected_fault_passes_nothing(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", LONG))
    fault = "a disk is full"
    report, _ = make_report(replace(run, info=run.info.model_copy(update={"fault": fault})))
    verdict = report.verdict
    assert verdict.valid
    assert {(j.title, j.status) for j in verdict.judgements if j.group == "quality"} == {("category", "INCONCLUSIVE"), ("picture", "FAIL")}
    slo = [(j.status, j.reason) for j in verdict.judgements if j.group == "slo"]
    assert slo == [("INCONCLUSIVE", f"measured during an expected fault: {fault}")]
    assert verdict.exit_code == 1
    assert exit_code(True, ["INCONCLUSIVE"], fault) == 4
    assert exit_code(True, [], fault) == 4, "nor without any target"


def verdict_of(directory: Path, shape: Shape) -> Verdict:
    return validate(write_run(directory, shape))


def test_a_good_run_is_valid_and_published_figures_are_never_passed(tmp_path: Path) -> None:
    judged = verdict_of(tmp_path / "run", LONG)
    assert judged.valid
    assert {c.code for c in judged.checks} == set(REASONS)
    published = [j for j in judged.judgements if j.title.startswith("published")]
    assert len(published) == 3
    assert {j.status for j in published} == {"NOT COMPARABLE"}
    assert [j.status for j in judged.judgements if j.group == "slo"] == ["PASS"]
    assert [(j.title, j.what, j.status) for j in judged.judgements if j.group == "quality"] == [
        ("category", "accuracy, held-out", "PASS"),
        ("category", "accuracy, in this run", "PASS"),
        ("picture", "accuracy, held-out", "FAIL"),
        ("picture", "accuracy, in this run", "FAIL"),
    ]
    assert judged.exit_code == 1
    assert Verdict.model_validate_json((tmp_path / "run" / "verdict.json").read_text()) == judged


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"died": True}, "V02"),
        ({"lateness_ms": 30.0}, "V04"),
        ({"bunch_ms": 60}, "V05"),
        ({"generator_cpu": 0.97}, "V06"),
        ({"error_share": 0.05}, "V07"),
        ({"slo_percentile": 99}, "V08"),
        ({"planner_cpu": 0.9}, "V09"),
        ({"others_cpu": 0.06}, "V16"),
        ({"others_cpu": 0.03, "steal": 0.03}, "V16"),
        ({"slow": 3.0, "duration_s": FOR_P99_S}, "V19"),
        ({"slow": 3.0, "duration_s": FOR_P99_S}, "V20"),
    ],
)
def test_each_reason_makes_a_run_invalid_and_proves_nothing(tmp_path: Path, change: dict[str, float], code: str) -> None:
    judged = verdict_of(tmp_path / "run", replace(BASE, **change))  # type: ignore[arg-type]
    assert not judged.valid
    assert code in {r.code for r in judged.reasons}
    assert judged.exit_code == 3
    assert {j.status for j in judged.judgements} <= {"INCONCLUSIVE", "NOT COMPARABLE"}


@pytest.mark.parametrize("until_s", [20.0, None])
def test_a_process_that_was_started_again_makes_a_run_invalid_and_is_told(tmp_path: Path, until_s: float | None) -> None:
    run = read_run(write_run(tmp_path / "run", BASE))
    start = run.info.load.window_start_ns
    until = None if until_s is None else start + int(until_s * 1e9)
    outage = Outage(process="triton", reason="signal 6 (SIGABRT)", from_ns=start + 12_500_000_000, until_ns=until, restarts=2)
    failed = [r for r in run.requests if r.sent_ns > outage.from_ns][:3]
    requests = tuple(replace(r, outcome="failed") if r in failed else r for r in run.requests)
    report, _ = make_report(replace(run, requests=requests, info=run.info.model_copy(update={"outages": (outage,)})))
    told = (
        f"triton did not serve from second 12.5 to {'the end' if until is None else 'second 20.0'} (signal 6 (SIGABRT), started 2 times): "
        "3 requests failed meanwhile"
    )
    assert next(r.observed for r in report.verdict.reasons if r.code == "V02") == told
    assert [fact.value for fact in report.facts if fact.name == "outage"] == [told]


def test_lost_requests_and_lost_calls_make_a_run_invalid(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", BASE))
    lost, _ = make_report(replace(run, requests=run.requests[: -len(run.requests) // 20]))
    assert {"V03", "V10"} <= {r.code for r in lost.verdict.reasons}
    silent, _ = make_report(replace(run, calls=tuple(c for c in run.calls if c.task != "good")))
    assert "V10" in {r.code for r in silent.verdict.reasons}


def test_users_who_do_not_think_may_keep_a_planner_busy(tmp_path: Path) -> None:
    """When requests follow one another, some process is always busy; a planner that is saturated by arrivals hides a queue."""
    run = read_run(write_run(tmp_path / "run", replace(BASE, planner_cpu=0.9)))
    for think_s, allowed in ((0.0, True), (1.0, False)):
        load = PlanUsers(users=4, think_s=think_s, duration_s=60.0, warmup_s=10.0, seed=7)
        made, _ = make_report(replace(run, plan=run.plan.model_copy(update={"load": load})))
        assert ("V09" not in {r.code for r in made.verdict.reasons}) == allowed


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"version": 1}'])
def test_a_file_that_is_no_reference_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(EnvironmentFailure) as failure:
        validate(write_run(tmp_path / "run", replace(BASE, duration_s=5.0)), (tmp_path / "r.json",))
    assert failure.value.code == "AIB663"
