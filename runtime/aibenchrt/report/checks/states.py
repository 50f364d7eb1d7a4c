"""Whether the states that have invariants were looked at when the run had ended."""

from __future__ import annotations

from aibenchrt.collect.recorded_run import Run
from aibenchrt.report.checks.check import check
from aibenchrt.report.invariants import audits_of
from aibenchrt.report.model import Check
from aibenchrt.serve.audit_state import audited_stages


def state_checks(run: Run) -> list[Check]:
    """V23: what has invariants was looked at. With an expected fault it need not be: what is gone cannot be looked at."""
    found = audits_of(run)
    unknown = [stage.name for stage in audited_stages(run.plan) if found.get(stage.name) is None]
    said = {audit.stage: audit.missing for audit in run.state_audits.audits}
    missing = "; ".join(f"{stage}: {said.get(stage) or 'no audit'}" for stage in unknown)
    due = len(audited_stages(run.plan))
    observed = missing or (f"{due} audited" if due else "no task has a state with invariants")
    limit = f"expected fault: {run.info.fault}" if run.info.fault else "every state with invariants is audited"
    return [check("V23", not missing or bool(run.info.fault), observed, limit)]
