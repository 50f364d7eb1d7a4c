"""Whether the load was the one that was scheduled; whether it was sent in time: lateness.py."""

from __future__ import annotations

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import number, percent
from aibenchrt.plan import PlanUsers
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import ArrivalRow, Check
from aibenchrt.report.validity import Limits


def schedule_checks(run: Run, arrivals: ArrivalRow, limits: Limits) -> list[Check]:
    # In a closed loop what is sent depends on the replies: nothing was scheduled that could be missing.
    closed = isinstance(run.plan.load, PlanUsers)
    scheduled = len(run.measured) if closed else sum(row.phase == "measured" for row in run.schedule)
    sent = sum(r.outcome != "not_sent" for r in run.measured)
    missing = 1 - sent / scheduled if scheduled else 1.0
    checks = [
        check(
            "V03",
            abs(missing) <= limits.rate_deviation,
            f"{sent:,} of {scheduled:,} requests sent",
            f"{percent(limits.rate_deviation)} may be missing",
        ),
    ]
    if arrivals.sent_ks_p is not None:
        observed = f"coefficient of variation {number(arrivals.sent_cv)}, Kolmogorov–Smirnov p = {number(arrivals.sent_ks_p)}"
        checks.append(check("V05", arrivals.sent_ks_p >= limits.arrivals_p, observed, f"p ≥ {limits.arrivals_p:g}"))
    return checks
