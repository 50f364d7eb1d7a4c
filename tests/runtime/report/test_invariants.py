"""The states that a run left behind, in its verdict: a violation FAILs, and a state that nobody looked at makes the run INVALID."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from aibenchrt.collect.hashes import bind
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import wiring_hash
from aibenchrt.report.export.cleaned import cleaned
from aibenchrt.report.make import make_report, validate
from aibenchrt.report.model import Report, Status
from aibenchrt.state_audit import AUDITS_FILE, Audited, Invariant, StateAudit, StateAudits, invariant, write_audits
from synthetic_run import Shape, write_run

HOLDS = Audited(counted="412 payments booked between 120 accounts", invariants=(invariant("no money is made or lost", ()),))
BROKEN = Audited(
    counted=HOLDS.counted,
    invariants=(*HOLDS.invariants, invariant("a payment is booked once", [f"a payment of {n} is booked 2 times" for n in range(12)])),
)


def with_ledger(run: Run, *audits: StateAudit) -> Run:
    """The run with a ledger in the place of one of its services."""
    steps = tuple(
        step.model_copy(update={"stages": (step.stages[0].model_copy(update={"component": "ledger"}),)}) if step.task == "summary" else step
        for step in run.plan.steps
    )
    wiring = wiring_hash(run.plan.requests, steps, run.plan.choices, run.plan.response)
    plan = run.plan.model_copy(update={"steps": steps, "graph_hash": wiring})
    return replace(run, plan=plan, state_audits=StateAudits(audits=audits))


def audit(audited: Audited | None, stage: str = "summary", missing: str = "") -> StateAudit:
    return StateAudit(stage=stage, component="ledger", audited=audited, missing=missing)


def judged(run: Run) -> tuple[Report, list[tuple[str, Status, str]], str]:
    report, _ = make_report(run)
    rows = [(j.what, j.status, j.reason) for j in report.verdict.judgements if j.group == "invariant"]
    check = next(c for c in report.verdict.checks if c.code == "V23")
    return report, rows, "" if check.ok else check.observed


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(write_run(tmp_path_factory.mktemp("runs") / "run", Shape()))


def test_a_run_without_such_a_state_is_judged_as_before(run: Run) -> None:
    report, rows, missing = judged(run)
    assert (report.verdict.valid, rows, missing) == (True, [], "")


def test_invariants_that_hold_pass_and_the_head_of_the_report_says_so(run: Run) -> None:
    report, rows, missing = judged(with_ledger(run, audit(HOLDS)))
    assert report.verdict.valid
    assert missing == ""
    assert rows == [("all 1 of its state", "PASS", HOLDS.counted)]
    assert ("summary", f"{HOLDS.counted}; no violation") in [(fact.name, fact.value) for fact in report.facts]


def test_one_violation_fails_a_valid_run(run: Run) -> None:
    report, rows, _ = judged(with_ledger(run, audit(BROKEN)))
    assert report.verdict.valid
    assert report.verdict.exit_code == 1
    assert rows == [("a payment is booked once", "FAIL", "V24: a payment of 0 is booked 2 times; and 11 more")]


def test_a_violation_stays_one_in_an_invalid_run(run: Run) -> None:
    info = run.info.model_copy(update={"outcome": "failed"})
    report, rows, _ = judged(with_ledger(replace(run, info=info), audit(BROKEN)))
    assert not report.verdict.valid
    assert [status for _, status, _ in rows] == ["FAIL"]
    assert report.verdict.exit_code == 3
    _, held, _ = judged(with_ledger(replace(run, info=info), audit(HOLDS)))
    assert [status for _, status, _ in held] == ["INCONCLUSIVE"]


@pytest.mark.parametrize(
    ("audits", "said"),
    [
        ((), "summary: no audit"),
        ((audit(None, missing="FileNotFoundError: there is no ledger"),), "summary: FileNotFoundError: there is no ledger"),
        ((audit(HOLDS, stage="another"),), "summary: no audit"),
        ((audit(HOLDS), audit(HOLDS)), "summary: no audit"),
    ],
)
def test_a_missing_audit_makes_the_run_invalid(run: Run, audits: tuple[StateAudit, ...], said: str) -> None:
    report, rows, missing = judged(with_ledger(run, *audits))
    assert not report.verdict.valid
    assert (rows, missing) == ([], said)
    fault = run.info.model_copy(update={"fault": "the ledger's host is gone"})
    assert judged(with_ledger(replace(run, info=fault), *audits))[2] == ""


def test_the_file_is_bound_and_checked(tmp_path: Path) -> None:
    directory = write_run(tmp_path / "run", Shape())
    write_audits(directory / AUDITS_FILE, StateAudits(audits=(audit(BROKEN),)))
    root = bind(directory)
    assert read_run(directory).state_audits.audits == (audit(BROKEN),)
    assert validate(directory, root=root).valid
    write_audits(directory / AUDITS_FILE, StateAudits(audits=(audit(HOLDS),)))
    changed = validate(directory)
    assert "V18" in {reason.code for reason in changed.reasons}
    (directory / AUDITS_FILE).write_text('{"version": 1, "audits": 7}')
    with pytest.raises(EnvironmentFailure, match="AIB609"):
        read_run(directory)


def test_an_export_has_how_many_violations_there_are_and_not_what(run: Run) -> None:
    found = cleaned(with_ledger(run, audit(BROKEN), audit(None, "other", "/home/somebody is gone"))).run.state_audits.audits
    assert found[0].audited is not None
    assert found[0].audited.invariants[1] == Invariant(name="a payment is booked once", more=12)
    assert found[1].missing == "(left out)"
