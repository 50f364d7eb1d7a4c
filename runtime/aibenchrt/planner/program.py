"""A plan made ready to execute: one program per request class, sources and consumers as indices. Built once, at start-up.

Also the start-up check: a plan whose edges were cut, or do not fit, is refused with AIB613.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from aibenchrt.component import ANY
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanChoice, PlanExclusiveChoice, PlanFallback, PlanGuard, PlanPort, PlanRequest, Source, Step, wiring_hash

ROOT = -1  # index of the request itself as a producer


class FeedTarget(Enum):
    """What a source feeds: a step's input, a part of the response, a `when` flag, or the count of an arm."""

    INPUT = "input"
    RESPONSE = "response"
    WHEN = "when"
    COUNT = "count"


@dataclass(frozen=True)
class Feed:
    """A source as executed: producer (ROOT or step index), its port, guards as (choice index, arm), and what it feeds.

    owner: step, response part or choice index; slot: input index or arm; position: among the sources of that slot.
    """

    producer: int
    port: str
    guards: tuple[tuple[int, int], ...]
    target: FeedTarget
    owner: int
    slot: int
    position: int


@dataclass(frozen=True)
class Slot:
    """An input port or response part. gathers: takes several live sources (`many` or concat); width: sources that this class can feed."""

    name: str
    type: str
    required: bool
    gathers: bool
    many: bool
    width: int


@dataclass(frozen=True)
class StepProgram:
    step: Step
    slots: tuple[Slot, ...]
    after: bool


