"""What only a run on several hosts can violate."""

from __future__ import annotations

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import number, percent
from aibenchrt.report import figures
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import Check
from aibenchrt.report.validity import Limits


def cluster_checks(run: Run, limits: Limits) -> list[Check]:
    """Of a run on several hosts. A latency or a call is measured by one clock; clocks have to agree only for what several generators did
    together: when requests arrived, and how many were in flight."""
    missing = check("V13", not run.info.missing, "; ".join(run.info.missing) or "complete", "records of every part")
    if len(run.info.generators) < 2:
        return [check("V12", True, "one generator: one clock", "for several generators"), missing]
    sent = [r for r in run.measured if r.outcome != "not_sent"]
    gap_ms = 1e3 * run.info.load.duration_s / max(1, len(sent))
    limit_ms = min(limits.clock_error_gap * gap_ms, limits.lateness_p99_ms)
    unknown = [g.host for g in run.info.generators if not g.clocks or any(c.after is None for c in g.clocks)]
    worst = max((g.clocks[0].error_ns / figures.MS for g in run.info.generators if g.clocks), default=0.0)
    observed = f"times may be wrong by {number(worst)} ms" + (f"; not compared after the load: {', '.join(unknown)}" if unknown else "")
    of_gap = f"{percent(limits.clock_error_gap, 0)} of the mean gap of {number(gap_ms)} ms"
    limit = f"{number(limit_ms)} ms: {of_gap}, at most {limits.lateness_p99_ms:g} ms"
    return [check("V12", worst <= limit_ms and not unknown, observed, limit), missing]
