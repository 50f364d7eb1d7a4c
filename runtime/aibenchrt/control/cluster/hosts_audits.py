"""What the hosts of a cluster found of the states that a load left there (the role `audit`)."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.deployment import TaskPart, parts
from aibenchrt.input_file import InputFileError
from aibenchrt.plan import Plan
from aibenchrt.serve.audit_state import audited_stages
from aibenchrt.state_audit import StateAudit, StateAudits, read_audits

_MOST_REASON = 400  # characters


def read_states(plan: Plan, folder: Path) -> StateAudits:
    """folder: <host>/<file> as fetched by collect.yml. Of every stage that is audited exactly one entry: a host is not trusted, so what it
    says of other stages is not heeded, and what is damaged or not there is missing, with the reason."""
    audits = [audit for part in parts(plan) if isinstance(part, TaskPart) for audit in _of_task(plan, part, folder / part.host)]
    return StateAudits(audits=tuple({audit.stage: audit for audit in audits}.values()))


def _of_task(plan: Plan, part: TaskPart, records: Path) -> list[StateAudit]:
    due = {stage.name: stage for stage in audited_stages(plan, part.task)}
    if not due:
        return []
    found: dict[str, StateAudit] = {}
    reason = f"nothing from {part.host}"
    try:
        told = read_audits(records / f"state_audits-{part.task}.json").audits
        found = {audit.stage: audit for audit in told if audit.stage in due}
    except InputFileError as error:
        reason = f"from {part.host}: {error}"[:_MOST_REASON]
    return [
        found.get(name) or StateAudit(stage=name, component=stage.component, audited=None, missing=reason) for name, stage in due.items()
    ]
