"""Checks the states that a run left behind (aibenchrt.state_audit), where they are: after the run, when nobody writes to them any more.

python -m aibenchrt.serve.audit_state --plan PLAN --prepared DIR --state DIR --out FILE [--task NAME]

--plan: plan.json. --prepared and --state: as of service_host. --out: the file for what is found, as state_audits.json.
Exit code 2: the environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aibenchrt.catalog import COMPONENTS, component_module
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import open_plan
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.shown import tell_failure
from aibenchrt.state_audit import Audited, StateAudit, StateAudits, write_audits


def audited_stages(plan: Plan, task: str = "") -> tuple[PlanStage, ...]:
    """The stages whose state has invariants, in the plan's order; of one task, or of all."""
    steps = (step for step in plan.steps if step.kind == "service" and task in ("", step.task))
    stages = (stage for step in steps for stage in step.stages)
    return tuple(stage for stage in stages if stage.component in COMPONENTS and COMPONENTS[stage.component].audited)


def audit_states(plan: Plan, prepared: Path, state: Path, task: str = "") -> StateAudits:
    """Reads only. What cannot be checked is told as missing, whatever the reason: whether that matters is for the verdict to say."""
    return StateAudits(audits=tuple(_of_stage(stage, prepared, state) for stage in audited_stages(plan, task)))


def _of_stage(stage: PlanStage, prepared: Path, state: Path) -> StateAudit:
    audited: Audited | None = None
    missing = ""
    try:
        audited = _audit(stage.component, state, prepared / stage.name, stage.settings)
    except EnvironmentFailure as failure:
        missing = str(failure).splitlines()[0]
    except Exception as error:  # noqa: BLE001 - a state may be damaged in any way, and the other stages are checked, too
        missing = f"{type(error).__name__}: {error}".splitlines()[0]
    return StateAudit(stage=stage.name, component=stage.component, audited=audited, missing=missing[:400])


def _audit(component: str, state: Path, prepared: Path, settings: Mapping[str, str | int]) -> Audited:
    found: Audited = component_module(component, "state_audit").audit(state, prepared, settings)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="aibenchrt.serve.audit_state", description="Checks the states that a run left behind."
    )
    for name, meaning in (
        ("--plan", "plan.json"),
        ("--prepared", "one folder per stage"),
        ("--state", "what the services wrote"),
        ("--out", "the file for what is found"),
    ):
        parser.add_argument(name, type=Path, required=True, help=meaning)
    parser.add_argument("--task", default="", help="only this one's stages")
    given = parser.parse_args(arguments)
    try:
        write_audits(given.out, audit_states(open_plan(given.plan), given.prepared, given.state, given.task))
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
