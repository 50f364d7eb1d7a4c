"""R2: prune the branches with the smallest fraction of requests.

    text  0.97 ─┐                   text  0.98 ─┐
    voice 0.01 ┼→ find    ==>       image 0.02 ─┴→ find
    image 0.02 ─┘

A branch is a request class, an arm of a choice, or the arms of an ordered fallback from one on. It goes if its share of requests and its
share of service time are both below the threshold; its siblings are renormalised, the largest of a fork stays. Rare requests make the
tail: when those pruned together exceed 1 − p for the highest percentile asked for, nothing more is pruned until the author confirms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from aibenchrt.figure_format import fraction_percent

from aibenchc.distill.branches import ArmBranch, Branch, ClassBranch, arm_branches, arm_name, class_branches, kept, region, regions
from aibenchc.distill.removal import (
    gone,
    shared_among,
    without_arm,
    without_arms,
    without_request,
    without_requests,
    without_unreached,
)
from aibenchc.distill.rule import DistillStep, Problem, Rewrite, Rule, Turn, left_alone
from aibenchc.flow import Flow
from aibenchc.graph import ExclusiveChoice, Fallback, Graph

ID = "R2"

_ROUNDING = 1e-9


def prune_smallest_fraction(turn: Turn) -> Rewrite:
    """Prunes the smallest branch below the threshold whose pruning leaves a valid graph; what lies inside one goes with it. Without a limit
    the other small branches of its fork go in the same turn, each as if the smaller ones had gone before."""
    settings = turn.settings
    protected = kept(turn.flow, settings.keep)
    times = _mean_times(turn)
    problems: list[Problem] = []
    small = [b for b in _branches(turn.flow) if b.share < settings.threshold - _ROUNDING and not protected.protects(b)]
    turn.work.spend(len(small) ** 2 // 8)
    while small:
        branch = min((b for b in small if not any(_inside(b, other) for other in small)), key=_size)
        if turn.limit is None and times is None:
            rewrite = _whole_fork(turn, branch, small)
            if rewrite is not None:
                return rewrite
        small.remove(branch)
        why = f"{fraction_percent(branch.share)} of the requests < {fraction_percent(settings.threshold)}"
        if times is None:
            problems.append(Problem("AIB303"))
        else:
            time = _share_of_time(turn, branch, times)
            if time >= settings.threshold - _ROUNDING:
                text = f"{branch.what} stays: {why}, but it takes {fraction_percent(time)} of the service time"
                problems.append(left_alone(ID, text, "to prune it all the same, raise the threshold: `branches below …`", branch.span))
                continue
            why += f", {fraction_percent(time)} of the service time"
        flow = without_unreached(_pruned(turn.graph, branch), turn.work.analyse)
        if flow.findings:
            text = f"{branch.what} stays: without it '{flow.findings[0].task}' would be {flow.findings[0].kind.value}"
            problems.append(left_alone(ID, text, f"if it may go, give '{flow.findings[0].task}' another edge", branch.span))
            continue
        tail = _tail(turn, turn.done, branch)
        if tail:
            return Rewrite(turn.flow, (), (*problems, tail))
        removed = gone(turn.graph, flow.graph) or (branch.name,)
        step = DistillStep(ID, removed, _siblings(turn.flow, branch), f"{branch.what}: {why}", branch.span, branch.share)
        return Rewrite(flow, (step,), tuple(problems))
    return Rewrite(turn.flow, (), tuple(problems))


def _size(branch: Branch) -> tuple[float, str]:
    return branch.share, branch.what


def _whole_fork(turn: Turn, smallest: Branch, small: Sequence[Branch]) -> Rewrite | None:
    """Of the smallest branch's fork all that are small, as long as they are it; None where there is none but it, or something bars it."""
    choice = turn.flow.choices[smallest.guard.choice] if isinstance(smallest, ArmBranch) else None
    if isinstance(choice, Fallback):
        return None
    fork: Sequence[Branch] = class_branches(turn.flow) if choice is None else arm_branches(turn.flow, choice)
    members = set(fork)
    whole, removed = sum(branch.share for branch in fork), 0.0
    pruned: list[Branch] = []
    done = list(turn.done)
    for branch in sorted((b for b in small if b in members), key=_size):
        share = branch.share * whole / (whole - removed)
        now = replace(branch, share=share)
        if share >= turn.settings.threshold - _ROUNDING or _tail(turn, done, now):
            break
        removed += branch.share
        pruned.append(now)
        why = f"{branch.what}: {fraction_percent(share)} of the requests < {fraction_percent(turn.settings.threshold)}"
        done.append(DistillStep(ID, (branch.name,), (), why, branch.span, share))
    if len(pruned) < 2:
        return None
    if choice is None:
        graph = without_requests(turn.graph, dict.fromkeys((b.name for b in pruned), None))
    else:
        graph = without_arms(turn.graph, choice, {b.guard.arm: None for b in pruned if isinstance(b, ArmBranch)})
    flow = without_unreached(graph, turn.work.analyse)
    if flow.findings:
        return None
    inside = regions(turn.flow, fork)
    parts = shared_among(gone(turn.graph, flow.graph), [(b.name, inside[b.cases]) for b in pruned])
    gone_now = {b.cases for b in pruned}
    left = tuple(b.name for b in fork if b.cases not in gone_now)
    steps = done[len(turn.done) :]
    return Rewrite(
        flow,
        tuple(replace(step, removed=part, took_over=left) for step, part in zip(steps, parts, strict=True)),
        (Problem("AIB303"),),
    )


