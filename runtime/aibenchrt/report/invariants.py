"""Judgements of the states that a run left behind: an invariant that is violated FAILs, whatever else the run shows."""

from __future__ import annotations

from aibenchrt.collect.recorded_run import Run
from aibenchrt.report.model import Fact, Judgement, Status
from aibenchrt.serve.audit_state import audited_stages
from aibenchrt.state_audit import Audited, Invariant

VIOLATED = "V24"


def invariant_judgements(run: Run) -> tuple[Judgement, ...]:
    """One row for each stage whose invariants all hold; otherwise one for each that does not."""
    rows: list[Judgement] = []
    for stage, audited in audits_of(run).items():
        violated = [invariant for invariant in audited.invariants if invariant.count]
        if violated:
            rows += [_row(stage, invariant.name, "FAIL", _counted(invariant), _first(invariant)) for invariant in violated]
        else:
            what = f"all {len(audited.invariants)} of its state"
            rows.append(_row(stage, what, "PASS", "no violation", audited.counted))
    return tuple(rows)


def invariant_facts(run: Run) -> tuple[Fact, ...]:
    """A line of the report's head for each stage."""
    return tuple(Fact(name=stage, value=f"{audited.counted}; {_sum(audited)}") for stage, audited in audits_of(run).items())


def audits_of(run: Run) -> dict[str, Audited]:
    """Of the plan's stages, in its order; what a host says of another stage, or says twice, is not heeded."""
    told: dict[str, Audited | None] = {}
    for audit in run.state_audits.audits:
        told[audit.stage] = None if audit.stage in told else audit.audited
    return {stage.name: audited for stage in audited_stages(run.plan) if (audited := told.get(stage.name)) is not None}


def _row(stage: str, what: str, status: Status, observed: str, reason: str) -> Judgement:
    return Judgement(group="invariant", title=stage, what=what, target="no violation", status=status, observed=observed, reason=reason)


def _counted(invariant: Invariant) -> str:
    return "1 violation" if invariant.count == 1 else f"{invariant.count:,} violations"


def _first(invariant: Invariant) -> str:
    first = invariant.violations[0] if invariant.violations else "not shown"
    return f"{VIOLATED}: {first}" + (f"; and {invariant.count - 1:,} more" if invariant.count > 1 else "")


def _sum(audited: Audited) -> str:
    count = sum(invariant.count for invariant in audited.invariants)
    return "no violation" if not count else f"{count:,} violations of invariants"
