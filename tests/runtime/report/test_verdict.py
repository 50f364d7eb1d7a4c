"""VALID or INVALID, then PASS, FAIL, INCONCLUSIVE or NOT COMPARABLE: every row of the table, on simulated runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.recorded_run import read_run
from aibenchrt.collect.run_info import Outage, write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import PlanUsers
from aibenchrt.report import record_reference, reference_block, validate, write_reference
from aibenchrt.report.make import make_report
from aibenchrt.report.model import Verdict
from aibenchrt.report.validity import REASONS
from aibenchrt.report.verdict import Band, exit_code, judge
from synthetic_run import Shape, again, write_run

BASE = Shape()


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


def test_an_expected_fault_passes_nothing_and_makes_no_reference(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", BASE))
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
    other = write_run(tmp_path / "other", again(BASE, 2, "d2"))
    write_run_info(other, read_run(other).info.model_copy(update={"fault": fault}))
    with pytest.raises(EnvironmentFailure, match=r"a fault was expected during other \(a disk is full\)") as failure:
        record_reference([run.directory, other])
    assert failure.value.code == "AIB616"


def verdict_of(directory: Path, shape: Shape, references: tuple[Path, ...] = ()) -> Verdict:
    return validate(write_run(directory, shape), references)


def test_a_good_run_is_valid_and_published_figures_are_never_passed(tmp_path: Path) -> None:
    judged = verdict_of(tmp_path / "run", BASE)
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
        ({"duration_s": 20.0}, "V08"),
        ({"planner_cpu": 0.9}, "V09"),
        ({"others_cpu": 0.06}, "V16"),
        ({"others_cpu": 0.03, "steal": 0.03}, "V16"),
        ({"slow": 3.0}, "V19"),
        ({"slow": 3.0}, "V20"),
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


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    runs = [write_run(folder / f"r{i}", again(BASE, i, f"d{i}")) for i in (1, 2)]
    made = record_reference(runs)
    write_reference(folder / "reference.json", made)
    (folder / "block.aib").write_text(reference_block(made))
    return folder / "reference.json"


def local(judged: Verdict) -> dict[str, str]:
    return {j.what: j.status for j in judged.judgements if j.title.startswith("local")}


def test_a_third_deployment_of_the_same_system_passes_its_reference(tmp_path: Path, reference: Path) -> None:
    statuses = local(verdict_of(tmp_path / "run", again(BASE, 3, "d3"), (reference,)))
    assert statuses["latency p99"] == "PASS"
    assert set(statuses.values()) == {"PASS"}


def test_a_slower_system_fails_it(tmp_path: Path, reference: Path) -> None:
    judged = verdict_of(tmp_path / "run", replace(again(BASE, 3, "d3"), slow=1.35), (reference,))
    assert local(judged)["latency p50"] == "FAIL"
    assert judged.exit_code == 1


def test_other_hardware_is_not_comparable_however_near(tmp_path: Path, reference: Path) -> None:
    judged = verdict_of(tmp_path / "run", replace(again(BASE, 3, "d3"), hardware="Another CPU"), (reference,))
    assert set(local(judged).values()) == {"NOT COMPARABLE"}


def test_an_ablation_and_the_references_own_runs_are_not_judged(tmp_path: Path, reference: Path) -> None:
    ablated = verdict_of(tmp_path / "run", replace(again(BASE, 3, "d3"), override=("rank", "random")), (reference,))
    assert set(local(ablated).values()) == {"NOT COMPARABLE"}
    own = validate(reference.parent / "r1", (reference,))
    assert set(local(own).values()) == {"NOT COMPARABLE"}


def test_the_block_says_what_the_json_says(reference: Path) -> None:
    block = (reference.parent / "block.aib").read_text()
    assert block.startswith('  reference "local, 2 deployments" {\n    on local\n    fingerprint "')
    assert "latency p99 " in block
    assert "ratio p99 / recommend.p99 = " in block
    assert "time ai " in block
    assert "e-" not in block


def test_a_figure_on_which_the_deployments_disagree_passes_nothing(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", BASE), write_run(tmp_path / "b", replace(again(BASE, 2, "d2"), slow=1.25))]
    made = record_reference(runs)
    useless = [item for item in made.items if not item.discriminates]
    assert {item.quantity.kind for item in useless} >= {"latency"}
    assert len(useless) < len(made.items)  # the fraction of time in AI components does not move with the speed
    lines = [line.strip() for line in reference_block(made).splitlines() if "latency p" in line]
    assert lines
    assert all(line.startswith("# latency p") and "passes anything" in line for line in lines)
    write_reference(tmp_path / "reference.json", made)
    judged = verdict_of(tmp_path / "run", again(BASE, 3, "d3"), (tmp_path / "reference.json",))
    assert local(judged)["latency p99"] == "NOT COMPARABLE"
    assert local(judged)["time in AI components"] == "PASS"


def test_deployments_that_disagree_on_everything_are_no_reference(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", BASE), write_run(tmp_path / "b", replace(again(BASE, 2, "d2"), slow=2.5))]
    with pytest.raises(EnvironmentFailure, match="would accept any system") as failure:
        record_reference(runs)
    assert failure.value.code == "AIB683"


@pytest.mark.parametrize("case", ["one deployment", "two fingerprints", "invalid", "one run"])
def test_what_cannot_be_a_reference(tmp_path: Path, case: str) -> None:
    other = {
        "one deployment": again(BASE, 2, "d1"),
        "two fingerprints": replace(again(BASE, 2, "d2"), hardware="Another CPU"),
        "invalid": replace(again(BASE, 2, "d2"), error_share=0.1),
        "one run": None,
    }[case]
    runs = [write_run(tmp_path / "a", BASE)] + ([write_run(tmp_path / "b", other)] if other else [])
    with pytest.raises(EnvironmentFailure) as failure:
        record_reference(runs)
    assert failure.value.code == "AIB616"


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"version": 1}'])
def test_a_file_that_is_no_reference_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(EnvironmentFailure) as failure:
        validate(write_run(tmp_path / "run", replace(BASE, duration_s=5.0)), (tmp_path / "r.json",))
    assert failure.value.code == "AIB663"