@dataclass(frozen=True)
class ChoiceProgram:
    """fed: per arm, whether this class can feed its flag or count; entered: indices of the feeds that the choice guards."""

    choice: PlanChoice
    fed: tuple[bool, ...]
    entered: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Everything that can happen to a request of one class.

    feeds_of[p + 1]: indices of feeds of producer p (ROOT first); guarded[(choice, arm)]: indices of feeds under that guard.
    """

    request: PlanRequest
    steps: tuple[StepProgram, ...]
    choices: tuple[ChoiceProgram, ...]
    response: tuple[Slot, ...]
    feeds: tuple[Feed, ...]
    feeds_of: tuple[tuple[int, ...], ...]
    guarded: dict[tuple[int, int], tuple[int, ...]]


def check_plan(plan: Plan) -> None:
    """AIB613 unless every source exists and fits, every required input can be fed, every class reaches the response, and the wiring
    is the one the compiler hashed."""
    problems = _dangling(plan) or _cycle(plan)
    if not problems:
        problems = [p for request in plan.requests for p in _unfed(plan, request)] + _choice_problems(plan)
    if not problems and wiring_hash(plan.requests, plan.steps, plan.choices, plan.response) != plan.graph_hash:
        problems = ["its edges are not those that were compiled (graph_hash differs)"]
    if problems:
        raise EnvironmentFailure("AIB613", problems="; ".join(problems[:5]))


def compile_programs(plan: Plan) -> dict[str, Program]:
    """Request class → Program. The plan has been checked."""
    return {request.name: _program(plan, request) for request in plan.requests}


def _ports(plan: Plan) -> dict[tuple[str, str], PlanPort]:
    """(task or class, port) → the port it puts out."""
    ports = {(request.name, port.name): port for request in plan.requests for port in request.ports}
    ports.update({(step.task, port.name): port for step in plan.steps for port in step.outputs})
    return ports


def _uses(plan: Plan) -> list[tuple[str, str, Source]]:
    """(place, expected port type, source) of every source in the plan."""
    uses = [(f"{step.task}.{i.port.name}", i.port.type, s) for step in plan.steps for i in step.inputs for s in i.sources]
    uses += [(f"response.{part.port.name}", part.port.type, s) for part in plan.response for s in part.sources]
    for choice in plan.choices:
        decider = "Flag" if isinstance(choice, PlanExclusiveChoice) else "Count"
        uses += [(f"choice {choice.name}", decider, source) for source in _deciders(choice) if source]
    return uses


def _dangling(plan: Plan) -> list[str]:
    problems = []
    ports = _ports(plan)
    arms = {choice.name: len(choice.arms) for choice in plan.choices}
    names = [request.name for request in plan.requests] + [step.task for step in plan.steps]
    problems += [f"'{name}' stands in it twice" for name, times in sorted(Counter(names).items()) if times > 1]
    for where, wanted, source in _uses(plan):
        port = ports.get((source.task, source.port))
        if port is None:
            problems.append(f"{where} is fed by {source.task}.{source.port}, which does not exist")
        elif port.type != wanted and wanted != ANY:
            problems.append(f"{where} takes {wanted}, but {source.task}.{source.port} is {port.type}")
        problems += [f"{where} stands under arm {g.arm} of choice '{g.choice}', which does not exist"
                     for g in source.guards if not 0 <= g.arm < arms.get(g.choice, 0)]  # fmt: skip
    for step in plan.steps:
        given = {i.port.name for i in step.inputs}
        made = {(stage.name, None) for stage in step.stages}
        for stage in step.stages:
            problems += [f"stage {stage.name} of {step.task} is fed by {feed.stage or 'input'}.{feed.port}, which does not exist"
                         for feed in stage.feeds
                         if (feed.port not in given if feed.stage is None else (feed.stage, None) not in made)]  # fmt: skip
    return problems


def _cycle(plan: Plan) -> list[str]:
    """One problem if steps wait for each other, through inputs or through choices."""
    stuck = sorted({step.task for step in plan.steps} - {step.task for step in _ordered(plan)})
    return [f"the steps {', '.join(stuck[:8])} wait for each other"] if stuck else []


def _ordered(plan: Plan) -> list[Step]:
    """The steps, each after all that it waits for; those on a cycle or behind one are left out."""
    steps = {step.task: step for step in plan.steps}
    choices = {choice.name: choice for choice in plan.choices}
    waits: dict[str, int] = {}
    followers: dict[str, list[str]] = {task: [] for task in steps}
    for step in plan.steps:
        sources = [s for i in step.inputs for s in i.sources]
        needs = {s.task for s in sources} | {t for s in sources for g in s.guards for t in _awaited(choices[g.choice], g)}
        waits[step.task] = len(needs & steps.keys())
        for task in needs & steps.keys():
            followers[task].append(step.task)
    ordered = [task for task, count in waits.items() if count == 0]
    for task in ordered:
        for follower in followers[task]:
            waits[follower] -= 1
            if waits[follower] == 0:
                ordered.append(follower)
    return [steps[task] for task in ordered]


def _deciders(choice: PlanChoice) -> tuple[Source | None, ...]:
    """Per arm the flag or the count that decides, None where an arm has no flag."""
    match choice:
        case PlanExclusiveChoice():
            return tuple(arm.when for arm in choice.arms)
        case PlanFallback():
            return choice.until.counts


def _awaited(choice: PlanChoice, guard: PlanGuard) -> list[str]:
    """The steps that the guard waits for. An arm of a fallback waits only for the arms before it, so its own count makes no cycle."""
    deciders = _deciders(choice)[: guard.arm] if isinstance(choice, PlanFallback) else _deciders(choice)
    return [source.task for source in deciders if source]


def _choice_problems(plan: Plan) -> list[str]:
    problems = []
    for choice in plan.choices:
        match choice:
            case PlanExclusiveChoice(arms=arms, flags=flags):
                without = len(arms) - len(flags)
                if flags and without != 1:
                    problems.append(f"choice '{choice.name}' has {without} arms without a flag where one must stand for the rest")
            case PlanFallback(arms=tried, until=until):
                if len(until.counts) != len(tried):
                    problems.append(f"choice '{choice.name}' tries its arms in turn, but does not count every arm")
    return problems


def _possible(plan: Plan, request: PlanRequest) -> set[str]:
    """The class and the steps that can run for it in some case: every required input has a producer that can run."""
    possible = {request.name}
    for step in _ordered(plan):
        fed = [any(source.task in possible for source in entry.sources) for entry in step.inputs]
        if any(fed) and all(has or entry.port.optional for has, entry in zip(fed, step.inputs, strict=True)):
            possible.add(step.task)
    return possible


def _unfed(plan: Plan, request: PlanRequest) -> list[str]:
    possible = _possible(plan, request)
    problems = []
    for step in plan.steps:
        problems += [
            f"required input {step.task}.{i.port.name} has no source" for i in step.inputs if not i.port.optional and not i.sources
        ]
        if not step.inputs:
            problems.append(f"{step.task} has no inputs")
    problems += [f"no request of class '{request.name}' can fill response.{part.port.name}"
                 for part in plan.response if not part.port.optional and not any(s.task in possible for s in part.sources)]  # fmt: skip
    silent = not plan.response and not any(step.phase == "response" and not step.outputs for step in plan.steps)
    return [*problems, "it has no response"] if silent else problems


def _program(plan: Plan, request: PlanRequest) -> Program:
    possible = _possible(plan, request)
    steps = [step for step in plan.steps if step.task in possible]
    index = {request.name: ROOT} | {step.task: i for i, step in enumerate(steps)}
    choice_index = {choice.name: i for i, choice in enumerate(plan.choices)}
    feeds: list[Feed] = []

    def add(sources: tuple[Source, ...], target: FeedTarget, owner: int, slot: int) -> int:
        live = [s for s in sources if s.task in possible]
        for position, s in enumerate(live):
            guards = tuple((choice_index[g.choice], g.arm) for g in s.guards)
            feeds.append(Feed(index[s.task], s.port, guards, target, owner, slot, position))
        return len(live)

    step_programs = []
    for i, step in enumerate(steps):
        slots = tuple(
            Slot(
                x.port.name, x.port.type, not x.port.optional, x.concat or x.port.many, x.port.many, add(x.sources, FeedTarget.INPUT, i, j)
            )
            for j, x in enumerate(step.inputs)
        )
        step_programs.append(StepProgram(step, slots, step.phase == "after"))
    response = tuple(
        Slot(part.port.name, part.port.type, not part.port.optional, False, False, add(part.sources, FeedTarget.RESPONSE, i, i))
        for i, part in enumerate(plan.response)
    )
    fed = []
    for c, choice in enumerate(plan.choices):
        target = FeedTarget.WHEN if isinstance(choice, PlanExclusiveChoice) else FeedTarget.COUNT
        fed.append(tuple(bool(s and add((s,), target, c, arm)) for arm, s in enumerate(_deciders(choice))))
    entered: list[set[int]] = [set() for _ in plan.choices]
    guarded: dict[tuple[int, int], list[int]] = {}
    of: list[list[int]] = [[] for _ in range(ROOT, len(steps))]
    for f, feed in enumerate(feeds):
        of[feed.producer + 1].append(f)
        for guard in feed.guards:
            guarded.setdefault(guard, []).append(f)
            entered[guard[0]].add(f)
    return Program(
        request=request,
        steps=tuple(step_programs),
        choices=tuple(ChoiceProgram(c, fed[i], tuple(sorted(entered[i]))) for i, c in enumerate(plan.choices)),
        response=response,
        feeds=tuple(feeds),
        feeds_of=tuple(map(tuple, of)),
        guarded={guard: tuple(indices) for guard, indices in guarded.items()},
    )
