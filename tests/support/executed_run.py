"""A run of any plan by the real executor, in virtual time: random service times, flags, counts and failures; nothing listens or waits.

It has what the check of consistency reads: schedule, requests, calls, and what run.json says of the load and the clocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import numpy as np
from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.records import CallRecord, RequestRecord, ScheduleRecord
from aibenchrt.collect.run_info import ClockInfo, GeneratorShard
from aibenchrt.load.pairs import apart_s
from aibenchrt.load.schedule import WHEN_FREE, schedule, shard_of
from aibenchrt.load.turns import Phases, Turns
from aibenchrt.plan import Plan, PlanUsers, Step
from aibenchrt.planner.executor import CANCELLED, CallTimes, Executor, Request
from aibenchrt.planner.operations import MappingOperations, note
from run_on_hosts import offset
from shop_plan import empty

S = 1_000_000_000
BEGIN_S = 100.0  # virtual time 0 of the schedule
_FAILED = "the service is away"


class _Jumping(selectors.DefaultSelector):
    """Waits by setting the clock forward."""

    now = BEGIN_S - 1.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


class _VirtualTime(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now


@dataclass
class Execution:
    """failing: share of calls that fail."""

    plan: Plan
    rng: np.random.Generator
    failing: float = 0.0
    requests: list[RequestRecord] = field(default_factory=list)
    calls: list[CallRecord] = field(default_factory=list)
    ticks: Iterator[int] = field(default_factory=count)

    def now_ns(self) -> int:
        """Of the loop's clock, and never the same twice."""
        return int(asyncio.get_running_loop().time() * S) + next(self.ticks)

    async def ask(self, executor: Executor, row: ScheduleRecord, intended_ns: int) -> RequestRecord:
        """One request from its sending to its record; returns when everything after the response has ended, too."""
        sent_ns = self.now_ns()
        await asyncio.sleep(self.rng.exponential(0.0003))
        received_ns = self.now_ns()
        own = next(request for request in self.plan.requests if request.name == row.request_class)
        values = {port.name: empty(port.type) for port in own.ports}
        running = executor.start(Request(row.request_id, row.request_class, values), self._call, lambda t: self._observe(row.request_id, t))
        answer = await running.answer
        planner_ns = self.now_ns() - received_ns
        queue_ns = max(0, answer.first_call_ns - received_ns) if answer.first_call_ns else 0
        running.release()
        await asyncio.sleep(self.rng.exponential(0.0003))
        done_ns = self.now_ns()
        ok = not answer.error
        record = RequestRecord(
            row.request_id, row.request_class, row.phase, row.payload, intended_ns, sent_ns, done_ns, "ok" if ok else "failed",
            answer.error, (), answer.arms if ok else (), "", planner_ns if ok else 0, queue_ns if ok else 0,
        )  # fmt: skip
        self.requests.append(record)
        self.following.append(asyncio.create_task(running.finished()))
        return record

    following: list[asyncio.Task[None]] = field(default_factory=list)

    async def _call(self, step: Step, _inputs: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.rng.exponential(0.004))
        if self.rng.random() < self.failing:
            raise RuntimeError(_FAILED)
        return {port.name: self._value(port.type) for port in step.outputs}

    def _value(self, kind: str) -> dict[str, Any]:
        if kind == "Flag":
            return {"value": bool(self.rng.random() < 0.3)}
        return {"value": int(self.rng.integers(40))} if kind == "Count" else empty(kind)

    def _observe(self, request_id: int, t: CallTimes) -> None:
        types = {port.name: port.type for port in t.step.outputs}
        notes = [note(MappingOperations(), port, types[port], value) for port, value in t.outputs.items()]
        outcome = "cancelled" if t.error == CANCELLED else "failed" if t.error else "ok"
        service_ns = 0 if t.error else (t.end_ns - t.start_ns) // 2
        self.calls.append(
            CallRecord(
                request_id, t.step.task, t.step.kind, "127.0.0.1:1", t.ready_ns, t.start_ns, t.end_ns, 0, service_ns, outcome, t.error,
                t.waited_for, t.after, (), tuple(text for text in notes if text),
            )
        )  # fmt: skip

    async def open_loop(self, executor: Executor, rows: Iterable[ScheduleRecord]) -> None:
        loop, asked = asyncio.get_running_loop(), []
        for row in rows:
            due_s = BEGIN_S + row.offset_s + (self.plan.load.warmup_s if row.phase == "measured" else 0.0)
            intended_ns = int(BEGIN_S * S) + int(row.offset_s * S) + (int(self.plan.load.warmup_s * S) if row.phase == "measured" else 0)
            await asyncio.sleep(max(0.0, due_s + self.rng.exponential(1e-4) - loop.time()))
            asked.append(asyncio.create_task(self.ask(executor, row, intended_ns)))
        await asyncio.gather(*asked)

    async def closed_loop(self, executor: Executor, rows: Sequence[ScheduleRecord], load: PlanUsers) -> None:
        loop, asked, ended = asyncio.get_running_loop(), set[asyncio.Task[RequestRecord]](), asyncio.Event()
        begin_ns = int(BEGIN_S * S)
        warm_ns = begin_ns + int(load.warmup_s * S)
        phases = Phases(begin_ns, warm_ns, warm_ns + int(load.duration_s * S))
        turns = Turns(rows, phases, load.think_s, apart_s(self.plan.requests), WHEN_FREE)

        def answered(task: asyncio.Task[RequestRecord]) -> None:
            asked.remove(task)
            turns.ended(task.result().request_id, task.result().done_ns)
            ended.set()

        while asked or turns.next_ns is not None:
            ended.clear()
            due_ns = turns.next_ns
            if due_ns is None:
                await ended.wait()
            elif due_ns >= phases.end:
                await asyncio.gather(*asked)
                return
            elif due_ns / S + 1e-6 > loop.time():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), due_ns / S + 1e-6 - loop.time())
            elif (turn := turns.take()) is not None:
                row, at_ns = turn
                task = asyncio.create_task(self.ask(executor, replace(row, phase="warmup" if at_ns < warm_ns else "measured"), at_ns))
                asked.add(task)
                task.add_done_callback(answered)

    async def everything(self, rows: Sequence[ScheduleRecord], shards: int) -> None:
        executor, load = Executor(self.plan, clock=self.now_ns), self.plan.load
        if isinstance(load, PlanUsers):
            paired = apart_s(self.plan.requests)
            await asyncio.gather(*(self.closed_loop(executor, shard_of(rows, shard, shards, paired), load) for shard in range(shards)))
        else:
            await self.open_loop(executor, rows)
        await asyncio.gather(*self.following)


