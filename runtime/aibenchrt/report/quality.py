"""Quality in the measured run: the answers that users got against held-out truth, each by the types that its metric declares.

A failed request is an empty answer. Requests of one payload share their answer, and those of one user are answered alike well: intervals
draw whole clusters, as the data set declares them (`DatasetSpec.clustered_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibenchrt.answers import ANSWER_TYPES, Answer, Truth, encoded_as, known_truth, shown_by
from aibenchrt.collect.decoded_frames import pictures_of
from aibenchrt.collect.recorded_run import SUPPLEMENT, Run
from aibenchrt.collect.records import RequestRecord, ScoreRecord
from aibenchrt.metrics import METRICS, Metric, Scope, score_all, score_each
from aibenchrt.metrics import metric as metric_of
from aibenchrt.plan import Plan, Step
from aibenchrt.report import statistics
from aibenchrt.report.model import ErrorCurveRow, Estimate, ModelQualityRow, QualityRow
from aibenchrt.report.statistics import Array

ALL = "all"
DIGITS = 12  # smallest difference that counts: smaller ones come from summing in another order


@dataclass(frozen=True)
class Scored:
    """Answers scored by one metric. values: one each; None: the metric is over all of them, and statistic gives it."""

    count: int
    values: Array | None
    statistic: Callable[[Array], float]

    @property
    def value(self) -> float:
        """NaN if these answers have no value, as a false accept rate has without anything to refuse."""
        return float(self.values.mean()) if self.values is not None else self.statistic(np.ones(self.count))

    def only(self, kept: NDArray[np.bool_]) -> Scored:
        """The scores of some of the answers."""
        if self.values is not None:
            return per_answer(self.values[kept])
        where, whole = np.flatnonzero(kept), self.statistic

        def statistic(counts: Array) -> float:
            weights = np.zeros(len(kept))
            weights[where] = counts
            return whole(weights)

        return Scored(len(where), None, statistic)

    def estimate(self, clusters: Sequence[object], rng: np.random.Generator) -> Estimate:
        if self.values is not None:
            return statistics.cluster_bootstrap(self.values, clusters, rng)
        return statistics.cluster_bootstrap_of(self.statistic, clusters, rng)

    def minus(self, base: Scored) -> Scored:
        """The paired difference: both are of the same requests in the same order."""
        if self.values is not None and base.values is not None:
            return per_answer((self.values - base.values).round(DIGITS))
        return Scored(self.count, None, lambda counts: round(self.statistic(counts) - base.statistic(counts), DIGITS))


def per_answer(values: Array) -> Scored:
    return Scored(len(values), values, lambda counts: float(counts @ values / counts.sum()))


def answer_metrics(plan: Plan) -> tuple[str, ...]:
    """The plan's metrics of answers, in its order."""
    return tuple(name for name in plan.metrics if metric_of(name) is not None)


def can_score(metric: str, truth: Truth) -> bool:
    """Whether the metric has a truth of its type to compare an answer with."""
    row = metric_of(metric)
    return row is not None and row.truth in known_truth(truth)


def score(metric: str, truths: Sequence[Truth], answers: Sequence[Answer]) -> Scored:
    """The answers against their truth, which must be one that the metric can score. ValueError: no metric."""
    row = _row(metric)
    return _scored(metric, row, [truth[row.truth] for truth in truths], _of_type(row.answer, answers))


def _of_type(answer_type: str, answers: Sequence[Answer]) -> list[object]:
    """Of each answer its value of that type; encoded frames are decoded one after the other, as they were encoded."""
    kind, encoded = ANSWER_TYPES[answer_type], encoded_as(answer_type)
    if encoded is not None and any(encoded.name in answer for answer in answers):
        return list(pictures_of([answer.get(encoded.name, encoded.nothing) for answer in answers]))
    return [answer.get(answer_type, kind.nothing) for answer in answers]


def scores(run: Run, requests: Sequence[RequestRecord], metric: str) -> Scored:
    """The answers of these requests. Requests must have truth; an answer to one that failed is empty."""
    row = _row(metric)
    if run.kept is not None:
        known = run.kept.of(metric)
        return _kept(row, [known[request.request_id] for request in requests])
    truths = [run.held_out(request.request_id, row.truth) for request in requests]
    return _scored(metric, row, truths, [run.answer(request, row.answer) for request in requests])


def _row(metric: str) -> Metric:
    row = metric_of(metric)
    if row is None:
        raise ValueError(f"{metric} is not a metric of answers")
    return row


