"""The client of a task that keeps a state for each stream: all frames of a stream go to one replica while it serves.

Stream s belongs to replica s mod replicas. When that is lost, which a call shows that it cannot take (UNAVAILABLE), the stream moves to the
next one in order, begins afresh there, and stays: one that comes back keeps the streams that sent nothing meanwhile, and gets none of the
others until the planner starts anew. Several planners move a stream each for itself, to the same replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aibenchrt.catalog import component
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Step
from aibenchrt.planner.clients import CallError, Reply, ServiceClient, idempotent
from aibenchrt.wire.proto import Stubs
from aibenchrt.wire.tls import Access

MOST_MOVED = 10_000  # streams that are remembered to have moved, the latest


class Homes:
    """Which of the replicas, counted from 0, serves a stream. At least one replica."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas
        self._moved: dict[int, int] = {}

    def of(self, stream: int) -> int:
        return self._moved.get(stream, stream % self._replicas)

    def move(self, stream: int, lost: int) -> None:
        """The stream leaves this replica for the next, unless it has left it already."""
        if self.of(stream) != lost:
            return
        self._moved.pop(stream, None)
        self._moved[stream] = (lost + 1) % self._replicas
        if len(self._moved) > MOST_MOVED:
            del self._moved[next(iter(self._moved))]


def stream_port(step: Step) -> str | None:
    """The input of the step by whose stream its calls are led; None: any replica takes any call.

    EnvironmentFailure AIB715: the component that keeps the state has its moment from another stage, or is an AI component, whose calls go
    to Triton.
    """
    for stage in step.stages:
        spec = component(stage.component)
        if spec is None or all(port.name != spec.by_stream for port in spec.ports_for(stage.settings).inputs):
            continue
        if step.kind == "ai":
            raise EnvironmentFailure("AIB715", task=step.task, problem=f"component '{spec.name}' is served by Triton")
        inputs = {feed.input: feed.port for feed in stage.feeds if feed.stage is None} if stage.feeds else {spec.by_stream: spec.by_stream}
        if spec.by_stream not in inputs:
            raise EnvironmentFailure("AIB715", task=step.task, problem=f"port '{spec.by_stream}' of '{stage.name}' is fed inside the step")
        return inputs[spec.by_stream]
    return None


class StreamServiceClient:
    """A channel for each replica; port: of the task's inputs, of type Moment. A request without it goes to any replica."""

    def __init__(self, step: Step, stubs: Stubs, endpoints: Sequence[str], access: Access, port: str) -> None:
        self._port, self._repeated = port, idempotent(step)
        self._replicas = tuple(ServiceClient(step, stubs, [endpoint], access, repeated=False) for endpoint in endpoints)
        self._homes = Homes(len(endpoints))

    async def call(self, request_id: int, inputs: Mapping[str, Any], timeout_s: float | None, /) -> Reply:
        moment = inputs.get(self._port)
        stream = request_id if moment is None else int(moment.stream)
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s
        attempts = 0
        while True:
            at = self._homes.of(stream)
            left_s = None if deadline is None else max(0.0, deadline - loop.time())
            try:
                reply = await self._replicas[at].call(request_id, inputs, left_s)
            except CallError as refusal:
                attempts += refusal.attempts
                if refusal.unavailable:
                    self._homes.move(stream, at)
                if not (refusal.unavailable and self._repeated and attempts < len(self._replicas)):
                    refusal.attempts = attempts
                    raise
            else:
                return replace(reply, attempts=attempts + reply.attempts)

    async def connect(self, timeout_s: float) -> None:
        """As soon as every replica answers, or after timeout_s if one does. EnvironmentFailure AIB659: none does."""
        asked = await asyncio.gather(*(replica.connect(timeout_s) for replica in self._replicas), return_exceptions=True)
        failed = [outcome for outcome in asked if outcome is not None]
        if len(failed) == len(asked):
            raise failed[0]

    async def close(self) -> None:
        for replica in self._replicas:
            await replica.close()
