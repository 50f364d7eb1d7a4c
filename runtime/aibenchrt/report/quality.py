"""Quality in the measured run: the answers that users got, against held-out truth (ir-measures: MacAvaney et al. 2022, ECIR).

A failed request is an empty answer. Requests of one payload share their answer, so intervals draw whole payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ir_measures
import numpy as np

from aibenchrt.collect.records import RequestRecord
from aibenchrt.collect.run import EXTRA, Run
from aibenchrt.plan import Plan, Step
from aibenchrt.report import statistics
from aibenchrt.report.model import ModelQualityRow, QualityRow
from aibenchrt.report.statistics import Array

MEASURES = {"precision": ir_measures.P, "recall": ir_measures.R, "ndcg": ir_measures.nDCG}
ALL = "all"


def measure(metric: str) -> ir_measures.measures.Measure | None:
    """The ir-measures object of 'precision@10', 'recall@5', 'ndcg@10'; None where the metric is not one of ranking quality."""
    name, _, depth = metric.partition("@")
    return MEASURES[name] @ int(depth) if name in MEASURES and depth.isdigit() else None


def ranking_metrics(plan: Plan) -> tuple[str, ...]:
    """The plan's end-to-end ranking metrics, in its order."""
    return tuple(metric for metric in plan.metrics if measure(metric) is not None)


def scores(run: Run, requests: Sequence[RequestRecord], metric: str) -> Array:
    """Per request the metric of its answer in [0, 1]. Requests must have truth; an answer to one that failed is empty: 0."""
    truths = [run.truth_of[request.request_id].truth for request in requests]
    return score(metric, truths, [request.answer if request.outcome == "ok" else () for request in requests])


def score(metric: str, truths: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Array:
    """Per answer (item ids, best first; repetitions count once) the metric in [0, 1] against its truth (item ids, at least one)."""
    chosen = measure(metric)
    if chosen is None:
        raise ValueError(f"{metric} is no metric of ranking quality")
    qrels, found = [], []
    for number, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        key = str(number)
        qrels += [ir_measures.Qrel(key, str(item), 1) for item in set(truth)]
        shown = list(dict.fromkeys(answer))
        found += [ir_measures.ScoredDoc(key, str(item), float(len(shown) - rank)) for rank, item in enumerate(shown)]
    values = {m.query_id: m.value for m in ir_measures.iter_calc([chosen], qrels, found)} if found else {}
    return np.array([values.get(str(number), 0.0) for number in range(len(truths))], dtype=np.float64)


def with_truth(run: Run, requests: Iterable[RequestRecord]) -> list[RequestRecord]:
    """Those whose payload has relevant items; a request without any cannot be scored."""
    return [r for r in requests if r.request_id in run.truth_of and run.truth_of[r.request_id].truth]


def quality_rows(run: Run, rng: np.random.Generator) -> tuple[QualityRow, ...]:
    """Per metric: 'all' over the measured mix, then each class (its extra run included)."""
    rows = []
    measured, extra = with_truth(run, run.measured), with_truth(run, run.phase(EXTRA))
    groups = {ALL: measured, **{c.name: [r for r in measured + extra if r.request_class == c.name] for c in run.plan.requests}}
    for metric in ranking_metrics(run.plan):
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
