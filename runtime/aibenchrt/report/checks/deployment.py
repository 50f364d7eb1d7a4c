"""Whether what ran was the deployment of the plan, from the first stage to the last."""

from __future__ import annotations

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import ProcessInfo
from aibenchrt.figure_format import percent
from aibenchrt.report.checks.check import check
from aibenchrt.report.degraded_replicas import degraded, failed_effects
from aibenchrt.report.model import Check
from aibenchrt.report.outages import outage_texts
from aibenchrt.report.validity import Limits


def stage_checks(run: Run) -> list[Check]:
    last = {s.name: s for s in run.info.stages}  # a resumed run has tried some of them again
    broken = [f"{s.name} {s.outcome}" for s in last.values() if s.outcome in ("failed", "interrupted")]
    observed = f"{run.info.outcome}{'; ' + ', '.join(broken) if broken else ''}"
    died = [*(_death(p) for p in run.info.processes if p.died), *outage_texts(run)]
    limit = f"expected fault: {run.info.fault}" if run.info.fault else "no process ends before it is told to"
    return [
        check("V01", run.info.outcome == "completed" and not broken, observed, "every stage completed"),
        check("V02", not died or bool(run.info.fault), "; ".join(died) or "none died", limit),
    ]


def fault_checks(run: Run, limits: Limits) -> list[Check]:
    """Faults that users may not have noticed, but during which the deployment was not what the plan says."""
    failed, made, most = failed_effects(run)
    observed = f"{failed:,} of {made:,} calls after the responses failed" + (f", most often: {most}" if most else "")
    stumbles = degraded(run)
    allowed = f"expected fault: {run.info.fault}"
    return [
        check("V14", not stumbles or bool(run.info.fault), "; ".join(map(str, stumbles)) or "none", allowed if run.info.fault else "none"),
        check(
            "V15",
            failed <= limits.error_share * made or bool(run.info.fault),
            observed,
            allowed if run.info.fault else f"{percent(limits.error_share)}",
        ),
    ]


def _death(process: ProcessInfo) -> str:
    where = f" on {process.host}" if process.host else ""
    return f"{process.name}{where}{': ' + process.reason if process.reason else ''}"
