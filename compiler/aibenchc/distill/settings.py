"""What decides in distilling beside the graph: the author's settings, the deployment's profile, measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from aibenchrt.input_file import InputFileError, json_document

from aibenchc.graph import Task
from aibenchc.model import LatencyBound, Scenario, Update

SERVICE_MS = "service_ms"


class MeasurementsError(ValueError):
    """The measurements cannot be read (AIB307); the message is the reason."""


@dataclass(frozen=True)
class Measurements:
    """values: `task.model` or `task` → metric, or service_ms (mean, ms) → value. sha256: of the file, for the manifest."""

    values: Mapping[str, Mapping[str, float]]
    sha256: str

    def of(self, task: str, model: str | None, metric: str) -> float | None:
        """The value for a task's model, else for the task whatever its model."""
        for key in (f"{task}.{model}", task):
            if metric in self.values.get(key, {}):
                return self.values[key][metric]
        return None


def read_measurements(content: bytes) -> Measurements:
    """Of a JSON object of objects of numbers. MeasurementsError otherwise."""
    try:
        raw = json_document(content)
    except InputFileError as error:
        raise MeasurementsError(str(error)) from error
    if not isinstance(raw, dict):
        raise MeasurementsError("it must be an object: task.model → metric → value")
    values: dict[str, dict[str, float]] = {}
    for key, metrics in raw.items():
        if not isinstance(metrics, dict):
            raise MeasurementsError(f"'{key}' must be an object: metric → value")
        for metric, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise MeasurementsError(f"'{metric}' of '{key}' must be a number from 0 on")
        values[key] = {metric: float(value) for metric, value in metrics.items()}
    return Measurements(values, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class DistillSettings:
    """threshold: R2's, similarity: R1's, as shares. keep: classes and tasks. use: task → model. metrics: quality metrics.

    highest_percentile: in percent, of `metrics` and `slo`, None if no latency is asked for.
    """

    threshold: float = 0.02
    similarity: float = 0.8
    keep: tuple[str, ...] = ()
    use: tuple[tuple[str, str], ...] = ()
    confirm_tail: bool = False
    profile: str = "small"
    highest_percentile: float | None = None
    metrics: tuple[str, ...] = ()
    updates: tuple[Update, ...] = ()
    measurements: Measurements | None = field(default=None)

    def measured(self, task: str, model: str | None, metric: str) -> float | None:
        return self.measurements.of(task, model, metric) if self.measurements else None

    def service_ms(self, task: Task) -> float | None:
        """Mean service time: measured if it was, else declared. Of a combined task the sum of its stages, if each was measured."""
        total = 0.0
        for stage in task.stages:
            model = stage.candidates[0].model if len(stage.candidates) == 1 else None
            measured = self.measured(stage.name, model, SERVICE_MS)
            if measured is None:
                return task.service_ms
            total += measured
        return total


def settings(scenario: Scenario, deployment: str, measurements: Measurements | None = None) -> DistillSettings:
    """The settings for a scenario in one of its deployments (by name; StopIteration if there is none, which validate has excluded)."""
    chosen = next(d for d in scenario.deployments if d.name == deployment)
    bounded = (bound.percentile for bound in scenario.slo if isinstance(bound, LatencyBound))
    percentiles = (*scenario.latency.percentiles, *bounded)
    return DistillSettings(
        threshold=scenario.distill.threshold,
        similarity=scenario.distill.similarity,
        keep=scenario.distill.keep,
        use=scenario.distill.use,
        confirm_tail=scenario.distill.confirm_tail,
        profile=chosen.profile,
        highest_percentile=max(percentiles, default=None),
        metrics=scenario.metrics,
        updates=scenario.updates,
        measurements=measurements,
    )