def _inside(inner: Branch, outer: Branch) -> bool:
    return inner.cases != outer.cases and not inner.cases & ~outer.cases


def _tail(turn: Turn, done: Sequence[DistillStep], branch: Branch) -> Problem | None:
    """AIB301 if this branch and those pruned in the steps before reach the tail that is asked for.

    Each share is relative to the requests that the pruning before it left, so the remaining shares multiply.
    """
    percentile = turn.settings.highest_percentile
    if percentile is None or turn.settings.confirm_tail:
        return None
    pruned = [step for step in done if step.pruned]
    share = 1 - prod(1 - part for part in (*(step.pruned for step in pruned), branch.share))
    if share <= 1 - percentile / 100 + _ROUNDING:
        return None
    names = ", ".join([*(name for step in pruned for name in step.removed), branch.name])
    fields = (("pruned", names), ("share", f"{100 * share:.3f}"), ("percentile", f"{percentile:g}"))
    return Problem("AIB301", fields, branch.span)


def _branches(flow: Flow) -> Iterator[Branch]:
    """The branches that may be pruned: every branch of each fork but the largest (in a tie the first stays)."""
    exclusive = (arm_branches(flow, choice) for choice in flow.graph.choices if isinstance(choice, ExclusiveChoice))
    forks: tuple[tuple[Branch, ...], ...] = (class_branches(flow), *exclusive)
    for fork in forks:
        largest = max(fork, key=lambda b: round(b.share, 12), default=None)
        yield from (branch for branch in fork if branch is not largest)
    for choice in flow.graph.choices:
        if isinstance(choice, Fallback):
            yield from arm_branches(flow, choice)[1:]


def _siblings(flow: Flow, branch: Branch) -> tuple[str, ...]:
    if isinstance(branch, ClassBranch):
        return tuple(request.name for request in flow.graph.requests if request.name != branch.name)
    choice = flow.choices[branch.guard.choice]
    if isinstance(choice, Fallback):
        return (arm_name(choice, branch.guard.arm - 1),)
    return tuple(other.name for other in arm_branches(flow, choice) if other.guard != branch.guard)


def _mean_times(turn: Turn) -> dict[str, float] | None:
    """Mean service time of each task, ms; None unless all are known."""
    times = {task.name: turn.settings.service_ms(task) for task in turn.graph.tasks}
    known = {name: ms for name, ms in times.items() if ms is not None}
    return known if len(known) == len(times) else None


def _share_of_time(turn: Turn, branch: Branch, times: dict[str, float]) -> float:
    """A class: all the time its requests take; an arm: the time in the tasks that only it reaches."""
    own = turn.flow.order if isinstance(branch, ClassBranch) else region(turn.flow, branch)
    whole = spent = 0.0
    for case in turn.flow.cases:
        weight = turn.flow.weight(case)
        whole += weight * sum(times[name] for name in turn.flow.tasks_in(case))
        if branch.cases & case.bit:
            spent += weight * sum(times[name] for name in own if turn.flow.runs_in(name, case))
    return spent / whole if whole else branch.share


def _pruned(graph: Graph, branch: Branch) -> Graph:
    if isinstance(branch, ClassBranch):
        return without_request(graph, branch.name, heir=None)
    return without_arm(graph, branch.guard, heir=None)


R2 = Rule(ID, "prune the branches with the smallest fraction", prune_smallest_fraction)
