"""The run beside the deployment that was asked again: pure, on their records."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import special

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import RequestRecord
from aibenchrt.experiments.audit.rows import FEWEST, REPEATS_FROM, repeatable
from aibenchrt.metrics import metric as metric_of
from aibenchrt.report import quality
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.report.audit import Answers, AnswerScores, Audit, Repeats
from aibenchrt.report.model import Estimate, Status
from aibenchrt.report.verdict import Band, judge

TOLERANCE = 0.02  # of a metric's range, between answers under load and answers without
MUCH_FASTER = 0.8  # repeat over first, of requests; MLPerf's TEST04 allows 10 %, 20 % where latencies are short
CALL_MUCH_FASTER = 0.5  # of one component's calls: a page that is read a second time is in memory by rights
LEAST_SHARE = 0.05  # of a request's time, that a component must have to be judged
_LEVEL = 0.05
_SHOWN = 5


def judged(run: Run, again: Run, run_valid: bool, exact: bool = False) -> Audit:
    """exact: the system claims that its answers are the same each time, so that every other one FAILs."""
    return Audit(
        run=run.info.run_id,
        root=run.binding.root,
        again=again.info.run_id,
        run_valid=run_valid,
        answers=_answers(run, again, exact),
        repeats=_repeats(again),
    )


def _answers(run: Run, again: Run, exact: bool) -> Answers:
    before = {request.request_id: request for request in run.measured}
    pairs = [(before[r.request_id], r) for r in again.requests if r.request_id < REPEATS_FROM]
    answered = [(one, other) for one, other in pairs if other.outcome == "ok"]
    compared = [(one, other) for one, other in answered if one.arms == other.arms]
    differing = [one.request_id for one, other in compared if one.answer != other.answer]
    scores = _scores(run, again, compared)
    status, reason = _of_answers(len(compared), len(differing), scores, exact)
    return Answers(
        asked=len(pairs),
        compared=len(compared),
        equal=len(compared) - len(differing),
        other_arms=len(answered) - len(compared),
        failed=len(pairs) - len(answered),
        differing=tuple(differing[:_SHOWN]),
        scores=scores,
        status=status,
        reason=reason,
    )


def _of_answers(compared: int, differing: int, scores: Sequence[AnswerScores], exact: bool) -> tuple[Status, str]:
    if compared < FEWEST:
        return "INCONCLUSIVE", f"{compared} requests can be compared, {FEWEST} are needed"
    if not differing:
        return "PASS", f"all {compared} answers are those of the run"
    said = f"{differing} of {compared} answers are not those of the run"
    if exact:
        return "FAIL", f"{said}, and the system claims that they are"
    if not scores:
        return "FAIL", f"{said}, and no metric tells whether they are as good"
    for status in ("FAIL", "INCONCLUSIVE"):
        worst = [row.metric for row in scores if row.status == status]
        if worst:
            return status, f"{said}; by {', '.join(worst)} they are {'not' if status == 'FAIL' else 'not certainly'} as good"
    return "PASS", f"{said}, but as good by {', '.join(row.metric for row in scores)}"


def _scores(run: Run, again: Run, pairs: Sequence[tuple[RequestRecord, RequestRecord]]) -> tuple[AnswerScores, ...]:
    rows = []
    for name in quality.answer_metrics(run.plan):
        known = {request.request_id for request in quality.with_truth(run, (one for one, _ in pairs), name)}
        own = [(one, other) for one, other in pairs if one.request_id in known]
        row = metric_of(name)
        if len(own) < FEWEST or row is None:
            continue
        now = quality.scores(again, [other for _, other in own], name)
        difference = now.minus(quality.scores(run, [one for one, _ in own], name))
        estimate = difference.estimate([run.cluster(one) for one, _ in own], bootstrap_rng())
        if math.isfinite(estimate.value):
            tolerance = TOLERANCE * row.most
            status = judge(estimate.low, estimate.high, Band(-tolerance, tolerance))
            rows.append(AnswerScores(metric=name, difference=estimate, tolerance=tolerance, status=status))
    return tuple(rows)


def _repeats(again: Run) -> tuple[Repeats, ...]:
    """Each class, then each component that has a part in the time; the level is shared by all that are judged."""
    payloads = _by_payload(again)
    by_class: dict[str, list[list[RequestRecord]]] = {row.request_class: [] for row in again.schedule if row.request_id >= REPEATS_FROM}
    for (name, _), asked in payloads.items():
        by_class[name].append(asked)
    calls = _component_ratios(again, payloads.values())
    level = _LEVEL / max(1, len(by_class) + len(calls))
    rows = []
    for name, each in by_class.items():
        logs = [value for asked in each if (value := _log_ratio([r.done_ns - r.sent_ns for r in _on_arms(asked)])) is not None]
        others = sum(len(asked) - len(_on_arms(asked)) for asked in each)
        rows.append(rated("class", name, logs, others, MUCH_FASTER, None, level))
    for task, (logs, share) in calls.items():
        rows.append(rated("component", task, logs, 0, CALL_MUCH_FASTER, share, level))
    again_and_again = repeatable(again.plan)
    rows += [_unrepeated(request.name) for request in again.plan.requests if request.name not in again_and_again]
    return tuple(rows)


def _unrepeated(name: str) -> Repeats:
    """What the audit cannot say of a class."""
    reason = "each of its payloads can be sent once, or only in its pair: whether repeats would be answered from memory cannot be asked"
    return Repeats(
        scope="class", name=name, payloads=0, other_arms=0, ratio=None, limit=MUCH_FASTER, share=None, status="NOT COMPARABLE",
        reason=reason,
    )  # fmt: skip


def _by_payload(again: Run) -> dict[tuple[str, int], list[RequestRecord]]:
    """(class, payload) → its successful requests, the first one before the repeats; without it, nothing."""
    found: dict[tuple[str, int], list[RequestRecord]] = {}
    for request in sorted(again.requests, key=lambda r: (r.intended_ns, r.request_id)):
        if request.request_id >= REPEATS_FROM:
            found.setdefault((request.request_class, request.payload), []).append(request)
    kept = {key: [r for r in asked if r.outcome == "ok"] for key, asked in found.items() if asked[0].outcome == "ok"}
    return {key: asked for key, asked in kept.items() if len(asked) > 1}


def _on_arms(asked: Sequence[RequestRecord]) -> list[RequestRecord]:
    """The first one, and the repeats that took the same arms."""
    return [request for request in asked if request.arms == asked[0].arms]


def _log_ratio(times_ns: Sequence[int]) -> float | None:
    """Mean log of the repeats minus log of the first; None without a repeat."""
    logs = np.log(np.maximum(times_ns, 1))
    return float(logs[1:].mean() - logs[0]) if len(logs) > 1 else None


def _component_ratios(again: Run, payloads: Iterable[Sequence[RequestRecord]]) -> Mapping[str, tuple[list[float], float]]:
    """Task → (log ratio of each payload, its share of the time of first requests), of those with enough of both."""
    logs: dict[str, list[float]] = defaultdict(list)
    spent: dict[str, int] = defaultdict(int)
    whole = 0
    for asked in payloads:
        whole += asked[0].done_ns - asked[0].sent_ns
        times: dict[str, list[int]] = defaultdict(list)
        for position, request in enumerate(_on_arms(asked)):
            for call in again.calls_of.get(request.request_id, ()):
                if call.outcome == "ok" and not call.after and (position == 0 or call.task in times):
                    times[call.task].append(call.end_ns - call.start_ns)
        for task, own in times.items():
            spent[task] += own[0]
            if (value := _log_ratio(own)) is not None:
                logs[task].append(value)
    order = [step.task for step in again.plan.steps if len(logs[step.task]) >= FEWEST and spent[step.task] >= LEAST_SHARE * whole]
    return {task: (logs[task], spent[task] / whole) for task in order}


def rated(scope: str, name: str, logs: Sequence[float], others: int, limit: float, share: float | None, level: float) -> Repeats:
    """logs: of each payload the log of repeat over first. level: what the interval may miss."""
    ratio = _geometric(logs, level) if len(logs) >= FEWEST else None
    status: Status = "INCONCLUSIVE"
    if ratio is None:
        reason = f"{len(logs)} payloads can be compared, {FEWEST} are needed"
        reason += f"; {others} repeats took other arms, as the plan allows" if others else ""
    elif ratio.high < limit:
        status, reason = (
            "FAIL",
            "repeats are much faster on the same arms: something that the plan does not declare remembers",
        )
    elif ratio.low >= limit:
        status, reason = "PASS", "repeats take about as long"
    else:
        reason = "the interval holds the limit: more payloads are needed"
    return Repeats.model_validate(
        {
            "scope": scope, "name": name, "payloads": len(logs), "other_arms": others, "ratio": ratio, "limit": limit, "share": share,
            "status": status, "reason": reason,
        }
    )  # fmt: skip


def _geometric(logs: Sequence[float], level: float) -> Estimate:
    """t interval of the mean log ratio over payloads, which are drawn independently."""
    values = np.array(logs)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    reach = float(special.stdtrit(len(values) - 1, 1 - level / 2)) * error
    mean = float(values.mean())
    return Estimate(
        value=math.exp(mean), low=math.exp(mean - reach), high=math.exp(mean + reach), n=len(values), se=error,
        method=f"t on log ratios of {len(values)} payloads, level {100 * (1 - level):.4g} %",
    )  # fmt: skip
