"""A scenario of specs/ for tests: compiled, run in small, and answered again in this process."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchc.cli import main
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.control.local.run import run_local
from aibenchrt.control.options import RunOptions
from aibenchrt.datasets.payload import Payload
from aibenchrt.plan import Plan
from aibenchrt.planner.executor import Answer, CallTimes, Executor, Request
from aibenchrt.planner.in_process import caller, open_chains, works
from aibenchrt.train.task import plan_models
from paths import SPECS
from ports import port_range
from seen_processes import processes_about

QUICK: Mapping[str, object] = {"variant": "synthetic", "size": "tiny"}
PORTS = 40  # more than any scenario's processes need, undistilled too


def compiled(name: str, folder: Path, *more: str) -> Path:
    assert main(["compile", str(SPECS / f"{name}.aib"), "--out", str(folder), *more]) == 0
    return folder


@dataclass(frozen=True)
class Deployed:
    run: Run
    left: tuple[str, ...]  # processes that still existed after run_local had returned


def deploy(generated: Path, **options: object) -> Deployed:
    """A run of real processes; synthetic data and tiny models, if the options do not say otherwise."""
    given = QUICK | {"ports_from": free_block(PORTS)} | options
    directory = run_local(generated, generated.parent / "runs", RunOptions(**given))  # type: ignore[arg-type]
    return Deployed(read_run(directory), tuple(map(str, processes_about(generated.parent))))


def tiny_models(plan: Plan, world: Any) -> dict[str, Path]:
    """Stage → folder of its model."""
    return {stage: version.folder for stage, version in plan_models(plan, world, size="tiny").items()}


def free_block(count: int) -> int:
    """The first of `count` neighbouring ports that nothing listens on now, of those that this process's tests may take."""
    ports = port_range()
    for first in range(ports.start + os.getpid() % (len(ports) // 2), ports.stop - count, count):
        if all(map(_is_free, range(first, first + count))):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Replayed:
    """A request answered in this process, without what comes after the response. calls: task → its call."""

    answer: Answer
    calls: Mapping[str, CallTimes]

    @property
    def shown(self) -> tuple[int, ...]:
        return tuple(self.answer.response["details"]["item_id"])


def replay(plan: Plan, world: Any, models: Mapping[str, Path], asked: Iterable[tuple[str, Payload]], state: Path) -> list[Replayed]:
    """asked: (request class, payload). The cache stays empty, so each request takes the whole path."""
    executor = Executor(plan)
    call = caller(open_chains(plan, works(plan, world, models, state)))

    async def replayed(number: int, request_class: str, payload: Payload) -> Replayed:
        calls: dict[str, CallTimes] = {}
        request = Request(number, request_class, dict(payload.values))
        answer = await executor.start(request, call, lambda times: calls.update({times.step.task: times})).answer
        assert answer.error == ""
        return Replayed(answer, calls)

    async def each() -> list[Replayed]:
        return [await replayed(number, *what) for number, what in enumerate(asked)]

    return asyncio.run(each())
