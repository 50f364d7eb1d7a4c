"""All checks of a run: none violated, and it is VALID."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.collect.recorded_run import Run
from aibenchrt.report import figures
from aibenchrt.report.checks.answers import answer_checks
from aibenchrt.report.checks.cluster import cluster_checks
from aibenchrt.report.checks.consistency import consistency_checks
from aibenchrt.report.checks.deployment import fault_checks, stage_checks
from aibenchrt.report.checks.files import file_checks
from aibenchrt.report.checks.late_frames import late_frame_checks
from aibenchrt.report.checks.lateness import lateness_checks
from aibenchrt.report.checks.load import schedule_checks
from aibenchrt.report.checks.machines import machine_checks, resource_checks
from aibenchrt.report.checks.records import record_checks
from aibenchrt.report.checks.stability import stability_checks
from aibenchrt.report.checks.states import state_checks
from aibenchrt.report.checks.supplement import with_supplement
from aibenchrt.report.critical_path import CriticalPath
from aibenchrt.report.model import Check, Reason
from aibenchrt.report.validity import REASONS, Limits


def validity(run: Run, paths: Sequence[CriticalPath], limits: Limits) -> tuple[tuple[Reason, ...], tuple[Check, ...]]:
    """The reasons why the run is INVALID (none: VALID), and every check with what was observed."""
    arrivals = figures.arrival_row(run)
    checks: tuple[Check, ...] = (
        *stage_checks(run),
        *schedule_checks(run, arrivals, limits),
        *lateness_checks(run, arrivals, limits),
        *late_frame_checks(run, limits),
        *resource_checks(run, figures.resource_rows(run), limits),
        *machine_checks(run, limits),
        *record_checks(run, paths, limits),
        *consistency_checks(run),
        *file_checks(run),
        *cluster_checks(run, limits),
        *fault_checks(run, limits),
        *answer_checks(run, limits),
        *stability_checks(run, limits),
        *state_checks(run),
    )
    checks = with_supplement(run, checks, limits)
    reasons = tuple(
        Reason(code=c.code, name=c.name, observed=c.observed, limit=c.limit, hint=REASONS[c.code].hint) for c in checks if not c.ok
    )
    return reasons, checks
