"""The parts of the tests' plan without AI tasks as processes that a test starts, kills and starts again one by one."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from aibenchrt.collect.records import CallRecord
from aibenchrt.control.assets import prepare
from aibenchrt.control.local.process import Child, Processes
from aibenchrt.control.options import RunOptions
from aibenchrt.plan import Plan
from aibenchrt.planner.recorder import read_calls
from aibenchrt.wire.proto import Stubs, load_stubs
from aibenchrt.wire.tls import Access, Sockets, identity_of, open_channel
from grpc_health.v1 import health_pb2, health_pb2_grpc
from local_plan import local_plan
from observed_run import wait_until
from shop_plan import free_ports, generate

THINK_S = 0.03  # without it the users would take a core while processes start and end
SERVING = health_pb2.HealthCheckResponse.SERVING


def replicated(counts: Mapping[str, int]) -> Plan:
    """local_plan with that many replicas of some tasks, all on free ports of this machine."""
    plan = local_plan(free_ports(5))
    more = iter(free_ports(sum(counts.values())) if counts else ())
    services = [
        s.model_copy(update={"endpoints": tuple(f"127.0.0.1:{next(more)}" for _ in range(counts[s.name]))}) if s.name in counts else s
        for s in plan.services
    ]
    return plan.model_copy(update={"services": tuple(services)})


def health(endpoint: str, access: Access, role: str) -> int:
    """The status that the health service gives, -1 where none answers."""
    with open_channel(endpoint, access, role) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            return int(stub.Check(health_pb2.HealthCheckRequest(), timeout=30).status)
        except grpc.RpcError:
            return -1


@dataclass
class Parts:
    """tls: role → its folder of certificates; sockets: folder of Unix sockets. With neither, ports in plain text."""

    plan: Plan
    folder: Path
    processes: Processes
    tls: Mapping[str, Path] = field(default_factory=dict)
    sockets: Path | None = None
    running: dict[tuple[str, int], Child] = field(default_factory=dict)

    @property
    def generated(self) -> Path:
        return self.folder / "generated"

    def stubs(self) -> Stubs:
        return load_stubs(self.generated)

    def endpoint(self, task: str, replica: int = 0) -> str:
        return next(s.endpoints[replica] for s in self.plan.services if s.name == task)

    def access(self, role: str) -> Access:
        return Sockets(self.sockets) if self.sockets else identity_of(self.tls.get(role))

    def start(self, task: str, replica: int = 0, ready: bool = True) -> Child:
        module, role = ("aibenchrt.planner", "planner") if task == "planner" else ("aibenchrt.serve.service_host", "service")
        command = [sys.executable, "-m", module, "--generated", str(self.generated), "--address", self.endpoint(task, replica)]
        if task == "planner":
            command += ["--records", str(self.folder / f"calls-{replica}.jsonl")]
        else:
            command += ["--task", task, "--prepared", str(self.folder / "prepared"), "--state", str(self.folder / "state")]
        if role in self.tls:
            command += ["--tls", str(self.tls[role])]
        if self.sockets:
            command += ["--sockets", str(self.sockets)]
        child = self.processes.start(f"{task}-{replica}", role, command, replica=replica)  # type: ignore[arg-type]
        self.running[task, replica] = child
        if ready:
            self.wait_ready(task, replica)
        return child

    def start_all(self) -> None:
        """The services, then the planners; ready."""
        places = [(s.name, replica) for s in self.plan.services for replica in range(len(s.endpoints))]
        for task, replica in places:
            self.start(task, replica, ready=False)
        for task, replica in places:
            self.wait_ready(task, replica)

    def wait_ready(self, task: str, replica: int = 0) -> None:
        role = "planner" if task == "planner" else "service"
        endpoint, access = self.endpoint(task, replica), self.access("generator" if role == "planner" else "planner")
        self.processes.wait_ready(self.running[task, replica], lambda: health(endpoint, access, role) == SERVING, 120)

    def kill(self, task: str, replica: int = 0) -> None:
        child = self.running.pop((task, replica))
        child.asked = True
        child.process.kill()
        child.process.wait(120)

    def stop(self, task: str, replica: int = 0) -> int:
        """SIGTERM; the exit code."""
        child = self.running.pop((task, replica))
        child.asked = True
        child.process.send_signal(signal.SIGTERM)
        return child.process.wait(120)

    def calls(self, replica: int = 0) -> list[CallRecord]:
        """The calls that the planner has recorded so far; all of them once it has been stopped."""
        return list(read_calls(self.folder / f"calls-{replica}.jsonl"))

    def wait_served(self, task: str) -> None:
        """Waits until the planner has recorded a call to every replica of the task that began after now. Needs a running load."""
        since_ns = time.monotonic_ns()
        endpoints = set(next(s.endpoints for s in self.plan.services if s.name == task))
        wait_until(
            lambda: (
                endpoints
                <= {call.endpoint for call in self.calls() if call.task == task and call.outcome == "ok" and call.start_ns > since_ns}
            )
        )

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        with open_channel(self.endpoint("planner"), self.access("generator"), "planner") as channel:
            yield Client(self.stubs(), channel)


class Client:
    """Asks the planner; `asked` requests so far."""

    def __init__(self, stubs: Stubs, channel: grpc.Channel) -> None:
        self._message = stubs.message("ScenarioRequest")
        self._ask: Any = channel.unary_unary(
            f"/{stubs.package}.ScenarioService/Ask",
            request_serializer=self._message.SerializeToString,
            response_deserializer=stubs.message("ScenarioReply").FromString,
        )
        self._ids = itertools.count(1)

    def ask(self, timeout_s: float = 120.0) -> tuple[str, float]:
        """('' or the error, seconds that it took). Every request is another query of another user."""
        number = next(self._ids)
        message = self._message(request_id=number, request_class="text")
        message.text.text.text = f"cheap films of the {number}s"
        message.text.user.user_id = 1 + number % 50
        began = time.monotonic()
        try:
            self._ask(message, timeout=timeout_s)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}", time.monotonic() - began
        return "", time.monotonic() - began

    @contextlib.contextmanager
    def load(self, users: int) -> Iterator[Load]:
        """A number of users who send requests, each THINK_S after the last answer, until the block is left."""
        stop = threading.Event()
        load = Load()

        def user() -> None:
            while not stop.wait(THINK_S):
                said, took = self.ask()
                load.add(said, took)

        with ThreadPoolExecutor(users) as pool:
            users_at_work: list[Future[None]] = [pool.submit(user) for _ in range(users)]
            try:
                yield load
            finally:
                stop.set()
        for future in users_at_work:
            future.result()


class Load:
    """The results that the users of a load have got so far."""

    def __init__(self) -> None:
        self._done = threading.Condition()
        self.answers: list[tuple[str, float]] = []

    def add(self, said: str, took: float) -> None:
        with self._done:
            self.answers.append((said, took))
            self._done.notify_all()

    @property
    def failed(self) -> list[str]:
        return [said for said, _ in self.answers if said]

    def wait_for(self, more: int, timeout_s: float = 120.0) -> None:
        """Waits until that many more requests have ended."""
        with self._done:
            goal = len(self.answers) + more
            assert self._done.wait_for(lambda: len(self.answers) >= goal, timeout_s), f"{goal - len(self.answers)} requests are missing"


@contextlib.contextmanager
def parts(folder: Path, counts: Mapping[str, int], tls: Mapping[str, Path] | None = None) -> Iterator[Parts]:
    """Nothing runs at first; everything that is started ends with the block."""
    plan = replicated(counts)
    generate(plan, folder / "generated")
    prepare(plan, RunOptions(variant="synthetic"), folder / "prepared")
    logs = folder / "logs"
    logs.mkdir()
    with Processes(logs) as processes:
        yield Parts(plan, folder, processes, tls or {})
