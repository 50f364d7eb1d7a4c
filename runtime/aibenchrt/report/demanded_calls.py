"""Which calls a plan demands for a request, from what was recorded of its choices: the rules of the planner's executor, without a clock.

A step is demanded, not to be called, or (None) unknown: a choice that it depends on left no record, or a call before it failed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from aibenchrt.collect.records import CallRecord, RequestRecord
from aibenchrt.plan import Plan, PlanExclusiveChoice
from aibenchrt.planner.executor import draw, drawn_arm
from aibenchrt.planner.program import ROOT, Feed, FeedTarget, Program, compile_programs

Known = bool | None


@dataclass(frozen=True)
class Demand:
    """calls: task → whether it is to be called; what the class never reaches is not in it. before: (task, task that takes its output), of
    demanded steps. response: demanded tasks whose output the response holds, or, of a response without parts, all before it. arms: whether
    the recorded arms are those that flags, counts and draws lead to (of a request that failed there are none)."""

    calls: Mapping[str, Known]
    before: tuple[tuple[str, str], ...]
    response: tuple[str, ...]
    arms: bool


@dataclass(frozen=True)
class _Evidence:
    """arms: choice → recorded arm; drawn: choice → arm of a draw; values: (task, port) → flag or count in the records; failed: tasks."""

    arms: Mapping[str, int]
    drawn: Mapping[str, int]
    values: Mapping[tuple[str, str], float]
    failed: frozenset[str]

    @property
    def key(self) -> tuple[object, ...]:
        return tuple(self.arms.items()), tuple(self.drawn.items()), tuple(self.values.items()), self.failed


class Demands:
    """Of a plan that can be executed (planner.program.check_plan)."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._programs = compile_programs(plan)
        self._orders = {name: _order(program) for name, program in self._programs.items()}
        self._draws = [choice for choice in plan.choices if isinstance(choice, PlanExclusiveChoice) and not choice.flags]
        self._arms = {choice.name: len(choice.arms) for choice in plan.choices}
        self._deciders = dict(_deciders(plan))
        self._known: dict[tuple[object, ...], Demand] = {}

    def of(self, request: RequestRecord, calls: Sequence[CallRecord]) -> Demand:
        """calls: of this request. KeyError: an unknown class. ValueError: an arm that is none of its choice."""
        evidence = self._evidence(request, calls)
        key = (request.request_class, *evidence.key)
        if (demand := self._known.get(key)) is None:
            program, order = self._programs[request.request_class], self._orders[request.request_class]
            demand = self._known[key] = _Case(program, evidence).demand(order)
        return demand

    def _evidence(self, request: RequestRecord, calls: Sequence[CallRecord]) -> _Evidence:
        arms = {name: int(arm) for name, _, arm in (entry.rpartition("=") for entry in request.arms)}
        if len(arms) < len(request.arms) or any(not 0 <= arm < self._arms.get(name, 0) for name, arm in arms.items()):
            raise ValueError(f"request {request.request_id} has an arm that is none")
        drawn = {choice.name: drawn_arm(choice, draw(self._plan.seed, request.request_id, choice.name)) for choice in self._draws}
        values: dict[tuple[str, str], float] = {}
        for call in calls:
            if call.outcome == "ok":
                for port, enough in self._deciders.get(call.task, ()):
                    if (value := _noted(call.note, port)) is not None:
                        values[call.task, port] = min(value, enough)
        return _Evidence(arms, drawn, values, frozenset(call.task for call in calls if call.outcome != "ok"))


def _order(program: Program) -> tuple[int, ...]:
    """The steps, each after all that decides whether it runs."""
    needs: dict[int, set[int]] = {s: set() for s in range(len(program.steps))}
    for feed in program.feeds:
        if feed.target is FeedTarget.INPUT:
            deciders = {d.producer for c, arm in feed.guards for d in _deciding(program, c) if _awaited(program, c, arm, d)}
            needs[feed.owner] |= ({feed.producer} | deciders) - {ROOT}
    return tuple(TopologicalSorter(needs).static_order())


def _deciding(program: Program, c: int) -> list[Feed]:
    """The flags or counts of a choice."""
    return [feed for feed in program.feeds if feed.target in (FeedTarget.WHEN, FeedTarget.COUNT) and feed.owner == c]


def _awaited(program: Program, c: int, arm: int, decider: Feed) -> bool:
    """An arm of a fallback waits only for the counts of those before it."""
    return isinstance(program.choices[c].choice, PlanExclusiveChoice) or decider.slot < arm


def _deciders(plan: Plan) -> Iterable[tuple[str, list[tuple[str, float]]]]:
    """Task → its ports that decide choices, each with the value beyond which more changes nothing."""
    ports: dict[str, list[tuple[str, float]]] = {}
    for choice in plan.choices:
        sources = choice.flags if isinstance(choice, PlanExclusiveChoice) else choice.until.counts
        enough = 1.0 if isinstance(choice, PlanExclusiveChoice) else choice.until.at_least
        for source in sources:
            ports.setdefault(source.task, []).append((source.port, enough))
    return ports.items()


def _noted(notes: Sequence[str], port: str) -> float | None:
    for note in notes:
        name, _, value = note.partition("=")
        if name == port and value.isdecimal():
            return float(value)
    return None


