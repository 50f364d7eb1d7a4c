"""The figures of a run: traffic, arrivals, latency, ratios, fractions of time, critical paths, planner, resources, errors, choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from aibenchrt.collect.recorded_run import SUPPLEMENT, Run
from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.load.pairs import apart_s, is_second, pace
from aibenchrt.plan import Plan, PlanChoice, PlanExclusiveChoice, PlanFallback, PlanPoisson, PlanTimeFraction, latency_bounds
from aibenchrt.report import statistics
from aibenchrt.report.critical_path import CriticalPath
from aibenchrt.report.model import (
    ArrivalRow,
    ChoiceRow,
    ErrorRow,
    FractionRow,
    LatencyRow,
    PathRow,
    Percentile,
    PlannerRow,
    PredictionRow,
    RatioRow,
    ResourceRow,
    TrafficRow,
)
from aibenchrt.report.statistics import Array

MS = 1e6
PLANNER = "planner"
SHOWN = (50.0, 90.0, 99.0)
MESSAGE_CHARACTERS = 120  # of an error; messages that begin alike are one


def shown_percentiles(plan: Plan) -> tuple[float, ...]:
    """The percentiles that metrics, slo and references name; p50, p90 and p99 if they name none."""
    named = {*plan.percentiles, *(b.percentile for b in latency_bounds(plan))}
    quantities = [item.quantity for reference in plan.references for item in reference.items]
    named |= {quantity.percentile for quantity in quantities if not isinstance(quantity, PlanTimeFraction)}
    return tuple(sorted(named or set(SHOWN)))


def ranked_ms(requests: Iterable[RequestRecord]) -> Array:
    """Latency of each request, from the intended time, in the given order; infinite for one that failed, timed out or was never sent: it
    got no answer, and so it ranks as slower than all that did."""
    return np.array([(r.done_ns - r.intended_ns) / MS if r.outcome == "ok" else np.inf for r in requests], dtype=np.float64)


def task_calls(run: Run) -> dict[str, list[CallRecord]]:
    """Task → its calls for measured requests that succeeded or failed, in the order of the requests' intended times.

    Cancelled ones are no part of it: another call of the request had failed, and nobody knows how long they would have taken.
    """
    calls: dict[str, list[CallRecord]] = {}
    for request in run.measured:
        for call in run.calls_of.get(request.request_id, ()):
            if call.outcome in ("ok", "failed"):
                calls.setdefault(call.task, []).append(call)
    return calls


def latency_rows(run: Run, paths: Sequence[CriticalPath]) -> tuple[LatencyRow, ...]:
    """Whole path, each class, each component (planner too), each supplement; classes and tasks in the order of the plan."""
    percentiles = shown_percentiles(run.plan)
    rows = [_latency("whole path", "all", "", ranked_ms(run.measured), percentiles)]
    for cls in run.plan.requests:
        own = [r for r in run.measured if r.request_class == cls.name]
        rows.append(_latency("class", cls.name, "", ranked_ms(own), percentiles))
    for cls in run.plan.requests:
        own = [r for r in run.phase(SUPPLEMENT) if r.request_class == cls.name]
        if own:
            rows.append(_latency("supplement", cls.name, "", ranked_ms(own), percentiles))
    by_task = task_calls(run)
    for step in run.plan.steps:
        if step.task in by_task:
            times = np.array([_call_ms(call) for call in by_task[step.task]], dtype=np.float64)
            row = _latency("component", step.task, step.kind, times, percentiles)
            rows.append(row.model_copy(update={"after": step.phase == "after"}))
    overhead = np.array([path.overhead_ns / MS for path in paths], dtype=np.float64)
    rows.append(_latency("component", PLANNER, PLANNER, overhead, percentiles))
    return tuple(rows)


def _call_ms(call: CallRecord) -> float:
    """Infinite for a call that failed, as a request's latency is."""
    return (call.end_ns - call.start_ns) / MS if call.outcome == "ok" else np.inf


def _latency(scope: str, name: str, kind: str, values: Array, percentiles: Iterable[float]) -> LatencyRow:
    """values: in ms, in time order, infinite for failures."""
    positive = np.maximum(values, 1e-6)  # one clock tick: a logarithm needs positive values
    answered = positive[np.isfinite(positive)]
    shown = tuple(
        Percentile(
            p=p,
            estimate=statistics.percentile(positive, p),
            needed=statistics.samples_needed(p),
            beyond=statistics.beyond_answers(positive, p),
        )
        for p in percentiles
    )
    mean, failed = statistics.mean(answered), len(values) - len(answered)
    return LatencyRow.model_validate(
        {"scope": scope, "name": name, "kind": kind, "n": len(answered), "failed": failed, "mean": mean, "percentiles": shown}
    )


