"""Whether generators, planners and machines had processor time to spare."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import percent
from aibenchrt.plan import PlanUsers
from aibenchrt.report.checks.check import check
from aibenchrt.report.machines import busiest, machine_rows
from aibenchrt.report.model import Check, MachineRow, ResourceRow
from aibenchrt.report.validity import Limits

_MOST_MACHINES = 3  # in one line
_SHOWN_STEAL = 0.001


def resource_checks(run: Run, resources: Sequence[ResourceRow], limits: Limits) -> list[Check]:
    each = [(f"generator {g.shard} on {g.host}: ", g.figures) for g in run.info.generators] or [("", run.info.generator)]
    observed = "; ".join(
        name + ("no figures" if g is None else f"{percent(g.cpu_share, 0)} of a core, {g.dropped:,} requests dropped") for name, g in each
    )
    ok = all(g is not None and g.cpu_share <= limits.generator_cpu and g.dropped == 0 for _, g in each)
    checks = [check("V06", ok, observed, f"{percent(limits.generator_cpu, 0)} of a core, none dropped")]
    planners = [r for r in resources if r.role == "planner"]
    observed = ", ".join(f"{r.process} {percent(r.cpu_mean, 0)}" for r in planners) or "no samples of a planner"
    # If users do not think, some process is always busy, perhaps the planner: it bounds the throughput, but hides no queue.
    back_to_back = isinstance(run.plan.load, PlanUsers) and not run.plan.load.think_s
    ok = bool(planners) and (back_to_back or all(r.cpu_mean <= limits.planner_cpu for r in planners))
    limit = "none: users do not think between requests" if back_to_back else f"{percent(limits.planner_cpu, 0)} of a core, measured"
    return [*checks, check("V09", ok, observed, limit)]


def machine_checks(run: Run, limits: Limits) -> list[Check]:
    rows = machine_rows(run)
    unsampled = [host.name for host in run.info.hosts if host.name not in {row.host for row in rows}]
    worst = sorted(rows, key=lambda row: -row.disturbed)[:_MOST_MACHINES]
    observed = [f"{percent(row.disturbed)} of {row.host} by other work{_steal(row)}{_busiest(row)}" for row in worst]
    observed += [f"no samples of {', '.join(unsampled)}"] if unsampled else []
    ok = not unsampled and all(row.disturbed <= limits.others_cpu for row in rows)
    limit = f"expected fault: {run.info.fault}" if run.info.fault else percent(limits.others_cpu)
    return [check("V16", ok or bool(run.info.fault), "; ".join(observed), limit)]


def _steal(row: MachineRow) -> str:
    return f", {percent(row.steal)} of it stolen" if row.steal >= _SHOWN_STEAL else ""


def _busiest(row: MachineRow) -> str:
    said = busiest(row)
    return f" ({said})" if said else ""
