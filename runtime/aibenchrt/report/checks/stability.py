"""Whether the system kept up with the load, and was the same at the end of the window as at its beginning.

V19, not keeping up. Of a stable queue the number of requests in flight has a distribution that does not widen with time; of an overloaded
one it grows by (arrivals − completions) without end. The check compares the numbers in flight at the end and at the beginning of the
window. Chance may add `backlog_requests` or, if that is more, five times the √mean of the requests in flight, which is the standard
deviation of their number where they do not queue; and `backlog_share` of the arrivals. Of an M/M/1 queue at utilisation 0.9 in its steady
state the difference of two independent geometric numbers exceeds 59 with probability 0.001; queues with rare long requests need twice that.
Requests that fail end, too: V07 judges them. A closed loop never has more requests in flight than users, and is not judged.

V20, not stationary. The answers in the order of their intended times are cut into BATCHES equal batches, and a straight line is fitted to
the batch means of log latency; its slope is a t value against the spread of the residuals. Batches of a queue are dependent, so the
standard error is that of an AR(1) process, (1 + φ) / (1 − φ) times the independent variance, with φ, the lag-1 autocorrelation of the
residuals, corrected for its bias after detrending (Tjøstheim and Paulsen 1983, Biometrika 70: −(1 + 4φ) / n). Where φ is large, the
window holds few independent stretches and the t value has a long tail: `drift_t` is its limit up to CORRELATED, `drift_t_correlated` above.
Above ENDLESS the residuals wander as those of a queue that fills do, and `drift_t` holds again. Both were chosen by simulation. A drift has
to matter as well: a line that changes latency by less than a factor of `drift_factor` over the window is none, however sure it is. The
test needs `drift_requests` answers; with fewer nothing is judged, and the check says so. Medians in place of means,
other numbers of batches and variances of fixed bandwidth (Bartlett, Kiefer and Vogelsang 2005) had no more power at the same false alarms.

False alarms and power (python tests/benchmarks/bench_stability.py alarms power; the first rows 10,000 runs, 2,500 of those with 10,000
requests; below 1,000 runs):

    queue                                              n        V19      V20
    M/M/1 at 0.3, 0.5, 0.8, 0.9                      300       0.00 %   not judged
    M/M/1 at 0.3, 0.5, 0.8, 0.9                    2,500       0.00 %   0.02, 0.00, 0.02, 0.05 %
    M/M/1 at 0.3, 0.5, 0.8, 0.9                   10,000       0.00 %   0.04, 0.00, 0.00, 0.00 %
    M/G/1 lognormal (cv 1.3) at 0.5, 0.8           2,500       0.00 %   0.03, 0.01 %
    M/G/1, 1 % takes 20 times as long,
    at 0.3, 0.5, 0.8                               2,500     ≤ 0.03 %   0.02, 0.01, 0.01 %
    200/s at a capacity of 111/s                     300         70 %   not judged
    200/s at a capacity of 111/s                   2,500        100 %   99.9 %
    120/s at a capacity of 111/s                   2,500         64 %   40 %
    115/s at a capacity of 111/s                  20,000         84 %   33 %
    latency drifts 1 to 4 times, at 0.3, 0.5       2,500          0 %   100, 99.2 %
    latency drifts 1 to 4 times, at 0.7, 0.8       2,500          0 %   54, 13 %
    latency drifts 1 to 4 times, at 0.7           10,000          0 %   99.8 %
    latency drifts 1 to 4 times, at 0.8           20,000          0 %   98.8 %

A drift of a queue at utilisation 0.8 can hardly be told from its own long queues in 2,500 requests: by chance alone its trend exceeds a
factor of 6 once in 1,000 windows. A trace's rate changes by itself, and is not judged by V20.

Both take the windows to test: the whole measured one, for as long as nothing is updated within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.collect.recorded_run import Run
from aibenchrt.figure_format import number, percent
from aibenchrt.plan import PlanTrace, PlanUsers
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import Check
from aibenchrt.report.statistics import Array
from aibenchrt.report.validity import Limits

Times = NDArray[np.int64]

BATCHES = 100
CORRELATED, ENDLESS = 0.4, 0.9  # autocorrelation of the batches
_MOST_CORRELATED = 0.98  # what the standard error is made of at most
_STANDARD_DEVIATIONS = 5.0


@dataclass(frozen=True)
class Window:
    """A stretch of time in which nothing was changed on purpose, in ns."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Backlog:
    """Of a window: requests that came and that ended in it, requests in flight at its two ends, and their mean number."""

    came: int
    ended: int
    before: int
    after: int
    mean: float

    def allowed(self, limits: Limits) -> float:
        return max(limits.backlog_requests, _STANDARD_DEVIATIONS * float(np.sqrt(self.mean))) + limits.backlog_share * self.came


