"""The figures of a component's runs, together: each is a run directory like a scenario's, with its own report and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.control.run_metadata import load_text
from aibenchrt.figure_format import percent
from aibenchrt.metrics import value_shown
from aibenchrt.report import report, statistics
from aibenchrt.report.model import Estimate, LatencyRow, ModelQualityRow, Percentile, QualityRow, Report
from aibenchrt.report.tables import ABSENT, Table, interval, percentile_interval

VERSION: Literal[1] = 1
SLICES = 50  # number of slices of the measured window in which answers are counted
BUSY = 0.8  # of a core: above it the process limits the throughput


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModeFigures(_Frozen):
    """One mode's run. throughput: answers per second inside the window. latency: of the whole request, from the intended time; component:
    of the one call in it; ms. busiest: the process with the highest CPU use, of a core. status: INVALID, or the verdict's worst."""

    mode: str
    directory: str
    load: str
    answered: int
    failed: int
    throughput: Estimate
    latency: LatencyRow
    component: LatencyRow
    quality: tuple[QualityRow, ...]
    models: tuple[ModelQualityRow, ...]
    busiest: str
    status: str
    reasons: tuple[str, ...]
    exit_code: int


class Inside(_Frozen):
    """The same task in a run of its scenario: its calls' latency in ms. task: of the plan; a combined one holds more than the component."""

    run: str
    task: str
    combined: bool
    load: str
    latency: LatencyRow


class ComponentFigures(_Frozen):
    """What `aibenchc bench component` measured. rate: of the open loop; calls_per_request: the component's, in the scenario."""

    version: Literal[1] = VERSION
    component: str
    task: str
    model: str | None
    scenario: str
    variant: str
    size: str
    rate: float
    calls_per_request: float
    modes: tuple[ModeFigures, ...]
    inside: Inside | None = None


def mode_figures(mode: str, directory: Path, task: str) -> ModeFigures:
    """Writes the run's report, as `aibenchc report` does. EnvironmentFailure AIB605, AIB609 as that."""
    made, run = report(directory), read_run(directory)
    verdict = made.verdict
    worst = next((status for status in ("FAIL", "INCONCLUSIVE", "PASS") if status in {j.status for j in verdict.judgements}), "VALID")
    busy = max(made.resources, key=lambda row: row.cpu_mean, default=None)
    every = next(row for row in made.traffic if row.request_class == "all")
    return ModeFigures(
        mode=mode,
        directory=str(directory),
        load=load_text(run.plan),
        answered=every.ok,
        failed=every.failed,
        throughput=throughput(run),
        latency=next(row for row in made.latency if row.scope == "whole path"),
        component=_component(made, task),
        quality=made.quality,
        models=made.models,
        busiest=f"{busy.process} {percent(busy.cpu_mean, 0)}" if busy else ABSENT,
        status=worst if verdict.valid else "INVALID",
        reasons=tuple(f"{r.code} {r.name}: {r.observed}" for r in verdict.reasons),
        exit_code=verdict.exit_code,
    )


def throughput(run: Run) -> Estimate:
    """Successful answers per second inside the measured window; batch means over its slices."""
    low, high = run.info.load.window_start_ns, run.info.load.window_end_ns
    done = [r.done_ns for r in run.requests if r.outcome == "ok" and low <= r.done_ns < high]
    counts, _ = np.histogram(done, bins=SLICES, range=(low, high))
    rates = counts / ((high - low) / 1e9 / SLICES)
    method = f"batch means of {SLICES} slices, {statistics.BATCHES} batches"
    return statistics.sectioned(rates, lambda part: float(part.mean()), log=False, method=method)


def inside(directory: Path, stage: str) -> Inside | None:
    """The stage's task in a run of a scenario; None where that has no such task."""
    made, run = report(directory), read_run(directory)
    step = next((step for step in run.plan.steps if any(entry.name == stage for entry in step.stages)), None)
    if step is None:
        return None
    return Inside(
        run=str(directory), task=step.task, combined=len(step.stages) > 1, load=load_text(run.plan), latency=_component(made, step.task)
    )


def _component(made: Report, task: str) -> LatencyRow:
    return next(row for row in made.latency if row.scope == "component" and row.name == task)


def table(figures: ComponentFigures) -> Table:
    """One row a mode, and one for the task inside its scenario."""
    percentiles = sorted({q.p for mode in figures.modes for q in (*mode.latency.percentiles, *mode.component.percentiles)})
    rows = [
        (
            mode.mode,
            mode.load.split(",")[0],
            f"{mode.answered:,}" + (f" ({mode.failed:,} failed)" if mode.failed else ""),
            interval(mode.throughput),
            *(_at(mode.latency, p) for p in percentiles),
            *(_at(mode.component, p) for p in percentiles),
            "\n".join(_qualities(mode)) or ABSENT,
            mode.busiest,
            mode.status,
        )
        for mode in figures.modes
    ]
    if figures.inside is not None:
        held = figures.inside
        name = f"inside, as '{held.task}'" if held.combined else "inside the scenario"
        empty = [ABSENT] * len(percentiles)
        calls = [_at(held.latency, p) for p in percentiles]
        rows.append((name, held.load.split(",")[0], f"{held.latency.n:,}", ABSENT, *empty, *calls, ABSENT, ABSENT, ABSENT))
    columns = (
        "mode",
        "load",
        "answered",
        "answers per second",
        *(f"request p{p:g}, ms" for p in percentiles),
        *(f"call p{p:g}, ms" for p in percentiles),
        "quality of these answers",
        "highest CPU use, of a core",
        "verdict",
    )
    title = f"Component benchmark: {figures.component}" + (f", model {figures.model}" if figures.model else "")
    numeric = tuple(range(2, 4 + 2 * len(percentiles)))
    return Table("component_benchmark", title, columns, tuple(rows), LEGEND, numeric)


LEGEND = (
    "Intervals are 95 %. request: from the intended send time to the reply at the generator, planner and transport included; call: the "
    "planner's call of the component, as a scenario's report shows it. A percentile is shown only where there are enough samples. "
    "Where the planner or the generator used the most CPU, it limited the throughput, and the component itself could do more."
)


def _at(row: LatencyRow, p: float) -> str:
    shown: Sequence[Percentile] = [q for q in row.percentiles if q.p == p]
    return percentile_interval(shown[0]) if shown else ABSENT


def _qualities(mode: ModeFigures) -> list[str]:
    """Quality of the answers of this run; if these cannot be scored, of the model on held-out data."""
    rows = [_quality(row.metric, row.estimate) for row in mode.quality if row.request_class == "all"]
    rows += [_quality(row.metric, row) for row in mode.models if row.where == "in this run"]
    return rows or [f"{_quality(row.metric, row)}, held-out" for row in mode.models if row.where == "held-out"]


def _quality(metric: str, measured: Estimate | ModelQualityRow) -> str:
    return f"{metric} {value_shown(metric, measured.value, measured.low, measured.high)}"