def ratio_rows(run: Run) -> tuple[RatioRow, ...]:
    """Whole-path percentile over each component's, for every shown percentile that both have enough samples for.

    Both are taken over the same successive batches of requests, so that the interval sees their dependence. Failed requests and failed
    calls rank as slower than all others, as in the rows of latency; where that leaves either percentile without an upper end, there is no
    ratio.
    """
    whole, columns = ranked_ms(run.measured), _task_columns(run)
    rows = []
    for step in run.plan.steps:
        if step.phase == "after":
            continue
        table = np.column_stack([whole, columns[step.task]])
        called = table[~np.isnan(table[:, 1]), 1]
        for p in shown_percentiles(run.plan):
            if len(called) >= statistics.samples_needed(p) and all(statistics.bounded(values, p) for values in (whole, called)):
                estimate = statistics.ratio(table, p)
                rows += [RatioRow(task=step.task, kind=step.kind, p=p, estimate=estimate)] if estimate else []
    return tuple(rows)


def _task_columns(run: Run) -> dict[str, Array]:
    """Task → per measured request its call time in ms, infinite where the call failed, NaN where it did not run or was cancelled."""
    columns = {step.task: [np.nan] * len(run.measured) for step in run.plan.steps}
    for row, request in enumerate(run.measured):
        for call in run.calls_of.get(request.request_id, ()):
            column = columns.get(call.task)
            if column is not None and call.outcome in ("ok", "failed"):
                ms = _call_ms(call)
                column[row] = column[row] if column[row] >= ms else ms  # NaN is not
    return {task: np.array(column, dtype=np.float64) for task, column in columns.items()}


def fraction_rows(run: Run, paths: Sequence[CriticalPath]) -> tuple[FractionRow, ...]:
    """Time in AI and in other components per request; empty where fewer than 20 requests succeeded."""
    if len(paths) < statistics.SAMPLES_BEYOND:
        return ()
    every = np.array([_by_kind(run.calls_of.get(p.request.request_id, ())) for p in paths])
    chain = np.array([_by_kind(p.calls) for p in paths])
    rows = []
    for column, of in ((0, "ai"), (1, "non_ai")):
        rows.append(
            FractionRow.model_validate(
                {
                    "of": of,
                    "all_calls": statistics.fraction(every, column),
                    "on_path": statistics.fraction(chain, column),
                    "mean_ms": every[:, column].mean() / MS,
                }
            )
        )
    return tuple(rows)


def _by_kind(calls: Iterable[CallRecord]) -> tuple[float, float]:
    before = [c for c in calls if not c.after and c.outcome == "ok"]
    ai = sum(c.end_ns - c.start_ns for c in before if c.kind == "ai")
    return float(ai), float(sum(c.end_ns - c.start_ns for c in before) - ai)


def path_rows(plan: Plan, paths: Sequence[CriticalPath]) -> tuple[PathRow, ...]:
    """Per class, and 'all': each task's part of the critical paths, in plan order, the planner last."""
    kinds = {step.task: step.kind for step in plan.steps}
    rows = []
    for name in ("all", *(cls.name for cls in plan.requests)):
        own = [p for p in paths if name in ("all", p.request.request_class)]
        if not own:
            continue
        total = sum(p.response_ns for p in own)
        calls: dict[str, list[CallRecord]] = {}
        for path in own:
            for call in path.calls:
                calls.setdefault(call.task, []).append(call)
        rows += [_path_row(name, task, kind, calls[task], len(own), total) for task, kind in kinds.items() if task in calls]
        overhead = sum(p.overhead_ns for p in own)
        each = overhead / len(own) / MS
        rows.append(
            PathRow(
                request_class=name,
                task=PLANNER,
                kind=PLANNER,
                requests=1.0,
                time=overhead / total,
                mean_ms=each,
                queue_ms=0.0,
                service_ms=each,
                transport_ms=0.0,
            )
        )
    return tuple(rows)


def _path_row(name: str, task: str, kind: str, calls: Sequence[CallRecord], requests: int, total_ns: int) -> PathRow:
    spent = sum(c.end_ns - c.start_ns for c in calls)
    queue = sum(c.queue_ns for c in calls)
    service = sum(c.service_ns for c in calls)
    scale = requests * MS
    return PathRow(
        request_class=name,
        task=task,
        kind=kind,
        requests=len(calls) / requests,
        time=spent / total_ns,
        mean_ms=spent / scale,
        queue_ms=queue / scale,
        service_ms=service / scale,
        transport_ms=(spent - queue - service) / scale,
    )


