"""Runs one request through a plan: what runs when is defined in aibenchrt.plan and aibenchc.graph. Pure but for the clock it is given.

A step starts as soon as what it takes is known: each input has its value, or cannot get one. It is skipped when a required input
cannot get one, or no input has one. The answer is complete when every part of the response has come, or, where it has no part, when
every step before it is done; steps of phase `after` start when the caller has sent it (Running.release).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aibenchrt.component import ANY
from aibenchrt.plan import Plan, PlanExclusiveChoice, PlanFallback, Step
from aibenchrt.planner.operations import MappingOperations, Operations, Origin
from aibenchrt.planner.program import ROOT, Feed, FeedTarget, Program, Slot, check_plan, compile_programs

Call = Callable[[Step, dict[str, Any]], Awaitable[dict[str, Any]]]
Clock = Callable[[], int]

CANCELLED = "cancelled: the request had failed"  # the error of a call that was ended because another one had failed


@dataclass(frozen=True)
class Request:
    """values: the class's port name → value."""

    request_id: int
    request_class: str
    values: dict[str, Any]


@dataclass(frozen=True)
class CallTimes:
    """One call as the executor saw it. inputs and outputs as passed; outputs empty where it failed. Times in ns of the executor's clock."""

    step: Step
    ready_ns: int
    start_ns: int
    end_ns: int
    waited_for: str
    after: bool
    outputs: dict[str, Any]
    error: str


@dataclass(frozen=True)
class Answer:
    """response: port → value, empty where error says why. arms: 'choice=arm' of every choice that was entered and decided."""

    response: dict[str, Any]
    arms: tuple[str, ...]
    error: str
    first_call_ns: int


