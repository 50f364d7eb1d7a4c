"""What a ranker gets to see: the plan run in process up to its rankers, on services and models as they stood at some time.

Nothing is listened on: the planner's executor calls the components' Works directly. Steps after the response never run, so nothing is
written that outlives the collection.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibenchrt.plan import Plan, PlanStage, Step
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.in_process import WorkOf, caller, open_chains, works
from aibenchrt.serve.stages import Chain
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.payload import Payload
    from aibenchrt.datasets.worlds import AnyWorld
    from aibenchrt.train.repository import ModelVersion

RANKER = "learning_to_rank"


@dataclass(frozen=True)
class Sample:
    """One request as it reached a ranker: the ranker's inputs, the truth and who asked (where it names no user, the request itself)."""

    inputs: Values
    truth: tuple[int, ...]
    user_id: int
    request_class: str
    part: str


@dataclass(frozen=True)
class Asked:
    """A request to run: its class, the part of the world that it comes from, and what it carries."""

    request_class: str
    part: str
    payload: Payload


class _Reached(Exception):  # noqa: N818  # not an error: the request has come as far as it has to
    def __init__(self, stage: str, inputs: Values) -> None:
        super().__init__(stage)
        self.stage = stage
        self.inputs = inputs


def collect(plan: Plan, world: AnyWorld, models: Mapping[str, ModelVersion], asked: Sequence[Asked]) -> dict[str, list[Sample]]:
    """Ranker stage → the samples that reached it, in the order asked.

    world: services are prepared from it. models: AI stage → version, for every stage but the rankers. RuntimeError: a call failed.
    """
    executor = Executor(plan)
    samples: dict[str, list[Sample]] = {stage.name: [] for stage in _stages(plan) if stage.component == RANKER}
    with tempfile.TemporaryDirectory(prefix="aibench-path-") as state:
        folders = {stage: version.folder for stage, version in models.items()}
        chains = open_chains(plan, _up_to_rankers(works(world, folders, Path(state))))
        for one, reached in zip(asked, asyncio.run(_run_all(executor, chains, asked)), strict=True):
            if reached is not None:
                user = one.payload.user if one.payload.user is not None else -1 - one.payload.query_id
                samples[reached.stage].append(Sample(reached.inputs, one.payload.truth, user, one.request_class, one.part))
    return samples


async def _run_all(executor: Executor, chains: Mapping[str, Chain], asked: Sequence[Asked]) -> list[_Reached | None]:
    """One after the other: what a cache holds does not depend on chance."""
    return [await _run(executor, chains, number, one) for number, one in enumerate(asked)]


async def _run(executor: Executor, chains: Mapping[str, Chain], number: int, asked: Asked) -> _Reached | None:
    """None: the request was answered without a ranker (by a cache, say)."""
    reached: list[_Reached] = []
    answered = caller(chains)

    async def call(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            return await answered(step, inputs)
        except _Reached as there:
            reached.append(there)
            raise

    running = executor.start(Request(number, asked.request_class, dict(asked.payload.values)), call)
    answer = await running.answer
    if answer.error and not reached:
        raise RuntimeError(f"request {number} of class '{asked.request_class}' failed on the way to its ranker: {answer.error}")
    return reached[0] if reached else None


def _up_to_rankers(work_of: WorkOf) -> WorkOf:
    def open_work(stage: PlanStage) -> Work:
        return _recorder(stage.name) if stage.component == RANKER else work_of(stage)

    return open_work


def _recorder(stage: str) -> Work:
    def record(inputs: Values) -> Values:
        raise _Reached(stage, inputs)

    return record


def _stages(plan: Plan) -> list[PlanStage]:
    return [stage for step in plan.steps for stage in step.stages]


@dataclass(frozen=True)
class Samples:
    training: Sequence[Sample]
    choosing: Sequence[Sample]
    seen: Sequence[Sample]
    held_out: Sequence[Sample]