@dataclass(frozen=True)
class Trend:
    """Of latency over a window: factor from its beginning to its end, t value, autocorrelation of the batches around the line."""

    answers: int
    factor: float
    t: float
    correlation: float

    def limit(self, limits: Limits) -> float:
        return limits.drift_t_correlated if CORRELATED <= self.correlation < ENDLESS else limits.drift_t

    def drifts(self, limits: Limits) -> bool:
        return abs(self.t) > self.limit(limits) and max(self.factor, 1 / self.factor) > limits.drift_factor


def windows(run: Run) -> tuple[Window, ...]:
    """The windows that are tested one by one."""
    return (Window(run.info.load.window_start_ns, run.info.load.window_end_ns),)


def stability_checks(run: Run, limits: Limits) -> list[Check]:
    stretches = windows(run)
    return [_keeps_up(run, stretches, limits), _stationary(run, stretches, limits)]


def _keeps_up(run: Run, stretches: Sequence[Window], limits: Limits) -> Check:
    if isinstance(run.plan.load, PlanUsers):
        return check("V19", True, "a closed loop: no more requests in flight than users", "for open loops")
    sent = [r for r in run.requests if r.outcome != "not_sent"]
    times = np.array([(r.intended_ns, r.done_ns) for r in sent], dtype=np.int64).reshape(-1, 2)
    backlogs = [backlog(times[:, 0], times[:, 1], window) for window in stretches]
    worst = max(backlogs, key=lambda b: b.after - b.before - b.allowed(limits))
    observed = (
        f"{worst.came:,} requests came, {worst.ended:,} ended; in flight {worst.before:,} at the beginning, {worst.after:,} at the end"
    )
    ok = worst.after - worst.before <= worst.allowed(limits) or bool(run.info.fault)
    limit = (
        f"{worst.allowed(limits):,.0f} more at the end: chance in a stable queue, and {percent(limits.backlog_share, 0)} of the arrivals"
    )
    return check("V19", ok, observed, f"expected fault: {run.info.fault}" if run.info.fault else limit)


def _stationary(run: Run, stretches: Sequence[Window], limits: Limits) -> Check:
    if isinstance(run.plan.load, PlanTrace):
        return check("V20", True, "a trace: its rate changes by itself", "for other loads")
    answered = [[r for r in run.measured if r.outcome == "ok" and w.start_ns <= r.intended_ns < w.end_ns] for w in stretches]
    enough = [own for own in answered if len(own) >= limits.drift_requests]
    needed = f"judged from {limits.drift_requests:,.0f} answers on"
    if not enough:
        return check("V20", True, f"{max(map(len, answered), default=0):,} answers: too few to tell a drift from chance", needed)
    trends = [trend(np.array([(r.done_ns - r.intended_ns) / 1e6 for r in own])) for own in enough]
    worst = max(trends, key=lambda t: (t.drifts(limits), abs(t.t) / t.limit(limits)))
    observed = (
        f"latency at the end {number(worst.factor)} times that at the beginning, t = {number(worst.t)} "
        f"(autocorrelation {number(worst.correlation)} of {BATCHES} batches)"
    )
    limit = f"|t| {worst.limit(limits):g}, or a factor below {limits.drift_factor:g}; {needed}"
    ok = not worst.drifts(limits) or bool(run.info.fault)
    return check("V20", ok, observed, f"expected fault: {run.info.fault}" if run.info.fault else limit)


def backlog(came: Times, ended: Times, window: Window) -> Backlog:
    """came, ended: intended and done times in ns of all requests that were sent, those of the warm-up as well."""
    start, end = window.start_ns, window.end_ns
    inside = np.clip(np.minimum(ended, end) - np.maximum(came, start), 0, None).sum()
    return Backlog(
        came=int(((start <= came) & (came < end)).sum()),
        ended=int(((start <= ended) & (ended < end)).sum()),
        before=int(((came < start) & (ended >= start)).sum()),
        after=int(((came < end) & (ended >= end)).sum()),
        mean=float(inside / max(1, end - start)),
    )


def trend(latency_ms: Array) -> Trend:
    """latency_ms: of successive answers, positive, at least 2 × BATCHES."""
    logs = np.log(np.maximum(latency_ms, 1e-6))
    means = np.array([part.mean() for part in np.array_split(logs, BATCHES)])
    at = np.arange(BATCHES) - (BATCHES - 1) / 2
    slope = float(means @ at / (at @ at))
    rest = means - means.mean() - slope * at
    spread = float(rest @ rest)
    if spread <= 1e-12 * BATCHES:  # all answers equally fast, or along one line
        return Trend(len(latency_ms), float(np.exp(slope * BATCHES)), 0.0 if abs(slope) < 1e-9 else float(np.sign(slope)) * 1e6, 0.0)
    seen = float(rest[1:] @ rest[:-1]) / spread
    correlation = float(np.clip(seen + (1 + 4 * seen) / BATCHES, 0.0, _MOST_CORRELATED))
    error = np.sqrt(spread / (BATCHES - 2) / (at @ at) * (1 + correlation) / (1 - correlation))
    return Trend(len(latency_ms), float(np.exp(slope * BATCHES)), float(slope / error), correlation)
