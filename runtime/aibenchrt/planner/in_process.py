"""A plan in this process: the executor calls the components' Works directly; nothing listens and nothing is sent.

For where answers matter and times do not: what a ranker trains on, ablation, tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibenchrt.catalog import component, component_module
from aibenchrt.plan import Plan, PlanStage, Step
from aibenchrt.planner.executor import Call
from aibenchrt.serve.models import open_stage
from aibenchrt.serve.prepare import makers_of, prepare_component
from aibenchrt.serve.stages import Chain, chain
from aibenchrt.values import Work

if TYPE_CHECKING:
    from aibenchrt.datasets.worlds import AnyWorld

WorkOf = Callable[[PlanStage], Work]


def works(plan: Plan, world: AnyWorld, models: Mapping[str, Path], state: Path) -> WorkOf:
    """Opens the component of a stage of the plan: a service on what is prepared from the world, with the folder `state` to write to; an AI
    stage on its model version. Settings that are time limits have no effect (Setting.untimed).

    models: AI stage → folder of the version. EnvironmentFailure as the components raise; KeyError: a stage without a version.
    """

    def open_work(stage: PlanStage) -> Work:
        if stage.kind == "ai":
            return open_stage(stage, models[stage.name])
        folder = prepare_component(stage.component, stage.settings, world, makers=makers_of(plan, stage, models))
        work: Work = component_module(stage.component, "service").open_work(folder, _untimed(stage), state)
        return work

    return open_work


def _untimed(stage: PlanStage) -> dict[str, str | int]:
    spec = component(stage.component)
    known = spec.settings if spec else ()
    return dict(stage.settings) | {setting.name: setting.untimed for setting in known if setting.untimed is not None}


def open_chains(plan: Plan, work_of: WorkOf, *, after: bool = False) -> dict[str, Chain]:
    """Step → the chain of its open stages. after: also the steps that run after the response."""
    steps = [step for step in plan.steps if after or step.phase == "response"]
    return {step.task: opened(step, work_of) for step in steps}


def opened(step: Step, work_of: WorkOf) -> Chain:
    return chain(step, {stage.name: work_of(stage) for stage in step.stages})


def caller(chains: Mapping[str, Chain]) -> Call:
    """The function that an executor calls for a step: it runs the step's chain in the thread of the event loop. A step without a chain
    fails."""

    async def call(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        return dict(chains[step.task](inputs))

    return call
