"""What reaches some stages of a plan: its requests run in this process up to there.

Nothing is listened on: the planner's executor calls the components' Works directly. Of the steps after the response only those run
that the stages wait for, so nothing is written that outlives the capture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibenchrt.plan import Plan, PlanStage, Step
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.in_process import WorkOf, caller, opened, works
from aibenchrt.serve.stages import Chain
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.worlds import AnyWorld


@dataclass(frozen=True)
class Captured:
    """A request that arrived at a stage, with the stage's inputs."""

    stage: str
    inputs: Values


class _Arrived(Exception):  # noqa: N818  # not an error: the request has come as far as it has to
    def __init__(self, arrival: Captured) -> None:
        super().__init__(arrival.stage)
        self.arrival = arrival


@dataclass(frozen=True)
class Capture:
    """Runs requests through a plan up to the captured stages. Requests are run one at a time in a given order, so that what a cache holds
    does not depend on chance."""

    executor: Executor
    chains: Mapping[str, Chain]

    async def arrival(self, request: Request) -> Captured | None:
        """The first captured stage that the request reached; None: it was answered without any of them, for instance by a cache.

        RuntimeError: a call failed on the way.
        """
        arrivals: list[Captured] = []
        answered = caller(self.chains)

        async def call(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
            try:
                return await answered(step, inputs) if step.task in self.chains else {}
            except _Arrived as arrived:
                arrivals.append(arrived.arrival)
                raise

        running = self.executor.start(request, call)
        answer = await running.answer
        if not answer.error:
            running.release()
        await running.finished()
        if answer.error and not arrivals:
            raise RuntimeError(f"request {request.request_id} of class '{request.request_class}' failed: {answer.error}")
        return arrivals[0] if arrivals else None


@contextmanager
def capture(plan: Plan, world: AnyWorld, models: Mapping[str, Path], stages: Collection[str]) -> Iterator[Capture]:
    """Opens the components of the plan up to these stages; what they write meanwhile is deleted afterwards.

    world: services are prepared from it. models: AI stage → folder of its version, for all other AI stages that are on the way.
    """
    with tempfile.TemporaryDirectory(prefix="aibench-capture-") as state:
        work_of = _ending_at(stages, works(plan, world, models, Path(state)))
        yield Capture(Executor(plan), {step.task: opened(step, work_of) for step in _needed(plan, stages)})


def _needed(plan: Plan, stages: Collection[str]) -> list[Step]:
    """Every step before the response and, if the stages run after it, their steps and what these wait for."""
    steps = {step.task: step for step in plan.steps}
    needed = {step.task for step in plan.steps if step.phase == "response"}
    todo = [step.task for step in plan.steps if any(stage.name in stages for stage in step.stages)]
    while todo:
        step = steps[todo.pop()]
        needed.add(step.task)
        todo += [source.task for entry in step.inputs for source in entry.sources if source.task in steps and source.task not in needed]
    return [step for step in plan.steps if step.task in needed]


def _ending_at(stages: Collection[str], work_of: WorkOf) -> WorkOf:
    def open_work(stage: PlanStage) -> Work:
        return _end(stage.name) if stage.name in stages else work_of(stage)

    return open_work


def _end(stage: str) -> Work:
    def arrive(inputs: Values) -> Values:
        raise _Arrived(Captured(stage, inputs))

    return arrive