def _scored(name: str, row: Metric, truths: Sequence[object], answers: Sequence[object]) -> Scored:
    if row.scope is Scope.RUN:
        return Scored(len(answers), None, score_all(name, truths, answers))
    return per_answer(score_each(name, truths, answers))


def _kept(row: Metric, scores: Sequence[ScoreRecord]) -> Scored:
    """The scores of an export: of a metric over a run the cases that it is a share of, and which of them it counts."""
    values = np.array([score.value for score in scores], dtype=np.float64)
    if row.scope is not Scope.RUN:
        return per_answer(values)
    tried = np.array([score.counts for score in scores], dtype=np.float64)
    counted = tried * values

    def statistic(counts: Array) -> float:
        whole = float(counts @ tried)
        return float(counts @ counted) / whole if whole else float("nan")

    return Scored(len(values), None, statistic)


def with_truth(run: Run, requests: Iterable[RequestRecord], metric: str) -> list[RequestRecord]:
    """Those whose payload has what the metric compares with; another request cannot be scored."""
    row = _row(metric)
    if run.kept is not None:
        known = run.kept.of(metric)
        return [r for r in requests if r.request_id in known]
    return [r for r in requests if run.held_out(r.request_id, row.truth) is not None]


def quality_rows(run: Run, rng: np.random.Generator) -> tuple[QualityRow, ...]:
    """Per metric: 'all' over the measured mix, then each class (its supplement included)."""
    rows = []
    for metric in answer_metrics(run.plan):
        requests = with_truth(run, (*run.measured, *run.phase(SUPPLEMENT)), metric)
        if not requests:
            continue
        whole = scores(run, requests, metric)
        groups = {ALL: np.array([r.phase != SUPPLEMENT for r in requests], dtype=np.bool_)}
        groups |= {c.name: np.array([r.request_class == c.name for r in requests], dtype=np.bool_) for c in run.plan.requests}
        for name, kept in groups.items():
            scored = whole.only(kept) if kept.any() else None
            if scored is None or not np.isfinite(scored.value):
                continue
            own = [r for r, keep in zip(requests, kept, strict=True) if keep]
            succeeded = np.array([r.outcome == "ok" for r in own])
            ok_only = scored.only(succeeded).value if succeeded.any() else float("nan")
            rows.append(
                QualityRow(
                    request_class=name,
                    metric=metric,
                    estimate=scored.estimate([run.cluster(r) for r in own], rng),
                    requests=len(own),
                    failed=int((~succeeded).sum()),
                    ok_only=ok_only if np.isfinite(ok_only) else None,
                )
            )
    return tuple(rows)


def model_rows(run: Run, rng: np.random.Generator) -> tuple[ModelQualityRow, ...]:
    """Each served model's held-out metrics, and the accuracy of classifiers on the labels of this run's requests."""
    rows = []
    for info in run.info.models:
        rows += [
            ModelQualityRow(
                task=info.task,
                model=info.model,
                metric=metric.name,
                where="held-out",
                value=metric.value,
                low=metric.low,
                high=metric.high,
                protocol=metric.protocol,
                baseline=metric.baseline,
                baseline_value=metric.baseline_value,
                n=None,
            )
            for metric in info.metrics
        ]
        step = next((s for s in run.plan.steps if s.task == info.task), None)
        seen = accuracy(run, step, rng) if step is not None else None
        if seen is not None:
            override = f", answers replaced by {info.override}" if info.override else ""
            rows.append(seen.model_copy(update={"model": info.model + override}))
    return tuple(rows)


def error_curve_rows(run: Run) -> tuple[ErrorCurveRow, ...]:
    """Each served model's held-out curves, and those of its baselines."""
    return tuple(
        ErrorCurveRow(
            task=info.task,
            model=info.model,
            of=curve.name,
            false_accept=curve.false_accept,
            false_reject=curve.false_reject,
            chosen_accept=curve.chosen[0],
            chosen_reject=curve.chosen[1],
        )
        for info in run.info.models
        for curve in info.error_curves
    )


@dataclass(frozen=True)
class InRun:
    """What a model's metric was in the run. others: AI tasks that worked before it, whose errors count, too; () if there were none."""

    estimate: Estimate
    others: tuple[str, ...]


