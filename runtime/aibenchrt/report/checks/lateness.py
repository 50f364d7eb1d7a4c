"""Whether requests left so late that a percentile of the report is the generator's and not the service's.

What lateness does. Latency counts from the intended time, so it holds the time h for which the generator held a request back: how late it
sent it, and, if its answer came while the generator stood still, how late it stamped it. Both are on record: from the intended to the sent
time of a late request the generator is known not to have run. So latency − h is what the request would have taken at the least, and

    moved(p) = Q_p(latency) − Q_p(latency − h)

is how far the generator has moved the percentile p: neither more than the p99 of the lateness nor less than it in general, because it
depends on how many requests were held back. A stall of D seconds at a rate λ holds back λD of n requests; next to the n(1 − p) that lie
beyond the percentile that is nothing for p50 and everything for p99.9. The largest h bounds every moved(p), so the maximum counts.

What h leaves out: a stall ends in a burst, and the queue that this makes is counted as the service's. At a utilisation ρ it adds on
average ρ/(1 − ρ) times as much waiting again, spread over later requests. How far the percentile really moves (the same services without
a stall), what moved(p) says, and how often the rule below finds it (one M/M/1 server of 10 ms; python tests/benchmarks/bench_stability.py
stalls):

    utilisation  requests  stall, ms      p   really moved   V04 says   found
            0.3    20,000        100   99.9           1.6%       1.5%      4%
            0.5    20,000        100   99.9           0.5%       0.3%      0%
            0.5    20,000        300   99.9          31.1%      21.7%     89%
            0.8    20,000        300   99.9           9.9%       3.7%     24%
            0.3     2,500        100     99           3.3%       2.7%     13%
            0.5     2,500        300     99          52.7%      26.6%     96%
            0.8     2,500      1,000     99         390.3%      29.6%     92%
            0.5     2,500        300     50           1.8%       0.2%      0%

So a stall that moves a percentile by a third is found; one that moves it by a tenth at a high utilisation mostly is not.

The rule. For the whole path, each class and each supplement, and each percentile p that the report shows of them, moved(p) is at most
`lateness_share` of the percentile, or `lateness_floor_ms`, whichever is larger. Besides, the p99 of the lateness of every generator is at
most `lateness_p99_ms`, or that share of the p99 of the whole path: a generator that is always late is none, however slow the service is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from aibenchrt.collect.recorded_run import SUPPLEMENT, Run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.figure_format import number, percent
from aibenchrt.report import figures, statistics
from aibenchrt.report.checks.check import check
from aibenchrt.report.model import ArrivalRow, Check
from aibenchrt.report.statistics import Array
from aibenchrt.report.validity import Limits

GRACE_NS = 1_000_000  # answers that came during a stall are stamped one after the other once it is over


@dataclass(frozen=True)
class Moved:
    """What lateness has done to a percentile. of: 'whole path', or a class or supplement by name; value, moved: in ms."""

    of: str
    p: float
    value: float
    moved: float

    def limit(self, limits: Limits) -> float:
        return max(limits.lateness_floor_ms, limits.lateness_share * self.value)


def lateness_checks(run: Run, arrivals: ArrivalRow, limits: Limits) -> list[Check]:
    rows = moved_rows(run)
    worst = max(rows, key=lambda row: row.moved / row.limit(limits), default=None)
    late = max([arrivals.lateness_p99_ms, *(g.figures.lateness_p99_ns / figures.MS for g in run.info.generators if g.figures)])
    latency = figures.ranked_ms(run.measured)
    p99 = statistics.quantile(latency, 0.99) if len(latency) else 0.0
    most = max(limits.lateness_p99_ms, limits.lateness_share * p99 if np.isfinite(p99) else 0.0)
    observed = f"p99 of the lateness {number(late)} ms{', of the latest generator' if len(run.info.generators) > 1 else ''}"
    observed += f", largest {number(arrivals.lateness_max_ms)} ms"
    if worst is not None:
        observed += f"; up to {number(worst.moved)} ms of the p{worst.p:g} of {worst.of} ({number(worst.value)} ms) are lateness"
    ok = late <= most and all(row.moved <= row.limit(limits) for row in rows)
    limit = f"p99 {number(most)} ms; {percent(limits.lateness_share, 0)} of any percentile shown, or {limits.lateness_floor_ms:g} ms"
    return [check("V04", ok, observed, limit)]


def moved_rows(run: Run) -> tuple[Moved, ...]:
    """Of every percentile that the report shows of the whole path, the classes and the supplements, and that has enough requests."""
    held = held_back_ms(run.requests)
    groups = [("the whole path", run.measured)]
    for cls in run.plan.requests:
        groups.append((cls.name, tuple(r for r in run.measured if r.request_class == cls.name)))
        groups.append((f"{cls.name}, supplement", tuple(r for r in run.phase(SUPPLEMENT) if r.request_class == cls.name)))
    rows = []
    for of, requests in groups:
        latency, own = figures.ranked_ms(requests), np.array([held.get(r.request_id, 0.0) for r in requests])
        for p in figures.shown_percentiles(run.plan):
            if len(latency) >= statistics.samples_needed(p) and np.isfinite(value := statistics.quantile(latency, p / 100)):
                rows.append(Moved(of, p, value, moved(latency, own, p)))
    return tuple(rows)


def moved(latency: Array, held: Array, p: float) -> float:
    """How much lower the percentile would have been at the most, in ms, had no request been held back. latency: may hold infinite values,
    but not so many that the percentile is one."""
    return statistics.quantile(latency, p / 100) - statistics.quantile(latency - held, p / 100)


def held_back_ms(requests: Iterable[RequestRecord]) -> Mapping[int, float]:
    """Request id → how long the generator has held back the request and its answer; of requests that were sent."""
    sent = sorted((r for r in requests if r.outcome != "not_sent"), key=lambda r: r.intended_ns)
    if not sent:
        return {}
    starts, ends = _stalls(np.array([r.intended_ns for r in sent]), np.array([r.sent_ns for r in sent]))
    done, left = np.array([r.done_ns for r in sent]), np.array([r.sent_ns for r in sent])
    last = np.maximum(np.searchsorted(starts, done, side="left") - 1, 0)  # the last stall that began before the answer was stamped
    stood = np.where(done <= ends[last] + GRACE_NS, np.minimum(done, ends[last]) - np.maximum(starts[last], left), 0)
    late = np.array([r.sent_ns - r.intended_ns for r in sent])
    return dict(zip((r.request_id for r in sent), ((late + np.maximum(stood, 0)) / figures.MS).tolist(), strict=True))


def _stalls(intended: Array, sent: Array) -> tuple[Array, Array]:
    """Starts and ends of the times in which some request was due and not sent, in order and apart. intended: sorted."""
    until = np.maximum.accumulate(sent)
    first = np.concatenate([[True], intended[1:] > until[:-1]])
    last = np.concatenate([first[1:], [True]])
    return intended[first], until[last]
