"""Quality in the measured run: the answers that users got, ids and texts, against held-out truth.

A failed request is an empty answer. Requests of one payload share their answer, so intervals draw whole payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from aibenchrt.answers import Shown
from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run import EXTRA, Run
from aibenchrt.metrics import Needs, score_items, score_texts
from aibenchrt.metrics import metric as metric_of
from aibenchrt.plan import Plan, Step
from aibenchrt.report import statistics
from aibenchrt.report.model import ModelQualityRow, QualityRow
from aibenchrt.report.statistics import Array

ALL = "all"


class HeldOut(Protocol):
    """truth: relevant item ids; text: the reference text. Either may be empty."""

    @property
    def truth(self) -> tuple[int, ...]: ...
    @property
    def text(self) -> str: ...


def answer_metrics(plan: Plan) -> tuple[str, ...]:
    """The plan's metrics of answers, in its order."""
    return tuple(name for name in plan.metrics if (found := metric_of(name)) is not None and found.needs in (Needs.ITEMS, Needs.TEXT))


def can_score(metric: str, truth: HeldOut) -> bool:
    """Whether there is something to compare an answer with."""
    found = metric_of(metric)
    return found is not None and bool(truth.text.strip() if found.needs is Needs.TEXT else truth.truth)


def score(metric: str, truths: Sequence[HeldOut], answers: Sequence[Shown]) -> Array:
    """Per answer the metric in [0, 1] against its truth, which must be one that the metric can score. ValueError: no metric of answers."""
    found = metric_of(metric)
    if found is None or found.needs not in (Needs.ITEMS, Needs.TEXT):
        raise ValueError(f"{metric} is no metric of answers")
    if found.needs is Needs.TEXT:
        return score_texts(metric, [truth.text for truth in truths], [answer.texts for answer in answers])
    return score_items(metric, [truth.truth for truth in truths], [answer.ids for answer in answers])


def scores(run: Run, requests: Sequence[RequestRecord], metric: str) -> Array:
    """Per request the metric of its answer in [0, 1]. Requests must have truth; an answer to one that failed is empty."""
    shown = [Shown(request.answer, request.texts) if request.outcome == "ok" else Shown() for request in requests]
    return score(metric, [run.truth_of[request.request_id] for request in requests], shown)


def with_truth(run: Run, requests: Iterable[RequestRecord], metric: str) -> list[RequestRecord]:
    """Those whose payload has what the metric compares with; another request cannot be scored."""
    return [r for r in requests if r.request_id in run.truth_of and can_score(metric, run.truth_of[r.request_id])]


def quality_rows(run: Run, rng: np.random.Generator) -> tuple[QualityRow, ...]:
    """Per metric: 'all' over the measured mix, then each class (its extra run included)."""
    rows = []
    for metric in answer_metrics(run.plan):
        measured, extra = with_truth(run, run.measured, metric), with_truth(run, run.phase(EXTRA), metric)
        groups = {ALL: measured, **{c.name: [r for r in measured + extra if r.request_class == c.name] for c in run.plan.requests}}
        for name, own in groups.items():
            if not own:
                continue
            values = scores(run, own, metric)
            succeeded = np.array([r.outcome == "ok" for r in own])
            rows.append(
                QualityRow(
                    request_class=name,
                    metric=metric,
                    estimate=statistics.cluster_bootstrap(values, [(r.request_class, r.payload) for r in own], rng),
                    requests=len(own),
                    failed=int((~succeeded).sum()),
                    ok_only=float(values[succeeded].mean()) if succeeded.any() else None,
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


def accuracy(run: Run, step: Step, rng: np.random.Generator) -> ModelQualityRow | None:
    """Share of a classifier's calls whose first label was the true one; a failed call is wrong. None where no label is known."""
    port = next((p.name for p in step.outputs if p.type == "Category"), None)
    if port is None or step.kind != "ai":
        return None
    request_of = {r.request_id: r for r in (*run.measured, *run.phase(EXTRA))}
    hits, payloads = [], []
    for call in run.calls:
        request, truth = request_of.get(call.request_id), run.truth_of.get(call.request_id)
        if call.task == step.task and request is not None and truth is not None and truth.label is not None:
            said = next((n.partition("=")[2] for n in call.note if n.partition("=")[0] == port), None)
            hits.append(1.0 if call.outcome == "ok" and said == str(truth.label) else 0.0)
            payloads.append((request.request_class, request.payload))
    if not hits:
        return None
    seen = statistics.cluster_bootstrap(np.array(hits), payloads, rng)
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