def in_run(run: Run, task: str, name: str, rng: np.random.Generator) -> InRun | None:
    """The metric on what the task answered in the run: a classifier's calls, or the responses that show the task's own output. None where
    nothing of that is recorded, or no truth is known.

    Of the requests, supplements included, that reached the task; only those that no other AI task worked for before, if these are enough.
    """
    step = next((s for s in run.plan.steps if s.kind == "ai" and task in (s.task, s.stages[-1].name)), None)
    row = metric_of(name)
    if step is None or row is None:
        return None
    before = _ai_before(run.plan, step)
    reached = [r for r in (*run.measured, *run.phase(SUPPLEMENT)) if any(c.task == step.task for c in run.calls_of.get(r.request_id, ()))]
    alone = [r for r in reached if not any(c.task in before for c in run.calls_of[r.request_id])]
    seen = _measured(run, step, row, name, alone, rng)
    if seen is not None and seen.n >= statistics.SAMPLES_BEYOND:
        return InRun(seen, ())
    seen = _measured(run, step, row, name, reached, rng)
    return None if seen is None else InRun(seen, before)


def _measured(run: Run, step: Step, row: Metric, name: str, requests: Sequence[RequestRecord], rng: np.random.Generator) -> Estimate | None:
    if row.name == METRICS["accuracy"].name:
        hits, clusters = _first_labels(run, step, {r.request_id: r for r in requests})
        return statistics.cluster_bootstrap(np.array(hits), clusters, rng) if hits else None
    shown = {port.name for port in step.outputs if row.answer in shown_by((port.type,))}
    parts = [part for part in run.plan.response if row.answer in shown_by((part.port.type,))]
    own = [s for part in parts for s in part.sources if s.task == step.task and s.port in shown]
    scored = with_truth(run, requests, name) if own and len(parts) == 1 else []
    return scores(run, scored, name).estimate([run.cluster(r) for r in scored], rng) if scored else None


def _ai_before(plan: Plan, step: Step) -> tuple[str, ...]:
    """The AI tasks that something flows from into this one, in the plan's order."""
    by_task = {s.task: s for s in plan.steps}
    found: set[str] = set()
    pending = [step.task]
    while pending:
        sources = {source.task for entry in by_task[pending.pop()].inputs for source in entry.sources}
        new = (sources & by_task.keys()) - found
        found |= new
        pending += sorted(new)
    return tuple(s.task for s in plan.steps if s.kind == "ai" and s.task in found)


def accuracy(run: Run, step: Step, rng: np.random.Generator) -> ModelQualityRow | None:
    """Share of a classifier's calls whose first label was the true one; a failed call is wrong. None where no label is known."""
    hits, clusters = _first_labels(run, step, {r.request_id: r for r in (*run.measured, *run.phase(SUPPLEMENT))})
    if not hits:
        return None
    seen = statistics.cluster_bootstrap(np.array(hits), clusters, rng)
    return ModelQualityRow(
        task=step.task,
        model="",
        metric="accuracy",
        where="in this run",
        value=seen.value,
        low=seen.low,
        high=seen.high,
        protocol=f"first label of {len(hits)} calls of this run against the label of the request; {seen.method}",
        baseline=None,
        baseline_value=None,
        n=len(hits),
    )


def _first_labels(run: Run, step: Step, request_of: Mapping[int, RequestRecord]) -> tuple[list[float], list[tuple[str, ...]]]:
    """Of each call with a known label, for these requests, whether its first label was the true one, and its cluster."""
    seen = [(request_of[request_id], hit) for request_id, hit in first_labels(run, step) if request_id in request_of]
    return [hit for _, hit in seen], [run.cluster(request) for request, _ in seen]


def first_labels(run: Run, step: Step) -> list[tuple[int, float]]:
    """Of each of the step's calls with a known label: its request, and 1 if its first label was the true one. Empty: no classifier."""
    metric = METRICS["accuracy"]
    if run.kept is not None:
        return [(row.request_id, row.value) for row in run.kept.every(metric.name, step.task)]
    port = next((p.name for p in step.outputs if metric.answer in shown_by((p.type,))), None)
    hits = list[tuple[int, float]]()
    for call in run.calls if port is not None and step.kind == "ai" else ():
        label = run.held_out(call.request_id, metric.truth) if call.task == step.task else None
        if label is not None:
            said = next((n.partition("=")[2] for n in call.note if n.partition("=")[0] == port), None)
            hits.append((call.request_id, 1.0 if call.outcome == "ok" and said == str(label) else 0.0))
    return hits
