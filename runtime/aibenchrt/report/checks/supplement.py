"""The checks of the measured phase on the supplement of rare classes, too: it is a load of its own, with a schedule, errors and records.

What knows of supplements itself is not repeated: lateness (V04) and empty answers (V21). What describes the mix does not apply: the
number of samples (V08), payloads that are used up (V11), shares (V22), the clocks of several generators (V12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aibenchrt.collect.recorded_run import MEASURED, SUPPLEMENT, Run
from aibenchrt.plan import PlanPoisson
from aibenchrt.report import figures
from aibenchrt.report.checks.deployment import fault_checks
from aibenchrt.report.checks.load import schedule_checks
from aibenchrt.report.checks.machines import machine_checks, resource_checks
from aibenchrt.report.checks.records import record_checks
from aibenchrt.report.critical_path import critical_paths
from aibenchrt.report.machines import machine_rows
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits

APPLIED = ("V03", "V05", "V07", "V09", "V10", "V14", "V15", "V16")


def with_supplement(run: Run, checks: Sequence[Check], limits: Limits) -> tuple[Check, ...]:
    """The checks of the measured phase; one that only the supplement violates says what was observed there."""
    made = {check.code: check for check in supplement_checks(run, limits)}
    return tuple(_worse(check, made.get(check.code)) for check in checks)


def supplement_checks(run: Run, limits: Limits) -> tuple[Check, ...]:
    """Those of APPLIED that apply; empty without a supplement."""
    if not run.info.supplements and not run.phase(SUPPLEMENT):
        return ()
    own = as_measured(run)
    if not own.measured:  # none was sent: every one of them is lost
        return tuple(check for check in record_checks(own, (), limits) if check.code == "V10")
    resources = figures.resource_rows(own)
    checks = [
        *schedule_checks(own, figures.arrival_row(own, apart=True), limits),
        *record_checks(own, critical_paths(own), limits),
        *(resource_checks(own, resources, limits) if resources else ()),  # one shorter than the sampling's period has no samples
        *(machine_checks(own, limits) if machine_rows(own) else ()),
        *fault_checks(own, limits),
    ]
    return tuple(check for check in checks if check.code in APPLIED)


def as_measured(run: Run) -> Run:
    """The run as if its supplement were its measured phase: Poisson at the rate of the supplement, in a window of its own."""
    requests = tuple(replace(r, phase=MEASURED) for r in run.phase(SUPPLEMENT))
    schedule = tuple(replace(row, phase=MEASURED) for row in run.schedule if row.phase == SUPPLEMENT)
    start = min((r.intended_ns for r in requests), default=0)
    end = max((r.done_ns for r in requests), default=0)
    rate = next((entry.rate for entry in run.info.supplements), run.plan.load.mean_rate)
    seconds = max(1e-9, (end - start) / 1e9)
    load = PlanPoisson(rate=rate, duration_s=seconds, warmup_s=0.0, seed=run.plan.load.seed)
    window = run.info.load.model_copy(update={"window_start_ns": start, "window_end_ns": end})
    info = run.info.model_copy(update={"load": window, "supplements": ()})
    return replace(run, requests=requests, schedule=schedule, info=info, plan=run.plan.model_copy(update={"load": load}))


def _worse(check: Check, supplement: Check | None) -> Check:
    if supplement is None or supplement.ok:
        return check
    observed = f"supplement: {supplement.observed}"
    return supplement.model_copy(update={"observed": observed if check.ok else f"{check.observed}; {observed}"})
