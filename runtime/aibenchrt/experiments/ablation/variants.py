"""Ablation in this process: the same requests answered by the plan as trained, and with each AI component random or its baseline.

Steps after the response are not run: no answer comes out of a cache, and every request is answered by the whole path. Steps before it
that keep something, such as accounts, keep it for each variant alone, so that nothing of one can reach another. Variants share the other
components that they do not replace, and what they have in common of one request (a call of the same component with equal inputs) is
computed once.
"""

from __future__ import annotations

import asyncio
import pickle
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aibenchrt.answers import Answer, answer_of
from aibenchrt.catalog import COMPONENTS
from aibenchrt.control.options import RunOptions, effective
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.worlds import AnyWorld, load_world, payloads_of
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.experiments.ablation.contribution import (
    REPLACEMENTS,
    TRAINED,
    Answered,
    Contributions,
    contribution_rows,
    not_better,
    variant,
)
from aibenchrt.plan import Plan, PlanStage, Step
from aibenchrt.planner.executor import Executor, Request
from aibenchrt.planner.in_process import open_chains, opened, works
from aibenchrt.progress import Progress, silent
from aibenchrt.report.analysis import bootstrap_rng
from aibenchrt.report.quality import answer_metrics
from aibenchrt.serve.prepare import makers_of
from aibenchrt.serve.stages import Chain

PROTOCOL = (
    "test requests, answered in one process by the plan's executor; steps after the response are not run, so no answer comes from a cache "
    "and no variant sees what another did; difference: variant minus trained on the same requests, 95 % paired bootstrap over users, or "
    "over requests where they name no user"
)


@dataclass(frozen=True)
class AblateOptions:
    """variant: of the data; size: of the models; requests: at most this many of each class, evenly spaced (None: all)."""

    variant: str = "real"
    size: str = "small"
    requests: int | None = None
    data_seed: int = 7
    training_seed: int = 7
    progress: Progress = silent


@dataclass(frozen=True)
class _Variant:
    """own: the steps whose chain differs from that of the plan as trained."""

    name: str
    chains: Mapping[str, Chain]
    own: frozenset[str]


@dataclass
class _Class:
    """The answers to one class so far."""

    shown: dict[str, list[Answer]] = field(default_factory=dict)
    tasks: set[str] = field(default_factory=set)


def ablate(plan: Plan, options: AblateOptions) -> Contributions:
    """Trains what is missing, answers, compares. EnvironmentFailure as preparation does, AIB673: nothing to replace or to measure by.

    RuntimeError: a request failed.
    """
    stages = [stage.name for step in plan.steps for stage in step.stages if stage.kind == "ai" and step.phase == "response"]
    metrics = answer_metrics(plan)
    if not stages or not metrics:
        missing = "AI task on its way to the response" if not stages else "metric of answers, as ndcg@10"
        raise EnvironmentFailure("AIB673", missing=missing)
    from aibenchrt.train.task import plan_models

    world: AnyWorld = load_world(plan, options.variant, options.data_seed, options.progress)
    models = plan_models(plan, world, options.training_seed, options.size, options.progress)
    payloads = {r.name: spread(payloads_of(plan, r, world, "test"), options.requests, r.together) for r in plan.requests}
    folders = {stage: version.folder for stage, version in models.items()}
    answered = answer(plan, world, folders, payloads, stages, options.progress)
    rows = contribution_rows(answered, metrics, bootstrap_rng())
    return Contributions(
        scenario=plan.scenario,
        data=options.variant,
        world_version=world.version,
        size=options.size,
        protocol=PROTOCOL,
        requests={group.request_class: len(group.truth) for group in answered},
        users={group.request_class: len(set(group.users)) for group in answered if group.users is not None},
        models={stage: f"{v.component}/{v.model}:{v.version}" for stage, v in models.items()},
        rows=rows,
        not_better=not_better(rows),
    )