def executed(
    template: Run, plan: Plan, seed: int, failing: float = 0.0, trace: tuple[float, ...] = (), shards: int = 1, payloads: int = 500
) -> Run:
    """template: any run, whose run.json is made to fit. shards: generators that share the schedule, each with users of its own. payloads:
    of each class."""
    rows = schedule(plan.load, plan.requests, {request.name: payloads for request in plan.requests}, seed, trace)
    execution = Execution(plan, np.random.default_rng(seed), failing)
    _in_virtual_time(execution.everything(rows, shards))
    load = plan.load
    begin = int((BEGIN_S + load.warmup_s) * S)
    said = {
        "arrival": load.arrival, "rate": None if isinstance(load, PlanUsers) else load.mean_rate, "duration_s": load.duration_s,
        "warmup_s": load.warmup_s, "seed": load.seed, "shares": {request.name: request.share for request in plan.requests},
        "window_start_ns": begin, "window_end_ns": begin + int(load.duration_s * S),
    }  # fmt: skip
    measured = sum(request.phase == "measured" for request in execution.requests)
    assert template.info.generator is not None
    changed = {
        "load": template.info.load.model_copy(update=said),
        "generator": template.info.generator.model_copy(update={"scheduled": measured, "sent": measured}),
        "supplements": (),
    }
    return Run(
        template.directory, template.info.model_copy(update=changed), plan, tuple(rows), tuple(execution.requests), tuple(execution.calls),
        (), (), (), {},
    )  # fmt: skip


def by_several_generators(run: Run, shards: int, error_ns: int, rng: np.random.Generator) -> Run:
    """The same run, sent by several generators whose clocks, and that of the planner, are known up to error_ns."""
    clock = ClockInfo(planner="10.0.0.1:21000", before=offset(0, error_ns), after=offset(0, error_ns))
    infos = tuple(GeneratorShard(host=f"h{n}", shard=n, shards=shards, figures=run.info.generator, clocks=(clock,)) for n in range(shards))
    wrong = [0, *(int(ns) for ns in rng.integers(-error_ns, error_ns, shards - 1))]
    paired = apart_s(run.plan.requests)
    shard_by_id = {row.request_id: shard for shard in range(shards) for row in shard_of(run.schedule, shard, shards, paired)}

    def moved(request: RequestRecord) -> RequestRecord:
        by = wrong[shard_by_id[request.request_id]]
        return replace(request, intended_ns=request.intended_ns + by, sent_ns=request.sent_ns + by, done_ns=request.done_ns + by)

    return replace(run, info=run.info.model_copy(update={"generators": infos}), requests=tuple(map(moved, run.requests)))


def _in_virtual_time(work: Coroutine[Any, Any, None]) -> None:
    loop = _VirtualTime()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()
