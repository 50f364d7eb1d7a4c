"""The scores that an export keeps: of every request by every metric, of every classifier's call, and whether an answer is empty."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aibenchrt.collect.empty_answers import judged_types, scored_types
from aibenchrt.collect.kept_scores import EMPTY_ANSWER
from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import ScoreRecord
from aibenchrt.metrics import metric as metric_of
from aibenchrt.report.checks.answers import holds_nothing
from aibenchrt.report.quality import Scored, answer_metrics, first_labels, scores, with_truth

_TRIES = 5  # weights by which a metric over a run is compared with a share of its cases


def kept_scores(run: Run) -> tuple[list[ScoreRecord], list[str]]:
    """The scores, and the metrics that are no mean of scores of requests, so that nothing can be kept of them."""
    rows: list[ScoreRecord] = []
    lost: list[str] = []
    targets = (target.metric for target in run.plan.quality if metric_of(target.metric) is not None)
    for metric in dict.fromkeys((*answer_metrics(run.plan), *targets)):
        requests = with_truth(run, run.requests, metric)
        if not requests:
            continue
        values = per_request(scores(run, requests, metric))
        if values is None:
            lost.append(metric)
            continue
        rows += [ScoreRecord(request.request_id, "", metric, *value) for request, value in zip(requests, values, strict=True)]
    for step in run.plan.steps:
        rows += [ScoreRecord(request_id, step.task, "accuracy", hit, True) for request_id, hit in first_labels(run, step)]
    rows += _empty(run)
    return rows, lost


def _empty(run: Run) -> Iterator[ScoreRecord]:
    shown = judged_types(run.plan)
    scored = scored_types(run.plan.metrics) & shown
    for request in run.requests if shown else ():
        if request.outcome == "ok":
            nothing = holds_nothing(run, request, shown, scored)
            yield ScoreRecord(request.request_id, "", EMPTY_ANSWER, float(bool(nothing)), nothing is not None)


def per_request(scored: Scored) -> list[tuple[float, bool]] | None:
    """(value, whether it counts) of each request; None if the metric is not the mean of those that count."""
    if scored.values is not None:
        return [(float(value), True) for value in scored.values]
    each = [scored.statistic(weights) for weights in _single(scored.count)]
    values = np.array([0.0 if math.isnan(value) else value for value in each])
    counts = np.array([0.0 if math.isnan(value) else 1.0 for value in each])
    rng = np.random.default_rng(0)
    for weights in (np.ones(scored.count), *(rng.integers(0, 4, scored.count).astype(np.float64) for _ in range(_TRIES))):
        whole = float(weights @ counts)
        mean = float(weights @ (counts * values)) / whole if whole else math.nan
        there = scored.statistic(weights)
        if not (math.isclose(mean, there, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(mean) and math.isnan(there))):
            return None
    return [(float(value), bool(count)) for value, count in zip(values, counts, strict=True)]


def _single(count: int) -> Iterator[NDArray[np.float64]]:
    """Weights by which one answer alone counts, of each in turn; the array is the same."""
    weights = np.zeros(count)
    for position in range(count):
        weights[position] = 1.0
        yield weights
        weights[position] = 0.0