def draw(seed: int, request_id: int, choice: str) -> float:
    """A uniform number in [0, 1): a pure function of its arguments, so that a run can be repeated on any number of planners."""
    digest = hashlib.blake2b(f"{seed}:{request_id}:{choice}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def drawn_arm(choice: PlanExclusiveChoice, number: float) -> int:
    """The arm that a uniform number falls into; shares are taken relative to their sum."""
    rest = number * sum(arm.share for arm in choice.arms)
    for index, arm in enumerate(choice.arms):
        rest -= arm.share
        if rest < 0:
            return index
    return len(choice.arms) - 1


class Executor:
    """A checked plan; `run` and `start` may be called concurrently. Raises EnvironmentFailure AIB613 for a plan that cannot be executed."""

    def __init__(
        self,
        plan: Plan,
        call: Call | None = None,
        operations: Operations | None = None,
        clock: Clock = time.monotonic_ns,
        observe: Callable[[CallTimes], None] | None = None,
    ) -> None:
        check_plan(plan)
        self.plan = plan
        self.programs = compile_programs(plan)
        self.call = call
        self.operations = operations or MappingOperations()
        self.clock = clock
        self.observe = observe

    def start(self, request: Request, call: Call | None = None, observe: Callable[[CallTimes], None] | None = None) -> Running:
        """Begins a request inside a running event loop; `call` and `observe`, if given, replace the executor's own.

        Raises KeyError for an unknown request class.
        """
        used = call or self.call
        if used is None:
            raise ValueError("the executor needs a call function, its own or the request's")
        return Running(self, self.programs[request.request_class], request, used, observe or self.observe)

    async def run(self, request: Request) -> Answer:
        """Runs the whole request, including the steps after the response."""
        running = self.start(request)
        answer = await running.answer
        running.release()
        await running.finished()
        return answer


class Running:
    """One running request. `answer` is resolved once, also on failure; nothing here is shared between requests."""

    def __init__(
        self, executor: Executor, program: Program, request: Request, call: Call, observe: Callable[[CallTimes], None] | None
    ) -> None:
        self._executor, self._program, self._request, self._call, self._observe = executor, program, request, call, observe
        self._clock = executor.clock
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._outputs: list[dict[str, Any] | None] = [None] * (len(program.steps) + 1)  # by producer + 1
        began = self._clock()
        self._calls = [("", began, began)] * (len(program.steps) + 1)  # by producer + 1: the task that it waited for, its begin and its end
        self._resolved = [False] * len(program.feeds)
        self._values: list[list[dict[int, Any]]] = [[{} for _ in p.slots] for p in program.steps]
        self._open = [[slot.width for slot in p.slots] for p in program.steps]
        self._missing = [len(p.slots) for p in program.steps]
        self._settled = [False] * len(program.steps)
        self._arms: list[list[bool | None]] = [[None] * len(c.choice.arms) for c in program.choices]
        self._decided_by: list[list[Any]] = [[None] * len(c.choice.arms) for c in program.choices]
        self._response: dict[str, Any] = {}
        self._response_open = [slot.width for slot in program.response]
        self._parts = len(program.response)
        self._left = sum(not step.after for step in program.steps)  # before the response, not yet done or skipped
        self._tasks: set[asyncio.Task[None]] = set()
        self._gated: list[tuple[int, str]] = []
        self._skipped: list[int] = []
        self._released = False
        self._failed = False
        self._first_call_ns = 0
        self._cause = ""
        self._ended_by = CANCELLED
        self._begin()

    def release(self) -> None:
        """Called when the response has been sent: steps after it may start. A failed request has none."""
        self._released = True
        gated, self._gated = self._gated, []
        if not self._failed:
            for step, cause in gated:
                self._launch(step, cause)

    async def finished(self) -> None:
        """Returns when no call of this request is running any more. Call release() first."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self, reason: str) -> None:
        """Called when the client has gone or the deadline has passed: ends the running calls, which count as failed."""
        self._ended_by = f"cancelled: {reason}"
        self._fail(reason)

    # -- from the request to the answer

    def _begin(self) -> None:
        for c in range(len(self._program.choices)):
            self._decide(c)
        for s, program in enumerate(self._program.steps):
            for i, slot in enumerate(program.slots):
                if slot.width == 0:
                    self._close(s, i, slot)
        for slot in self._program.response:
            if slot.width == 0:
                self._close_part(slot)
        self._produced(ROOT, self._request.values)

    def _produced(self, producer: int, outputs: dict[str, Any]) -> None:
        self._outputs[producer + 1] = outputs
        for f in self._program.feeds_of[producer + 1]:
            feed = self._program.feeds[f]
            if not self._resolved[f] and all(self._arms[c][arm] for c, arm in feed.guards):
                self._live(f, feed)
        self._sweep()

    def _sweep(self) -> None:
        """Skips the steps that only skipped steps would have fed. Uses a worklist, since a plan may be thousands of steps deep."""
        while self._skipped:
            step = self._skipped.pop()
            for f in self._program.feeds_of[step + 1]:
                if not self._resolved[f]:
                    self._dead(f, self._program.feeds[f])
        if not self._program.response and self._left == 0:
            self._reply()

    def _live(self, f: int, feed: Feed) -> None:
        self._resolved[f] = True
        outputs = self._outputs[feed.producer + 1]
        assert outputs is not None
        if feed.port not in outputs:
            producer = self._program.steps[feed.producer].step.task if feed.producer != ROOT else self._request.request_class
            return self._fail(f"{producer} returned no '{feed.port}'")
        value = outputs[feed.port]
        if feed.target is FeedTarget.INPUT:
            if self._program.steps[feed.owner].slots[feed.slot].type == ANY:
                value = self._as_any(feed, value)
            self._fill(feed, value)
        elif feed.target is FeedTarget.RESPONSE:
            self._fill_part(feed, value)
        else:
            self._decided_by[feed.owner][feed.slot] = self._executor.operations.field(value, "value")
            self._decide(feed.owner)
        return None

    def _as_any(self, feed: Feed, value: Any) -> Any:
        """The value as an Any, with the call that it comes from; an Any that the request carries is passed on as it is."""
        if feed.producer == ROOT:
            task, ports = self._request.request_class, self._program.request.ports
        else:
            step = self._program.steps[feed.producer].step
            task, ports = step.task, step.outputs
        (port_type,) = (port.type for port in ports if port.name == feed.port)
        if port_type == ANY:
            return value
        parent, start_ns, end_ns = self._calls[feed.producer + 1]
        origin = Origin(self._request.request_id, task, parent, feed.port, port_type, start_ns, end_ns)
        return self._executor.operations.any_value(origin, value)

    def _dead(self, f: int, feed: Feed) -> None:
        self._resolved[f] = True
        if feed.target is FeedTarget.INPUT:
            self._open[feed.owner][feed.slot] -= 1
            if self._open[feed.owner][feed.slot] == 0:
                self._close(feed.owner, feed.slot, self._program.steps[feed.owner].slots[feed.slot])
        elif feed.target is FeedTarget.RESPONSE:
            self._response_open[feed.owner] -= 1
            if self._response_open[feed.owner] == 0:
                self._close_part(self._program.response[feed.owner])
        else:
            self._decided_by[feed.owner][feed.slot] = 0
            self._decide(feed.owner)

    # -- steps

    def _fill(self, feed: Feed, value: Any) -> None:
        slot = self._program.steps[feed.owner].slots[feed.slot]
        values = self._values[feed.owner][feed.slot]
        if values and not slot.gathers:
            return self._fail(f"{self._program.steps[feed.owner].step.task}.{slot.name} was fed twice")
        values[feed.position] = value
        self._open[feed.owner][feed.slot] -= 1
        if not slot.gathers or self._open[feed.owner][feed.slot] == 0:
            self._complete(feed.owner)
        return None

    def _close(self, step: int, i: int, slot: Slot) -> None:
        """No source of this input is left to wait for."""
        if self._values[step][i]:
            if slot.gathers:
                self._complete(step)
        elif slot.required:
            self._skip(step)
        else:
            self._complete(step)

    def _complete(self, step: int) -> None:
        self._missing[step] -= 1
        if self._missing[step] or self._settled[step]:
            return None
        if not any(self._values[step]):
            return self._skip(step)
        self._settled[step] = True
        if self._failed:
            return None
        if self._program.steps[step].after and not self._released:
            self._gated.append((step, self._cause))
        else:
            self._launch(step, self._cause)
        return None

    def _skip(self, step: int) -> None:
        if not self._settled[step]:
            self._settled[step] = True
            self._left -= not self._program.steps[step].after
            self._skipped.append(step)

    def _inputs(self, step: int) -> dict[str, Any]:
        inputs = {}
        for slot, values in zip(self._program.steps[step].slots, self._values[step], strict=True):
            if not values:
                continue
            if not slot.gathers:
                (inputs[slot.name],) = values.values()
            else:
                ordered = [values[position] for position in sorted(values)]
                if slot.many:
                    inputs[slot.name] = ordered
                else:
                    inputs[slot.name] = ordered[0] if len(ordered) == 1 else self._executor.operations.concat(slot.type, ordered)
        return inputs

    def _launch(self, step: int, cause: str) -> None:
        task = asyncio.get_running_loop().create_task(self._work(step, cause, self._clock()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, index: int, cause: str, ready_ns: int) -> None:
        program = self._program.steps[index]
        inputs = self._inputs(index)
        after = program.after or self.answer.done()
        start_ns = self._clock()
        self._first_call_ns = self._first_call_ns or start_ns
        outputs, error = {}, ""
        try:
            outputs = await self._call(program.step, inputs)
        except asyncio.CancelledError:
            error = self._ended_by
        except Exception as failure:  # noqa: BLE001 - whatever a call raises fails its request, with the reason in the record
            error = f"{type(failure).__name__}: {failure}"
        end_ns = self._clock()
        if self._observe:
            self._observe(CallTimes(program.step, ready_ns, start_ns, end_ns, cause, after, outputs, error))
        if error:
            self._fail(f"{program.step.task}: {error}")
        elif not self._failed:
            self._cause = program.step.task
            self._calls[index + 1] = (cause, start_ns, end_ns)
            self._left -= not program.after
            try:
                self._produced(index, outputs)
            except Exception as bug:
                self._fail(f"planner, after {program.step.task}: {type(bug).__name__}: {bug}")
                raise

    # -- choices

    def _decide(self, c: int) -> None:
        choice = self._program.choices[c].choice
        match choice:
            case PlanExclusiveChoice():
                self._decide_exclusive(c, choice)
            case PlanFallback():
                self._decide_fallback(c, choice)

    def _decide_exclusive(self, c: int, choice: PlanExclusiveChoice) -> None:
        if self._arms[c][0] is not None:
            return
        if not choice.flags:
            chosen = drawn_arm(choice, draw(self._executor.plan.seed, self._request.request_id, choice.name))
        else:
            chosen = next(k for k, arm in enumerate(choice.arms) if arm.when is None)
            for k, arm in enumerate(choice.arms):
                if arm.when is None or not self._program.choices[c].fed[k]:
                    continue
                if self._decided_by[c][k] is None:
                    return
                if self._decided_by[c][k]:
                    chosen = k
                    break
        for k in range(len(choice.arms)):
            self._guard(c, k, k == chosen)

    def _decide_fallback(self, c: int, choice: PlanFallback) -> None:
        reached, total = True, 0.0
        for k in range(len(choice.arms)):
            if self._arms[c][k] is None:
                self._guard(c, k, reached and total < choice.until.at_least if k else True)
            if not self._arms[c][k]:
                reached = False
                continue
            counted = self._decided_by[c][k] if self._program.choices[c].fed[k] else 0
            if counted is None:
                return
            total += counted

    def _guard(self, c: int, arm: int, holds: bool) -> None:
        self._arms[c][arm] = holds
        for f in self._program.guarded.get((c, arm), ()):
            feed = self._program.feeds[f]
            if self._resolved[f]:
                continue
            if not holds:
                self._dead(f, feed)
            elif self._outputs[feed.producer + 1] is not None and all(self._arms[g][a] for g, a in feed.guards):
                self._live(f, feed)

    # -- the answer

    def _fill_part(self, feed: Feed, value: Any) -> None:
        slot = self._program.response[feed.owner]
        if slot.name in self._response:
            return self._fail(f"response.{slot.name} was reached twice")
        self._response[slot.name] = value
        self._parts -= 1
        return self._reply()

    def _close_part(self, slot: Slot) -> None:
        if slot.name in self._response:
            return
        if slot.required:
            self._fail(f"nothing reached response.{slot.name}")
        else:
            self._parts -= 1
            self._reply()

    def _reply(self) -> None:
        if self._parts == 0 and not self.answer.done():
            self.answer.set_result(Answer(dict(self._response), self._arms_taken(), "", self._first_call_ns))

    def _arms_taken(self) -> tuple[str, ...]:
        taken = []
        for c, program in enumerate(self._program.choices):
            held = [k for k, holds in enumerate(self._arms[c]) if holds]
            if held and any(self._enters(c, self._program.feeds[f]) for f in program.entered):
                taken.append(f"{program.choice.name}={held[-1]}")
        return tuple(taken)

    def _enters(self, c: int, feed: Feed) -> bool:
        return self._outputs[feed.producer + 1] is not None and all(self._arms[g][arm] for g, arm in feed.guards if g != c)

    def _fail(self, error: str) -> None:
        """The request fails with its first failed call; after the answer only the steps that depend on the failed call are left out."""
        if self.answer.done():
            return
        self._failed = True
        self.answer.set_result(Answer({}, self._arms_taken(), error, self._first_call_ns))
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
