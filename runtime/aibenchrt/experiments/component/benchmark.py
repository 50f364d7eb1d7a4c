"""A component's runs: what they need is prepared once, from the scenario it stands in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aibenchrt.catalog import MOST_REQUESTS, component
from aibenchrt.component import Material
from aibenchrt.control.assets import Assets, prepare
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.component.one_task_plan import Mode, enough_for, load_of, one_task_plan, percentiles_for
from aibenchrt.experiments.component.performance import ModeFigures, mode_figures
from aibenchrt.experiments.component.recording import Recording, record
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.serve.prepare import lay_out

Emit = Callable[[Plan, Mode], Path]  # writes the compiler's output for a plan of one mode, and says where

DISTINCT = 2000  # number of payloads for a load whose number of requests is unknown


@dataclass(frozen=True)
class BenchOptions:
    """rate: of the open loop; None: the component's rate inside its scenario or, if that is too low for a median, the scenario's whole
    rate, at which supplements of rare classes are sent. duration_s, warmup_s: of each mode; None: the scenario's. in_flight: of the offline
    mode."""

    modes: tuple[Mode, ...]
    rate: float | None = None
    duration_s: float | None = None
    warmup_s: float | None = None
    in_flight: int = 8
    ports_from: int = 21000


@dataclass(frozen=True)
class BenchResult:
    stage: PlanStage
    recording: Recording
    rate: float
    modes: tuple[ModeFigures, ...]


def bench(
    scenario: Plan, stage: PlanStage, settings: BenchOptions, options: RunOptions, runs: Path, scratch: Path, emit: Emit
) -> BenchResult:
    """stage: of the scenario's plan, with the model that is to serve. scratch: a folder for what services read, empty.

    EnvironmentFailure: as preparation and run_local raise; AIB637: too large a load; AIB643: no request reaches the component.
    """
    rate_inside = scenario.load.mean_rate
    assets = _assets(scenario, stage, options, scratch)
    duration = settings.duration_s or scenario.load.duration_s
    warmup = scenario.load.warmup_s if settings.warmup_s is None else settings.warmup_s
    asked = (settings.rate or rate_inside) * (duration + warmup)
    if asked > MOST_REQUESTS:
        raise EnvironmentFailure("AIB637", count=f"{asked:,.0f}", limit=f"{MOST_REQUESTS:,}")
    back_to_back = any(mode is not Mode.OPEN for mode in settings.modes)
    recording = record(scenario, assets, stage, int(max(asked, DISTINCT * back_to_back)), scenario.load.seed, options.progress)
    mine = replace(
        assets,
        payloads={c.request.name: c.payloads for c in recording.classes},
        trial={c.request.name: c.trial for c in recording.classes},
        models={name: version for name, version in assets.models.items() if name == stage.name},
    )
    own = rate_inside * recording.calls_per_request
    rate = settings.rate or (own if own * duration >= enough_for(50.0) else rate_inside)
    modes: list[ModeFigures] = []
    for mode in settings.modes:
        load = load_of(mode, scenario.load, rate, settings.in_flight, duration, warmup)
        expected = rate * duration if mode is Mode.OPEN else _expected(mode, modes, settings.in_flight, duration)
        plan = one_task_plan(scenario, stage, recording, load, percentiles_for(expected), settings.ports_from)
        directory = run_local(emit(plan, mode), runs, replace(options, supplement=False), _given(mine, stage))
        modes.append(mode_figures(mode.value, directory, stage.name))
    return BenchResult(stage, recording, rate, tuple(modes))


def _expected(mode: Mode, modes: list[ModeFigures], in_flight: int, duration_s: float) -> float:
    """A lower bound for the requests of a closed loop. The rate of the offline mode is unknown, so only p50 is requested; after it, a
    single user is known to wait at most as long as one of several did."""
    offline = next((figures for figures in modes if figures.mode == Mode.OFFLINE.value), None)
    if mode is Mode.OFFLINE or offline is None:
        return 0.0
    return offline.throughput.value / in_flight * duration_s


def _assets(scenario: Plan, stage: PlanStage, options: RunOptions, scratch: Path) -> Assets:
    """The assets that a run of the scenario prepares. A model other than the scenario's is trained separately, so that it does not cause
    models that train on the path to be trained again; if it trains on the path itself, it replaces the scenario's."""
    own = next(candidate for step in scenario.steps for candidate in step.stages if candidate.name == stage.name)
    if own.model == stage.model:
        return prepare(scenario, options, scratch)
    spec = component(stage.component)
    if spec is not None and spec.trains_on is Material.PATH:
        return prepare(with_stage(scenario, stage), options, scratch)
    from aibenchrt.train.task import train_task

    assets = prepare(scenario, options, scratch)
    assert stage.model is not None
    version = train_task(stage.component, stage.model, assets.world, options.training_seed, options.size, options.progress)
    return replace(assets, models={**assets.models, stage.name: version})


def with_stage(plan: Plan, stage: PlanStage) -> Plan:
    """The plan with this stage in place of the one of its name."""
    steps = tuple(
        step.model_copy(update={"stages": tuple(stage if other.name == stage.name else other for other in step.stages)})
        for step in plan.steps
    )
    return plan.model_copy(update={"steps": steps})


def _given(assets: Assets, stage: PlanStage) -> Callable[[Plan, RunOptions, Path], Assets]:
    def prepared(_plan: Plan, _options: RunOptions, into: Path) -> Assets:
        folder = (assets.prepared / stage.name).resolve()
        return replace(assets, prepared=lay_out({stage.name: folder} if stage.kind == "service" else {}, into))

    return prepared
