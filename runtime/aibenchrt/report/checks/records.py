"""Whether there are enough records, and enough of them tell of success."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import percent
from aibenchrt.plan import PlanLoad, PlanStreams, latency_bounds
from aibenchrt.report import figures, statistics
from aibenchrt.report.checks.check import check
from aibenchrt.report.critical_path import CriticalPath
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits


def record_checks(run: Run, paths: Sequence[CriticalPath], limits: Limits) -> list[Check]:
    total, ok = len(run.measured), sum(r.outcome == "ok" for r in run.measured)
    errors = 1 - ok / total if total else 0.0
    highest = max([b.percentile for b in latency_bounds(run.plan)] or list(figures.shown_percentiles(run.plan)))
    needed = statistics.samples_needed(highest)
    recorded = {r.request_id for r in run.requests}
    lost = sum(row.request_id not in recorded for row in run.schedule if row.phase == "measured")
    whole = sum(not p.broken for p in paths)
    missing = (lost + ok - whole) / (total + lost) if total + lost else 0.0
    return [
        check(
            "V07",
            errors <= limits.error_share or bool(run.info.fault),
            f"{total - ok:,} of {total:,} requests failed ({percent(errors, 2)}){_most(run)}",
            f"expected fault: {run.info.fault}" if run.info.fault else f"{percent(limits.error_share)}",
        ),
        check("V08", ok >= needed, f"{ok:,} successful requests", f"{needed:,} for p{highest:g} of the whole path"),
        check(
            "V10",
            missing <= limits.records_missing,
            f"{lost:,} requests without a record, {ok - whole:,} without a whole critical path",
            f"{percent(limits.records_missing)}",
        ),
        check(
            "V11",
            run.info.load.used_up <= limits.used_up,
            f"{percent(run.info.load.used_up, 0)} of the requests were sent after {_all_of(run.plan.load)} had been sent",
            f"{percent(limits.used_up, 0)}",
        ),
    ]


def _all_of(load: PlanLoad) -> str:
    return "every clip by their stream" if isinstance(load, PlanStreams) else "every payload of their class"


def _most(run: Run) -> str:
    rows = figures.error_rows(run)
    return f", most often: {rows[0].message}" if rows else ""
