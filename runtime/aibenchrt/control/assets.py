"""What a run needs before anything starts: the world, the payloads, the services' data and the models. All cached under home()."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.catalog import COMPONENTS
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.control.options import RunOptions, overridden
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.worlds import AnyWorld, load_world, payloads_of
from aibenchrt.load.messages import Messages, encode_payloads
from aibenchrt.plan import Plan
from aibenchrt.serve.prepare import lay_out, prepare_services
from aibenchrt.train.repository import ModelVersion
from aibenchrt.values import Values
from aibenchrt.wire.proto import Stubs


@dataclass(frozen=True)
class Assets:
    """payloads and trial: request class → its test payloads, and validation payloads that no measured request repeats.

    models: AI stage → the version that serves. prepared: the folder that service hosts are given.
    """

    world: AnyWorld
    payloads: dict[str, list[Payload]]
    trial: dict[str, list[Payload]]
    models: Mapping[str, ModelVersion]
    prepared: Path


def prepare(plan: Plan, options: RunOptions, into: Path) -> Assets:
    """Finds or makes everything. plan: with the models as compiled, even if this run overrides some. EnvironmentFailure as data, training
    and preparation raise."""
    world: AnyWorld = load_world(plan, options.variant, options.data_seed, options.progress)
    payloads = {request.name: payloads_of(plan, request, world, "test") for request in plan.requests}
    trial = {request.name: payloads_of(plan, request, world, "validation") for request in plan.requests}
    models = _models(plan, world, options)
    versions = {stage: version.folder for stage, version in models.items()}
    serving = portable(overridden(plan, options.overrides))  # what is made with a model is made with what takes that model's place
    folders = prepare_services(serving, world, versions, lambda stage: options.progress(f"preparing {stage}", 0.0))
    return Assets(world, payloads, trial, models, lay_out(folders, into))


def portable(plan: Plan) -> Plan:
    """The plan for preparing on this machine: tables for a PostgreSQL server that is not deployed yet are prepared as SQLite files, and
    uploaded on the host (upload.py)."""
    if not plan.hosts:
        return plan
    steps = []
    for step in plan.steps:
        stages = (
            stage.model_copy(update={"settings": {**stage.settings, "engine": "sqlite"}})
            if stage.settings.get("engine") == "postgresql"
            else stage
            for stage in step.stages
        )
        steps.append(step.model_copy(update={"stages": tuple(stages)}))
    return plan.model_copy(update={"steps": tuple(steps)})


def messages_for(plan: Plan, stubs: Stubs, payloads: Mapping[str, Sequence[Payload]], rows: Sequence[ScheduleRecord]) -> Messages:
    """The wire bytes of every payload that the schedule sends."""
    used: dict[str, dict[int, Values]] = {request.name: {} for request in plan.requests}
    for row in rows:
        used[row.request_class][row.payload] = payloads[row.request_class][row.payload].values
    return encode_payloads(stubs, plan.requests, used)


def ai_stages(plan: Plan) -> list[str]:
    return [stage.name for step in plan.steps for stage in step.stages if stage.kind == "ai"]


def _models(plan: Plan, world: AnyWorld, options: RunOptions) -> Mapping[str, ModelVersion]:
    if not ai_stages(plan):
        return {}
    from aibenchrt.train.task import plan_models  # imports torch, which is not needed if all models are trained

    models: Mapping[str, ModelVersion] = plan_models(plan, world, options.training_seed, options.size, options.progress)
    return models


def baseline_of(component: str) -> str | None:
    """The name of the component's baseline; None: it has none."""
    return COMPONENTS[component].baseline