def planner_row(run: Run, paths: Sequence[CriticalPath]) -> PlannerRow | None:
    """None where no request succeeded."""
    if not paths:
        return None
    overhead = np.array([p.overhead_ns for p in paths]) / MS
    hops = np.array([p.hops for p in paths])
    busy = [r.cpu_mean for r in resource_rows(run) if r.role == "planner"]
    return PlannerRow(
        requests=len(paths),
        overhead_p50_ms=float(np.median(overhead)),
        overhead_mean_ms=float(overhead.mean()),
        per_hop_p50_ms=float(np.median(overhead / hops)),
        hops_mean=float(hops.mean()),
        queue_p50_ms=float(np.median([p.request.planner_queue_ns for p in paths])) / MS,
        cpu_share=max(busy) if busy else None,
    )


def prediction_rows(run: Run) -> tuple[PredictionRow, ...]:
    """Empty where the compiler predicted nothing. Mean and p99 as in the row of the whole path: of the successful requests, and of all."""
    predicted = run.plan.prediction
    if predicted is None:
        return ()
    measured = ranked_ms(run.measured)
    return (
        PredictionRow(figure="mean", predicted_ms=predicted.mean_ms, measured=statistics.mean(measured[np.isfinite(measured)])),
        PredictionRow(figure="p99", predicted_ms=predicted.p99_ms, measured=statistics.percentile(measured, 99)),
    )


def resource_rows(run: Run) -> tuple[ResourceRow, ...]:
    """Per process, over the measured window, in the order of run.json."""
    low, high = run.info.load.window_start_ns, run.info.load.window_end_ns
    rows = []
    for process in run.info.processes:
        own = [s for s in run.resources if s.process == process.name and low <= s.time_ns <= high]
        if own:
            cpu = [s.cpu_share for s in own]
            rows.append(
                ResourceRow(
                    process=process.name,
                    role=process.role,
                    cpu_mean=float(np.mean(cpu)),
                    cpu_max=max(cpu),
                    rss_max_mib=max(s.rss_bytes for s in own) / 2**20,
                )
            )
    return tuple(rows)


def traffic_rows(run: Run) -> tuple[TrafficRow, ...]:
    """Per class and 'all'. Rates over the measured window; 0 where the run ended before it."""
    seconds = (run.info.load.window_end_ns - run.info.load.window_start_ns) / 1e9
    rows = []
    for name, share in (("all", 1.0), *((cls.name, run.info.load.shares.get(cls.name, cls.share)) for cls in run.plan.requests)):
        own = [r for r in run.measured if name in ("all", r.request_class)]
        outcomes = Counter(r.outcome for r in own)
        rows.append(
            TrafficRow(
                request_class=name,
                expected_share=share,
                scheduled=len(own),
                ok=outcomes["ok"],
                failed=outcomes["failed"] + outcomes["timeout"],
                not_sent=outcomes["not_sent"],
                rate_intended=len(own) / seconds if seconds else 0.0,
                rate_answered=outcomes["ok"] / seconds if seconds else 0.0,
            )
        )
    return tuple(rows)


def arrival_row(run: Run, *, apart: bool = False) -> ArrivalRow:
    """Of the measured phase; the fit is against a Poisson process of the nominal rate: only for Poisson load, 50 requests or more. The
    second of a pair is sent when it must be, and does not count. apart: each class was sent by itself, as in a supplement."""
    paced = _paced(run, apart)
    sent = paced([r for r in run.measured if r.outcome != "not_sent"], "sent_ns")
    intended = paced(run.measured, "intended_ns")
    late = np.array([(r.sent_ns - r.intended_ns) / MS for r in run.measured if r.outcome != "not_sent"] or [0.0])
    rate = run.plan.load.rate if isinstance(run.plan.load, PlanPoisson) else None
    fitted = rate if len(sent) >= 50 else None
    seen = statistics.arrival_fit(np.array(sent) / 1e9, fitted) if fitted else None
    meant = statistics.arrival_fit(np.array(intended) / 1e9, fitted) if fitted else None
    flying = in_flight(run.measured)
    return ArrivalRow(
        nominal_rate=rate,
        intended_cv=_cv(intended),
        intended_ks_p=meant.ks_p if meant else None,
        sent_cv=_cv(sent),
        sent_ks_p=seen.ks_p if seen else None,
        sent_chi2_p=seen.chi2_p if seen else None,
        lateness_p50_ms=float(np.quantile(late, 0.5)),
        lateness_p99_ms=float(np.quantile(late, 0.99)),
        lateness_max_ms=float(late.max()),
        in_flight_max=int(flying[1].max()) if len(flying[1]) else 0,
        in_flight_mean=_time_mean(*flying),
    )


