"""Fidelity: what distilling did to the share of work and to the critical path, and what latency that predicts.

Work is counted in hops (a task run once) per request, and in service time where every task's mean is known. The critical path of a case
is the longest chain of tasks that the response waits for, the tries of a fallback one after another. The predicted mean adds known mean
service times along it. The predicted p99 is simulated: cases drawn by share, each service time drawn from an exponential distribution
with the task's mean (the one that a mean alone suggests), without queueing and without the planner; so it says how the graph shapes the
tail at low load, not what a loaded system shows.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from math import log

from aibenchrt.catalog import component
from aibenchrt.component import Kind
from aibenchrt.plan import PlanPrediction

from aibenchc.distill import Change, Distilled
from aibenchc.distill.settings import DistillSettings
from aibenchc.flow import Case, Flow, analyse
from aibenchc.flow.order import control_edges
from aibenchc.graph import RESPONSE

DRAWS = 4000  # simulated requests; 40 of them are beyond the p99
MAX_VISITS = 400_000  # service times drawn in total: larger graphs are simulated with fewer requests


@dataclass(frozen=True)
class Measure:
    """A graph in numbers. hops: mean per request; ai_share: of the hops; critical_hops: class → mean length of its critical path.

    work_ms: mean service time per request; mean_ms and p99_ms: predicted latency; each None unless all service times are known.
    """

    hops: float
    ai_share: float
    critical_hops: Mapping[str, float]
    work_ms: float | None = None
    ai_work_share: float | None = None
    mean_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class Effect:
    """A change with the measures before and after it."""

    change: Change
    before: Measure
    after: Measure


def effects(distilled: Distilled, seed: int = 1) -> tuple[Effect, ...]:
    """For each change; the last `after` against the first `before` is the whole."""
    rows: list[Effect] = []
    for change in distilled.changes:
        before = rows[-1].after if rows else measure(change.before, distilled.settings, seed)
        rows.append(Effect(change, before, measure(change.after, distilled.settings, seed)))
    return tuple(rows)


def whole(distilled: Distilled, seed: int = 1) -> tuple[Measure, Measure]:
    """The spec's graph, and the distilled one."""
    return measure(analyse(distilled.original), distilled.settings, seed), measure(analyse(distilled.graph), distilled.settings, seed)


def predict(distilled: Distilled, seed: int = 1) -> PlanPrediction | None:
    """Of the distilled graph, rounded to the microsecond; None unless all its service times are known."""
    if any(distilled.settings.service_ms(task) is None for task in distilled.graph.tasks):
        return None
    measured = measure(analyse(distilled.graph), distilled.settings, seed)
    if measured.mean_ms is None or measured.p99_ms is None:
        return None
    return PlanPrediction(mean_ms=round(measured.mean_ms, 3), p99_ms=round(measured.p99_ms, 3))


def measure(flow: Flow, settings: DistillSettings, seed: int = 1) -> Measure:
    ai = {task.name for task in flow.graph.tasks if (spec := component(task.stages[0].component)) and spec.kind is Kind.AI}
    ms = {task.name: settings.service_ms(task) for task in flow.graph.tasks}
    known = {name: value for name, value in ms.items() if value is not None}
    paths = Paths(flow)
    hops = ai_hops = work = ai_work = mean = 0.0
    critical: dict[str, float] = defaultdict(float)
    for case in flow.cases:
        weight = flow.weight(case)
        tasks = flow.tasks_in(case)
        hops += weight * len(tasks)
        ai_hops += weight * sum(name in ai for name in tasks)
        critical[case.request] += case.share * paths.longest(case, dict.fromkeys(tasks, 1.0))
        work += weight * sum(known.get(name, 0.0) for name in tasks)
        ai_work += weight * sum(known.get(name, 0.0) for name in tasks if name in ai)
        mean += weight * paths.longest(case, known)
    timed = len(known) == len(ms)
    return Measure(
        hops=hops,
        ai_share=ai_hops / hops if hops else 0.0,
        critical_hops=dict(critical),
        work_ms=work if timed else None,
        ai_work_share=ai_work / work if timed and work else None,
        mean_ms=mean if timed else None,
        p99_ms=_simulated_p99(flow, paths, known, random.Random(seed)) if timed else None,
    )


def _simulated_p99(flow: Flow, paths: Paths, means: Mapping[str, float], rng: random.Random) -> float:
    weights = [flow.weight(case) for case in flow.cases]
    draws = max(400, min(DRAWS, MAX_VISITS // max(1, len(means))))
    rates = {name: 1 / ms for name, ms in means.items() if ms > 0}
    chains = [_chain(paths, case, rates) for case in flow.cases]
    tasks, draw = range(len(rates)), rng.random
    latencies = []
    for number in rng.choices(range(len(chains)), weights, k=draws):
        steps, answers = chains[number]
        uniform = [draw() for _ in tasks]
        end: list[float] = []
        for rate, drawn, waits_for in steps:
            length = -log(1.0 - uniform[drawn]) / rate if rate else 0.0  # of an exponential distribution
            end.append(length + (max([end[place] for place in waits_for]) if waits_for else 0.0))
        latencies.append(max([end[place] for place in answers], default=0.0))
    latencies.sort()
    return latencies[min(draws - 1, int(0.99 * draws))]


def _chain(paths: Paths, case: Case, rates: Mapping[str, float]) -> tuple[list[tuple[float, int, tuple[int, ...]]], tuple[int, ...]]:
    """What Paths.longest visits in a case: for each task, in order, its rate (0: it takes no time), the index of its drawn number and the
    places of the tasks that it waits for; and the places of the tasks that answer."""
    number = {name: place for place, name in enumerate(rates)}
    places: dict[str, int] = {}
    steps = []
    for name in paths.tasks[case]:
        waits_for = tuple(places[source] for source in paths.before[name] if source in places)
        steps.append((rates.get(name, 0.0), number.get(name, 0), waits_for))
        places[name] = len(places)
    return steps, tuple(places[name] for name in paths.answers[case] if name in places)


class Paths:
    """What each task waits for, case by case."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.before: dict[str, set[str]] = defaultdict(set)
        for wire in flow.wires:
            self.before[wire.target].add(wire.source)
        for source, target, _ in control_edges(flow.graph):
            self.before[target].add(source)
        self.tasks = {case: flow.tasks_in(case) for case in flow.cases}
        self.answers = {case: self._answering(case) for case in flow.cases}

    def _answering(self, case: Case) -> set[str]:
        wires = self.flow.wires_into.get(RESPONSE, ())
        return {ref.task for port in {w.target_port for w in wires} for ref in self.flow.producers(RESPONSE, port, case)}

    def longest(self, case: Case, lengths: Mapping[str, float]) -> float:
        """The length of the longest chain of running tasks that ends in a producer of the response; an unlisted task has length 0."""
        end: dict[str, float] = {}
        for name in self.tasks[case]:
            end[name] = lengths.get(name, 0.0) + max((end[source] for source in self.before[name] if source in end), default=0.0)
        return max((end[name] for name in self.answers[case] if name in end), default=0.0)
