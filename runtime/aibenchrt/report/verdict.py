"""The verdict: first VALID or INVALID, with coded reasons against limits that are data; then a status for each slo, quality, reference.

PASS only where the whole 95 % interval of the deviation lies inside the tolerance, FAIL where it lies wholly outside, else INCONCLUSIVE.
References are judged only on a matching fingerprint; elsewhere they are NOT COMPARABLE, which is never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import ProcessInfo
from aibenchrt.exit_codes import ExitCode, gravest
from aibenchrt.figure_format import number, percent
from aibenchrt.plan import PlanUsers
from aibenchrt.report import figures, statistics
from aibenchrt.report.critical_path import CriticalPath
from aibenchrt.report.degraded_replicas import degraded, failed_effects
from aibenchrt.report.machines import machine_rows
from aibenchrt.report.model import ArrivalRow, Check, Judgement, MachineRow, Reason, ResourceRow, Status, Verdict
from aibenchrt.report.outages import outage_texts
from aibenchrt.report.validity import REASONS, Limits

_MOST_MACHINES = 3  # in one line
_SHOWN_STEAL = 0.001


@dataclass(frozen=True)
class Band:
    """What a measured interval must lie in: low ≤ x ≤ high."""

    low: float
    high: float


def judge(low: float, high: float, band: Band) -> Status:
    """PASS: the interval [low, high] lies inside the band; FAIL: wholly outside; else INCONCLUSIVE."""
    if band.low <= low and high <= band.high:
        return "PASS"
    if high < band.low or low > band.high:
        return "FAIL"
    return "INCONCLUSIVE"


def exit_code(valid: bool, statuses: Sequence[Status]) -> ExitCode:
    """Of `aibenchc validate`: INVALID goes before every status of a target; PASS and NOT COMPARABLE are OK."""
    if not valid:
        return ExitCode.INVALID
    codes = {"FAIL": ExitCode.FAIL, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}
    return gravest(codes.get(status, ExitCode.OK) for status in statuses)


def validity(run: Run, paths: Sequence[CriticalPath], limits: Limits) -> tuple[tuple[Reason, ...], tuple[Check, ...]]:
    """The reasons why the run is INVALID (none: VALID), and every check with what was observed."""
    checks: tuple[Check, ...] = (
        *_stage_checks(run),
        *_schedule_checks(run, figures.arrival_row(run), limits),
        *_resource_checks(run, figures.resource_rows(run), limits),
        *_machine_checks(run, limits),
        *_record_checks(run, paths, limits),
        *_cluster_checks(run, limits),
        *_fault_checks(run, limits),
    )
    reasons = tuple(
        Reason(code=c.code, name=c.name, observed=c.observed, limit=c.limit, hint=REASONS[c.code].hint) for c in checks if not c.ok
    )
    return reasons, checks


def _check(code: str, ok: bool, observed: str, limit: str) -> Check:
    return Check(code=code, name=REASONS[code].name, ok=ok, observed=observed, limit=limit)


def _stage_checks(run: Run) -> list[Check]:
    last = {s.name: s for s in run.info.stages}  # a resumed run has tried some of them again
    broken = [f"{s.name} {s.outcome}" for s in last.values() if s.outcome in ("failed", "interrupted")]
    observed = f"{run.info.outcome}{'; ' + ', '.join(broken) if broken else ''}"
    died = [*(_death(p) for p in run.info.processes if p.died), *outage_texts(run)]
    limit = f"expected fault: {run.info.fault}" if run.info.fault else "no process ends before it is told to"
    return [
        _check("V01", run.info.outcome == "completed" and not broken, observed, "every stage completed"),
        _check("V02", not died or bool(run.info.fault), "; ".join(died) or "none died", limit),
    ]


def _death(process: ProcessInfo) -> str:
    where = f" on {process.host}" if process.host else ""
    return f"{process.name}{where}{': ' + process.reason if process.reason else ''}"


def _schedule_checks(run: Run, arrivals: ArrivalRow, limits: Limits) -> list[Check]:
    # In a closed loop what is sent depends on the replies: nothing was scheduled that could be missing.
    closed = isinstance(run.plan.load, PlanUsers)
    scheduled = len(run.measured) if closed else sum(row.phase == "measured" for row in run.schedule)
    sent = sum(r.outcome != "not_sent" for r in run.measured)
    missing = 1 - sent / scheduled if scheduled else 1.0
    late = max([arrivals.lateness_p99_ms, *(g.figures.lateness_p99_ns / figures.MS for g in run.info.generators if g.figures)])
    checks = [
        _check(
            "V03",
            abs(missing) <= limits.rate_deviation,
            f"{sent:,} of {scheduled:,} requests sent",
            f"{percent(limits.rate_deviation)} may be missing",
        ),
        _check(
            "V04",
            late <= limits.lateness_p99_ms,
            f"p99 of the lateness {number(late)} ms{', of the latest generator' if len(run.info.generators) > 1 else ''}",
            f"{limits.lateness_p99_ms:g} ms",
        ),
    ]
    if arrivals.sent_ks_p is not None:
        observed = f"coefficient of variation {number(arrivals.sent_cv)}, Kolmogorov–Smirnov p = {number(arrivals.sent_ks_p)}"
        checks.append(_check("V05", arrivals.sent_ks_p >= limits.arrivals_p, observed, f"p ≥ {limits.arrivals_p:g}"))
    return checks


def _resource_checks(run: Run, resources: Sequence[ResourceRow], limits: Limits) -> list[Check]:
    each = [(f"generator {g.shard} on {g.host}: ", g.figures) for g in run.info.generators] or [("", run.info.generator)]
    observed = "; ".join(
        name + ("no figures" if g is None else f"{percent(g.cpu_share, 0)} of a core, {g.dropped:,} requests dropped") for name, g in each
    )
    ok = all(g is not None and g.cpu_share <= limits.generator_cpu and g.dropped == 0 for _, g in each)
    checks = [_check("V06", ok, observed, f"{percent(limits.generator_cpu, 0)} of a core, none dropped")]
    planners = [r for r in resources if r.role == "planner"]
    observed = ", ".join(f"{r.process} {percent(r.cpu_mean, 0)}" for r in planners) or "no samples of a planner"
    # If users do not think, some process is always busy, perhaps the planner: it bounds the throughput, but hides no queue.
    back_to_back = isinstance(run.plan.load, PlanUsers) and not run.plan.load.think_s
    ok = bool(planners) and (back_to_back or all(r.cpu_mean <= limits.planner_cpu for r in planners))
    limit = "none: users do not think between requests" if back_to_back else f"{percent(limits.planner_cpu, 0)} of a core, measured"
    return [*checks, _check("V09", ok, observed, limit)]


def _machine_checks(run: Run, limits: Limits) -> list[Check]:
    rows = machine_rows(run)
    unsampled = [host.name for host in run.info.hosts if host.name not in {row.host for row in rows}]
    worst = sorted(rows, key=lambda row: -row.disturbed)[:_MOST_MACHINES]
    observed = [f"{percent(row.disturbed)} of {row.host} by other work{_steal(row)}" for row in worst]
    observed += [f"no samples of {', '.join(unsampled)}"] if unsampled else []
    busiest = ", ".join(f"{other.name} {percent(other.cpu_share)}" for other in run.info.bystanders)
    ok = not unsampled and all(row.disturbed <= limits.others_cpu for row in rows)
    text = "; ".join(observed) + (f"; busiest: {busiest}" if busiest else "")
    limit = f"expected fault: {run.info.fault}" if run.info.fault else percent(limits.others_cpu)
    return [_check("V16", ok or bool(run.info.fault), text, limit)]


def _steal(row: MachineRow) -> str:
    return f", {percent(row.steal)} of it stolen" if row.steal >= _SHOWN_STEAL else ""


def _record_checks(run: Run, paths: Sequence[CriticalPath], limits: Limits) -> list[Check]:
    total, ok = len(run.measured), sum(r.outcome == "ok" for r in run.measured)
    errors = 1 - ok / total if total else 0.0
    highest = max([b.percentile for b in run.plan.slo] or list(figures.shown_percentiles(run.plan)))
    needed = statistics.samples_needed(highest)
    recorded = {r.request_id for r in run.requests}
    lost = sum(row.request_id not in recorded for row in run.schedule if row.phase == "measured")
    whole = sum(not p.broken for p in paths)
    missing = (lost + ok - whole) / (total + lost) if total + lost else 0.0
    return [
        _check(
            "V07",
            errors <= limits.error_share or bool(run.info.fault),
            f"{total - ok:,} of {total:,} requests failed ({percent(errors, 2)}){_most(run)}",
            f"expected fault: {run.info.fault}" if run.info.fault else f"{percent(limits.error_share)}",
        ),
        _check("V08", ok >= needed, f"{ok:,} successful requests", f"{needed:,} for p{highest:g} of the whole path"),
        _check(
            "V10",
            missing <= limits.records_missing,
            f"{lost:,} requests without a record, {ok - whole:,} without a whole critical path",
            f"{percent(limits.records_missing)}",
        ),
        _check(
            "V11",
            run.info.load.used_up <= limits.used_up,
            f"{percent(run.info.load.used_up, 0)} of the requests were sent after every payload of their class had been sent",
            f"{percent(limits.used_up, 0)}",
        ),
    ]


def _most(run: Run) -> str:
    rows = figures.error_rows(run)
    return f", most often: {rows[0].message}" if rows else ""


def _fault_checks(run: Run, limits: Limits) -> list[Check]:
    """Faults that users may not have noticed, but during which the deployment was not what the plan says."""
    failed, made, most = failed_effects(run)
    observed = f"{failed:,} of {made:,} calls after the responses failed" + (f", most often: {most}" if most else "")
    stumbles = degraded(run)
    allowed = f"expected fault: {run.info.fault}"
    return [
        _check("V14", not stumbles or bool(run.info.fault), "; ".join(map(str, stumbles)) or "none", allowed if run.info.fault else "none"),
        _check(
            "V15",
            failed <= limits.error_share * made or bool(run.info.fault),
            observed,
            allowed if run.info.fault else f"{percent(limits.error_share)}",
        ),
    ]


def _cluster_checks(run: Run, limits: Limits) -> list[Check]:
    """Of a run on several hosts. A latency or a call is measured by one clock; clocks have to agree only for what several generators did
    together: when requests arrived, and how many were in flight."""
    missing = _check("V13", not run.info.missing, "; ".join(run.info.missing) or "complete", "records of every part")
    if len(run.info.generators) < 2:
        return [_check("V12", True, "one generator: one clock", "for several generators"), missing]
    sent = [r for r in run.measured if r.outcome != "not_sent"]
    gap_ms = 1e3 * run.info.load.duration_s / max(1, len(sent))
    limit_ms = min(limits.clock_error_gap * gap_ms, limits.lateness_p99_ms)
    unknown = [g.host for g in run.info.generators if not g.clocks or any(c.after is None for c in g.clocks)]
    worst = max((g.clocks[0].error_ns / figures.MS for g in run.info.generators if g.clocks), default=0.0)
    observed = f"times may be wrong by {number(worst)} ms" + (f"; not compared after the load: {', '.join(unknown)}" if unknown else "")
    of_gap = f"{percent(limits.clock_error_gap, 0)} of the mean gap of {number(gap_ms)} ms"
    limit = f"{number(limit_ms)} ms: {of_gap}, at most {limits.lateness_p99_ms:g} ms"
    return [_check("V12", worst <= limit_ms and not unknown, observed, limit), missing]


def verdict(run: Run, reasons: tuple[Reason, ...], checks: tuple[Check, ...], judgements: tuple[Judgement, ...], limits: Limits) -> Verdict:
    """Assembles the verdict. In an INVALID run every status but NOT COMPARABLE becomes INCONCLUSIVE, since its figures prove nothing."""
    if reasons:
        judgements = tuple(
            j if j.status == "NOT COMPARABLE" else j.model_copy(update={"status": "INCONCLUSIVE", "reason": "the run is INVALID"})
            for j in judgements
        )
    return Verdict(
        run_id=run.info.run_id,
        valid=not reasons,
        reasons=reasons,
        checks=checks,
        limits=limits.model_dump(),
        judgements=judgements,
        fingerprint=run.info.fingerprint.hash,
        exit_code=exit_code(not reasons, [j.status for j in judgements]),
    )


def counts(verdict: Verdict) -> str:
    """'1 FAIL, 2 PASS', the most severe first."""
    statuses: tuple[Status, ...] = ("FAIL", "INCONCLUSIVE", "PASS", "NOT COMPARABLE")
    seen = Counter(j.status for j in verdict.judgements)
    return ", ".join(f"{seen[status]} {status}" for status in statuses if seen[status])
