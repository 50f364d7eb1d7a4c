"""R4: use one state-of-the-art AI model.

    category : text_classification { model fasttext | textcnn }    ==>    { model fasttext }

Of the alternatives that the deployment's profile allows and that meet the task's quality target, the best declared quality stays (of an
error rate the lowest), ties by lower cost. Measured values take the place of declared ones where `--measurements` has them.
`use task.model` decides before all this.
A combined component has several models, all of them needed: it is left alone.
"""

from __future__ import annotations

from dataclasses import replace

from aibenchrt.catalog import component
from aibenchrt.metrics import lower_is_better

from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn
from aibenchc.distill.settings import DistillSettings
from aibenchc.graph import Candidate, Stage, Task

ID = "R4"


def use_one_model(turn: Turn) -> Rewrite:
    """Keeps one candidate of each single-stage task that has several."""
    tasks = {task.name: task for task in turn.graph.tasks}
    steps: list[DistillStep] = []
    problems: list[Problem] = []
    for task in turn.graph.tasks:
        if len(task.stages) > 1 or len(task.stages[0].candidates) < 2:
            continue
        if turn.limit is not None and len(steps) >= turn.limit:
            break
        chosen, why, problem = choose(task, turn.settings)
        if problem:
            problems.append(problem)
        if chosen is None:
            continue
        stage = task.stages[0]
        tasks[task.name] = replace(task, stages=(replace(stage, candidates=(chosen,)),))
        removed = tuple(f"{task.name}.{c.model}" for c in stage.candidates if c != chosen)
        steps.append(DistillStep(ID, removed, (f"{task.name}.{chosen.model}",), why, task.span))
    flow = turn.work.analyse(replace(turn.graph, tasks=tuple(tasks.values()))) if steps else turn.flow
    return Rewrite(flow, tuple(steps), tuple(problems))


def choose(task: Task, settings: DistillSettings) -> tuple[Candidate | None, str, Problem | None]:
    """(the candidate that stays, why, None) or (None, "", what to report)."""
    stage = task.stages[0]
    fixed = dict(settings.use).get(task.name)
    for candidate in stage.candidates:
        if candidate.model == fixed:
            return candidate, f"the spec says `use {task.name}.{fixed}`", None
    allowed = [c for c in stage.candidates if settings.profile == "full" or c.profile == "small"]
    if not allowed:
        return None, "", _unfit(task, f"profile {settings.profile} allows none of {_names(stage.candidates)}")
    metric = _metric(stage)
    known = {c: value for c in allowed if metric and (value := _quality(task, c, metric, settings)) is not None}
    if not known:
        return None, "", Problem("AIB302", (("task", task.name), ("models", _names(allowed))), task.span)
    sign = -1.0 if metric and lower_is_better(metric) else 1.0
    target = stage.target
    fit = [c for c in known if target is None or sign * known[c] >= sign * target.bound - 1e-12]
    if not fit and target:
        return None, "", _unfit(task, f"none of {_names(tuple(known))} reaches {metric} {target.operator} {target.bound:.4g}")
    best = min(fit, key=lambda c: (-sign * known[c], c.cost, c.model))
    values = ", ".join(f"{c.model} {known[c]:.4g}{_measured(task, c, metric, settings)}" for c in known)
    bound = f", target {target.bound:.4g}" if target else ""
    others = [c.model for c in allowed if c not in known]
    unknown = f"; unknown: {', '.join(others)}" if others else ""
    return best, f"best {metric} of profile {settings.profile}: {values}{bound}{unknown}", None


def _metric(stage: Stage) -> str | None:
    """The deciding metric: the target's, otherwise the component's first, otherwise the first that a candidate declares."""
    if stage.target:
        return stage.target.metric
    spec = component(stage.component)
    declared = [name for candidate in stage.candidates for name, _ in candidate.quality]
    return next(iter((*(spec.metrics if spec else ()), *declared)), None)


def _quality(task: Task, candidate: Candidate, metric: str, settings: DistillSettings) -> float | None:
    measured = settings.measured(task.name, candidate.model, metric)
    return measured if measured is not None else dict(candidate.quality).get(metric)


def _measured(task: Task, candidate: Candidate, metric: str | None, settings: DistillSettings) -> str:
    return " (measured)" if metric and settings.measured(task.name, candidate.model, metric) is not None else ""


def _unfit(task: Task, reason: str) -> Problem:
    return Problem("AIB308", (("task", task.name), ("reason", reason)), task.span)


def _names(candidates: list[Candidate] | tuple[Candidate, ...]) -> str:
    return ", ".join(candidate.model for candidate in candidates)


R4 = Rule(ID, "use one state-of-the-art model", use_one_model)