@dataclass
class _Case:
    """One class with one evidence. runs: step → whether it is demanded, in the order of execution."""

    program: Program
    evidence: _Evidence
    runs: dict[int, Known] = field(default_factory=dict)
    contradicted: bool = False

    def demand(self, order: Iterable[int]) -> Demand:
        program = self.program
        inputs: dict[int, list[Feed]] = {s: [] for s in range(len(program.steps))}
        for feed in program.feeds:
            if feed.target is FeedTarget.INPUT:
                inputs[feed.owner].append(feed)
        for s in order:
            self.runs[s] = self._runs(s, inputs[s])
        tasks = [step.step.task for step in program.steps]
        before = tuple(
            (tasks[feed.producer], tasks[s])
            for s, feeds in inputs.items()
            for feed in feeds
            if feed.producer != ROOT and self.runs[s] and self._live(feed)
        )
        if program.response:
            parts = [feed for feed in program.feeds if feed.target is FeedTarget.RESPONSE and feed.producer != ROOT]
            response = [tasks[feed.producer] for feed in parts if self._live(feed)]
        else:
            response = [tasks[s] for s, step in enumerate(program.steps) if self.runs[s] and not step.after]
        led = _leading(before, response)
        for c in range(len(program.choices)):
            self._compare(c, led)
        return Demand({tasks[s]: runs for s, runs in self.runs.items()}, before, tuple(response), not self.contradicted)

    def _runs(self, s: int, feeds: Sequence[Feed]) -> Known:
        slots = self.program.steps[s].slots
        live: list[list[Known]] = [[] for _ in slots]
        for feed in feeds:
            live[feed.slot].append(self._live(feed))
        fed = [_any(states) for states in live]
        if _any(fed) is False or any(has is False and slot.required for has, slot in zip(fed, slots, strict=True)):
            return False
        return None if any(None in states for states in live) else True

    def _live(self, feed: Feed) -> Known:
        came: Known = True
        if feed.producer != ROOT:
            came = self.runs[feed.producer]
            if came and self.program.steps[feed.producer].step.task in self.evidence.failed:
                came = None
        return _all([came, *(self._holds(c, arm) for c, arm in feed.guards)])

    def _holds(self, c: int, arm: int) -> Known:
        """Whether a guard holds: of a fallback for every arm that was tried."""
        choice = self.program.choices[c].choice
        if isinstance(choice, PlanExclusiveChoice):
            chosen = self.evidence.drawn.get(choice.name, self._flagged(c))
            chosen = self.evidence.arms.get(choice.name) if chosen is None else chosen
            return None if chosen is None else chosen == arm
        counted = self._tried(c, arm)
        recorded = self.evidence.arms.get(choice.name)
        return counted if counted is not None else None if recorded is None else arm <= recorded

    def _flagged(self, c: int) -> int | None:
        """The arm that the recorded flags lead to; None: a flag is not recorded."""
        choice = self.program.choices[c].choice
        assert isinstance(choice, PlanExclusiveChoice)
        for arm in range(len(choice.arms)):
            if choice.arms[arm].when is not None and self.program.choices[c].fed[arm]:
                flag = self._value(c, arm)
                if flag is None:
                    return None
                if flag:
                    return arm
        return next((arm for arm, entry in enumerate(choice.arms) if entry.when is None), None)

    def _tried(self, c: int, arm: int) -> Known:
        """Whether the counts of the arms before it ask for this arm; None: a count is not recorded."""
        choice = self.program.choices[c].choice
        assert not isinstance(choice, PlanExclusiveChoice)
        total = 0.0
        for earlier in range(arm):
            count = self._value(c, earlier) if self.program.choices[c].fed[earlier] else 0.0
            if count is None:
                return None
            total += count
            if total >= choice.until.at_least:
                return False
        return True

    def _value(self, c: int, arm: int) -> float | None:
        """Of the flag or count that decides the arm; 0 where it cannot come."""
        for feed in _deciding(self.program, c):
            if feed.slot == arm:
                live = self._live(feed)
                if not live:
                    return None if live is None else 0.0
                task = "" if feed.producer == ROOT else self.program.steps[feed.producer].step.task
                return self.evidence.values.get((task, feed.port))
        return 0.0

    def _compare(self, c: int, led: Container[str]) -> None:
        """The recorded arm with the one that the records lead to. led: the tasks on the way to the response. A fallback may go on after the
        response has been sent; no arm is recorded of a choice that no request on the way to the response has met."""
        choice = self.program.choices[c].choice
        recorded = self.evidence.arms.get(choice.name)
        if recorded is None:
            feeds = [self.program.feeds[f] for f in self.program.choices[c].entered]
            self.contradicted |= any(self._live(feed) and self._on_the_way(feed, led) for feed in feeds)
        elif isinstance(choice, PlanExclusiveChoice):
            found = self.evidence.drawn.get(choice.name, self._flagged(c))
            self.contradicted |= found is not None and found != recorded
        else:
            self.contradicted |= self._tried(c, recorded) is False

    def _on_the_way(self, feed: Feed, led: Container[str]) -> bool:
        return feed.target is FeedTarget.RESPONSE or (
            feed.target is FeedTarget.INPUT and self.program.steps[feed.owner].step.task in led and bool(self.runs[feed.owner])
        )


def _leading(before: Sequence[tuple[str, str]], response: Sequence[str]) -> frozenset[str]:
    """The tasks that the response holds the output of, and all before them."""
    takes: dict[str, list[str]] = {}
    for task, taker in before:
        takes.setdefault(taker, []).append(task)
    led, pending = set[str](), list(response)
    while pending:
        task = pending.pop()
        if task not in led:
            led.add(task)
            pending += takes.get(task, ())
    return frozenset(led)


def _all(states: Iterable[Known]) -> Known:
    states = tuple(states)
    return False if False in states else None if None in states else True


def _any(states: Iterable[Known]) -> Known:
    states = tuple(states)
    return True if True in states else None if None in states else False