def spread(payloads: Sequence[Payload], most: int | None, together: int = 1) -> list[Payload]:
    """At most `most` of them, evenly spaced. together: how many stay together: two of a pair, the frames of a clip."""
    whole = len(payloads) // together
    count = whole if most is None else min(max(1, most // together), whole)
    return [payload for k in range(count) for payload in payloads[k * whole // count * together :][:together]]


def answer(
    plan: Plan,
    world: AnyWorld,
    models: Mapping[str, Path],
    payloads: Mapping[str, Sequence[Payload]],
    replaced: Sequence[str],
    progress: Progress = silent,
) -> tuple[Answered, ...]:
    """Each class's requests, answered as trained and with each of the stages `replaced` by each replacement. RuntimeError: one failed."""
    with tempfile.TemporaryDirectory(prefix="aibench-ablation-") as states:
        trained = open_chains(plan, works(plan, world, models, Path(tempfile.mkdtemp(dir=states))))
        variants = [_Variant(TRAINED, trained, frozenset())]
        for stage, how in [(stage, how) for stage in replaced for how in REPLACEMENTS]:
            changed = effective(plan, RunOptions(overrides={stage: how}))
            work_of = works(changed, world, models, Path(tempfile.mkdtemp(dir=states)))
            own = {
                step.task: opened(step, work_of)
                for step in changed.steps
                if step.phase == "response" and (_touched(changed, step, stage, models) or _keeps(step))
            }
            variants.append(_Variant(variant(stage, how), trained | own, frozenset(own)))
        return asyncio.run(_answer_all(plan, variants, payloads, progress))


def _touched(plan: Plan, step: Step, stage: str, models: Mapping[str, Path]) -> bool:
    """Whether the step has that AI stage, or a stage whose data are made with it."""
    makers = (maker for other in step.stages for maker in makers_of(plan, other, models))
    return any(other.name == stage for other in step.stages) or any(maker.stage.name == stage for maker in makers)


def _keeps(step: Step) -> bool:
    """Whether a component of the step answers by what it was asked before."""
    known = [COMPONENTS[stage.component] for stage in step.stages if stage.component in COMPONENTS]
    return any(spec.state is not None or spec.by_stream for spec in known)


async def _answer_all(
    plan: Plan, variants: Sequence[_Variant], payloads: Mapping[str, Sequence[Payload]], progress: Progress
) -> tuple[Answered, ...]:
    executor, types = Executor(plan), {part.port.name: part.port.type for part in plan.response}
    whole, number = sum(map(len, payloads.values())), 0
    answered_classes = []
    for request_class, asked in payloads.items():
        group = _Class()
        for payload in asked:
            progress("answering with and without each component", number / whole)
            await _answer_one(executor, variants, Request(number, request_class, dict(payload.values)), group, types)
            number += 1
        named = [payload.user for payload in asked if payload.user is not None]
        users = tuple(named) if len(named) == len(asked) else None
        answers = {name: tuple(shown_by) for name, shown_by in group.shown.items()}
        answered_classes.append(Answered(request_class, users, tuple(payload.truth for payload in asked), answers, frozenset(group.tasks)))
    progress("answering with and without each component", 1.0)
    return tuple(answered_classes)


async def _answer_one(executor: Executor, variants: Sequence[_Variant], request: Request, group: _Class, types: Mapping[str, str]) -> None:
    done: dict[tuple[str, str, bytes], dict[str, Any]] = {}  # (variant of the step, step, inputs) → outputs

    def caller(answering: _Variant) -> Any:
        async def call(step: Step, inputs: dict[str, Any]) -> dict[str, Any]:
            key = (answering.name if step.task in answering.own else TRAINED, step.task, pickle.dumps(inputs))
            if key not in done:
                done[key] = dict(answering.chains[step.task](inputs))
            if answering.name == TRAINED:
                group.tasks.update(stage.name for stage in _ai_stages(step))
            return done[key]

        return call

    for answering in variants:
        answered = await executor.start(request, caller(answering)).answer
        if answered.error:
            replaced = f" with {answering.name}" if answering.name else ""
            raise RuntimeError(f"request {request.request_id} of class '{request.request_class}'{replaced} failed: {answered.error}")
        values = answered.response
        parts = ((type_name, values[port].__getitem__) for port, type_name in types.items() if port in values)
        group.shown.setdefault(answering.name, []).append(answer_of(parts))


def _ai_stages(step: Step) -> list[PlanStage]:
    return [stage for stage in step.stages if stage.kind == "ai"]