def _paced(run: Run, apart: bool) -> Callable[[Sequence[RequestRecord], str], list[float]]:
    """Takes requests and the name of one of their times, and gives the times in order, in ns, those of pairs' seconds left out; where
    this makes arrivals rarer, gaps are as much shorter, so that they fit the nominal rate."""
    paired = apart_s(run.plan.requests)
    whole = pace(run.info.load.shares, paired)

    def paced(requests: Sequence[RequestRecord], name: str) -> list[float]:
        times = sorted((getattr(r, name), r.request_class) for r in requests if not is_second(r, paired))
        if not paired or not times:
            return [at for at, _ in times]
        factors = [(0.5 if kind in paired else 1.0) if apart else whole for _, kind in times[1:]]
        gaps = np.diff([at for at, _ in times]) * factors
        return [float(times[0][0]), *(times[0][0] + np.cumsum(gaps)).tolist()]

    return paced


def _cv(times_ns: Sequence[float]) -> float:
    gaps = np.diff(times_ns)
    return float(gaps.std(ddof=1) / gaps.mean()) if len(gaps) > 1 and gaps.mean() > 0 else 0.0


def in_flight(requests: Iterable[RequestRecord]) -> tuple[Array, Array]:
    """Step function of requests in flight: times in ns (sorted) and the number from each time on."""
    asked = [r for r in requests if r.outcome != "not_sent"]
    times = np.array([r.sent_ns for r in asked] + [r.done_ns for r in asked], dtype=np.float64)
    change = np.array([1.0] * len(asked) + [-1.0] * len(asked))
    order = np.lexsort((change, times))
    return times[order], np.cumsum(change[order])


def _time_mean(times: Array, count: Array) -> float:
    if len(times) < 2 or times[-1] == times[0]:
        return 0.0
    return float(np.sum(count[:-1] * np.diff(times)) / (times[-1] - times[0]))


def error_rows(run: Run) -> tuple[ErrorRow, ...]:
    """Most frequent first."""
    counts = Counter((r.request_class, r.outcome, r.error[:MESSAGE_CHARACTERS]) for r in run.measured if r.outcome != "ok")
    return tuple(
        ErrorRow(request_class=c, outcome=o, message=m, count=n) for (c, o, m), n in sorted(counts.items(), key=lambda x: (-x[1], x[0]))
    )


def choice_rows(run: Run) -> tuple[ChoiceRow, ...]:
    """Per arm the observed share of the successful requests that reached the choice; an arm of a fallback counts if it was tried."""
    decided: dict[str, list[set[int]]] = {}
    for request in run.measured:
        if request.outcome == "ok":
            own: dict[str, set[int]] = {}
            for entry in request.arms:
                label, _, arm = entry.rpartition("=")
                own.setdefault(label, set()).add(int(arm))
            for name, arms in own.items():
                decided.setdefault(name, []).append(arms)
    rows = []
    for choice in run.plan.choices:
        seen = decided.get(choice.name, [])
        if not seen:
            continue
        for index, planned in enumerate(choice.arms):
            hits = sum(_took(choice, arms, index) for arms in seen)
            rows.append(
                ChoiceRow(
                    choice=choice.name,
                    arm=index,
                    tasks=_arm_tasks(run.plan, choice.name, index),
                    decided_by=_decider(choice, index),
                    expected=planned.share,
                    observed=statistics.wilson(hits, len(seen)),
                )
            )
    return tuple(rows)


def _took(choice: PlanChoice, arms: set[int], index: int) -> bool:
    return index <= max(arms) if isinstance(choice, PlanFallback) else index in arms


def _decider(choice: PlanChoice, index: int) -> str:
    match choice:
        case PlanFallback(until=until):
            sums = " + ".join(f"{s.task}.{s.port}" for s in until.counts[:index])
            return f"{sums} < {until.at_least:g}" if index else "always tried"
        case PlanExclusiveChoice(arms=arms, flags=flags):
            when = arms[index].when
            if when is not None:
                return f"{when.task}.{when.port}"
            return "otherwise" if flags else "seeded draw"


def _arm_tasks(plan: Plan, choice: str, index: int) -> tuple[str, ...]:
    """The tasks that only this arm feeds, in plan order: they tell the reader which arm it is."""
    return tuple(
        step.task
        for step in plan.steps
        if any(
            source.guards and all(any(g.choice == choice and g.arm == index for g in s.guards) for s in entry.sources)
            for entry in step.inputs
            for source in entry.sources
        )
    )
