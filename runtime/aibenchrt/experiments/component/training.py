"""Training one component anew, to a target quality: how long until its validation quality first reached it (as MLPerf Training counts,
Mattson et al. 2020, section 3.2), and what the model it ends with has on held-out data."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from aibenchrt.catalog import component, component_module
from aibenchrt.control.assets import prepare
from aibenchrt.control.options import RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.component.benchmark import with_stage
from aibenchrt.figure_format import number, percent
from aibenchrt.metrics import lower_is_better, metric, value_shown
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.report.tables import ABSENT, Table
from aibenchrt.train.events import Begun, Epoch, Event

if TYPE_CHECKING:
    from aibenchrt.component import ComponentSpec, Model
    from aibenchrt.train.repository import ModelVersion

NEARLY = 0.95  # fraction of the declared quality: the target if the scenario sets none


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(_Frozen):
    """Validation quality after an epoch, seconds after the training began."""

    epoch: int
    seconds: float
    value: float


class TrainingTarget(_Frozen):
    """A metric and the value that it has to reach (or fall to, if lower is better). source: where the target is declared."""

    metric: str
    value: float
    source: str

    def reached(self, value: float) -> bool:
        return value <= self.value if lower_is_better(self.metric) else value >= self.value


class Training(_Frozen):
    """One training. to_target: seconds until the validation metric first reached the target; None: it never did.

    seconds: the whole training, export included. held_out: the target's metric for the chosen epoch, with its interval; every: all metrics.
    """

    seed: int
    seconds: float
    curve: tuple[Point, ...]
    to_target: float | None
    epoch: int | None
    held_out: float | None
    low: float | None
    high: float | None
    every: dict[str, float]
    version: str
    trained_on: str


class Trainings(_Frozen):
    component: str
    model: str
    variant: str
    size: str
    target: TrainingTarget
    trainings: tuple[Training, ...]


@dataclass
class Listener:
    """Notes when a training began and when the validation value of a metric was told: epoch, time.monotonic(), value."""

    metric: str
    began: float = 0.0
    heard: list[tuple[int, float, float]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Begun):
            self.began = time.monotonic()
        elif isinstance(event, Epoch) and (event.split, event.metric) == ("validation", self.metric):
            self.heard.append((event.n, time.monotonic(), event.value))


def target_of(plan: Plan, stage: PlanStage, asked: float | None) -> TrainingTarget:
    """The target set on the command line, otherwise the scenario's, otherwise slightly below what the catalogue declares.

    EnvironmentFailure AIB644: it is not trained; AIB689: no target is declared.
    """
    spec = component(stage.component)
    assert spec is not None
    model = next((model for model in spec.models if model.name == stage.model), None)
    if not spec.trains or model is None:
        raise EnvironmentFailure("AIB644", component=stage.component)
    scenario = next((target for target in plan.quality if target.task == stage.name), None)
    name = scenario.metric if scenario else declared_metric(spec, model)
    if asked is not None and metric(name):
        return TrainingTarget(metric=name, value=asked, source="the command line")
    if scenario is not None:
        return TrainingTarget(metric=name, value=scenario.bound, source=f"the scenario's target of '{stage.name}'")
    if not metric(name):
        raise EnvironmentFailure("AIB689", model=stage.model)
    nearly = 1 + (1 - NEARLY) if lower_is_better(name) else NEARLY
    value = round(dict(model.quality)[name] * nearly, 4)
    return TrainingTarget(metric=name, value=value, source=f"{percent(nearly, 0)} of what the catalogue declares")


def declared_metric(spec: ComponentSpec, model: Model) -> str:
    """The first of the component's metrics of which the catalogue declares a value for the model; '' where it declares none."""
    declared = dict(model.quality)
    return next((name for name in spec.metrics if name in declared), next(iter(declared), ""))


def train(
    plan: Plan, stage: PlanStage, target: TrainingTarget, seeds: Sequence[int], device: str, options: RunOptions, scratch: Path
) -> Trainings:
    """Trains the stage's model once for every seed on the same data, which are made before. The model repository is left as it was.
    EnvironmentFailure: as training raises."""
    from aibenchrt.train.task import train_stage

    assets = prepare(plan, options, scratch)
    component_module(stage.component, "train")  # so that importing torch does not count as training time
    trainings = []
    whole = with_stage(plan, stage)
    for seed in seeds:
        listener = Listener(target.metric)
        with tempfile.TemporaryDirectory(prefix="models-", dir=scratch) as folder:
            version = train_stage(
                whole,
                stage,
                assets.world,
                assets.models,
                seed,
                options.size,
                options.progress,
                device=device,
                models=Path(folder),
                tell=listener,
            )
            trainings.append(_training(version, target, seed, curve(listener.heard, listener.began)))
    return Trainings(
        component=stage.component,
        model=str(stage.model),
        variant=options.variant,
        size=options.size,
        target=target,
        trainings=tuple(trainings),
    )


def curve(heard: Sequence[tuple[int, float, float]], began: float) -> tuple[Point, ...]:
    """The values that a listener noted, with seconds counted from the beginning."""
    return tuple(Point(epoch=epoch, seconds=round(max(0.0, at - began), 2), value=value) for epoch, at, value in heard)


def _training(version: ModelVersion, target: TrainingTarget, seed: int, points: tuple[Point, ...]) -> Training:
    first = next((point for point in points if target.reached(point.value)), None)
    measured: Mapping[str, Any] = version.metadata["metrics"].get(target.metric, {})
    return Training(
        seed=seed,
        seconds=float(version.metadata["cost"]["seconds"]),
        curve=points,
        to_target=first.seconds if first else None,
        epoch=first.epoch if first else None,
        held_out=measured.get("value"),
        low=measured.get("low"),
        high=measured.get("high"),
        every={name: float(value["value"]) for name, value in version.metadata["metrics"].items()},
        version=version.version,
        trained_on=str(version.metadata.get("trained_on", "")),
    )


COLUMNS = ("seed", "to target, s", "at epoch", "whole training, s", "epochs told", "held-out [95 %]", "target met", "trained on")


def table(result: Trainings) -> Table:
    rows = [
        (
            str(training.seed),
            ABSENT if training.to_target is None else number(training.to_target),
            ABSENT if training.epoch is None else str(training.epoch),
            number(training.seconds),
            f"{training.curve[0].value:g} … {training.curve[-1].value:g}" if training.curve else ABSENT,
            _bounds(result.target.metric, training),
            ABSENT if training.held_out is None else "yes" if result.target.reached(training.held_out) else "no",
            training.trained_on,
        )
        for training in result.trainings
    ]
    sign = "≤" if lower_is_better(result.target.metric) else "≥"
    target = f"{result.target.metric} {sign} {result.target.value:g}"
    title = f"{result.component} {result.model}, size {result.size}, {result.variant} data: time to {target}"
    legend = (
        f"The target is {result.target.source}; it is looked for in the validation quality after each epoch, and then in the held-out one."
    )
    return Table("training", title, COLUMNS, tuple(rows), legend, (0, 1, 2, 3))


def _bounds(metric: str, training: Training) -> str:
    if training.held_out is None:
        return ABSENT
    return value_shown(metric, training.held_out, training.low, training.high)
