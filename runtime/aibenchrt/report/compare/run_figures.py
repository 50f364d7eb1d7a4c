"""The figures of one run that a comparison looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.run_info import RunInfo
from aibenchrt.report import figures, quality
from aibenchrt.report.analysis import analyse
from aibenchrt.report.model import Estimate


@dataclass(frozen=True)
class OnPath:
    """A component's mean ms per measured request on the critical paths, split by where in its calls they were spent."""

    kind: str
    total_ms: float
    queue_ms: float
    service_ms: float
    transport_ms: float


@dataclass(frozen=True)
class RunFigures:
    """latency: 'mean', 'p99' → estimate in ms, of the whole path. calls: task → mean ms of its calls. on_path: task → its part of the
    critical paths. quality: metric → value over all measured requests. invalid: the codes why the run is INVALID, and a fault that was
    expected, under which nothing is proven either."""

    directory: Path
    info: RunInfo
    invalid: tuple[str, ...]
    latency: Mapping[str, Estimate]
    calls: Mapping[str, float]
    on_path: Mapping[str, OnPath]
    quality: Mapping[str, float]


def run_figures(directory: Path) -> RunFigures:
    """Reads the run and keeps its figures alone: many runs are compared, and one may hold a million calls. Raises as read_run."""
    run = read_run(directory)
    analysis = analyse(run)
    whole = next(row for row in analysis.latency if row.scope == "whole path")
    estimates = {"mean": whole.mean, **{f"p{row.p:g}": row.estimate for row in whole.percentiles}}
    rows = figures.path_rows(run.plan, analysis.paths)
    return RunFigures(
        directory=directory,
        info=run.info,
        invalid=(*(reason.code for reason in analysis.reasons), *((f"expected fault: {run.info.fault}",) if run.info.fault else ())),
        latency={name: estimate for name, estimate in estimates.items() if estimate is not None},
        calls={row.name: row.mean.value for row in analysis.latency if row.scope == "component" and row.mean is not None},
        on_path={
            row.task: OnPath(row.kind, row.mean_ms, row.queue_ms, row.service_ms, row.transport_ms)
            for row in rows
            if row.request_class == "all"
        },
        quality=_quality(run),
    )


def _quality(run: Run) -> dict[str, float]:
    values = {}
    for metric in quality.answer_metrics(run.plan):
        requests = quality.with_truth(run, run.measured, metric)
        value = quality.scores(run, requests, metric).value if requests else float("nan")
        if np.isfinite(value):
            values[metric] = value
    return values
