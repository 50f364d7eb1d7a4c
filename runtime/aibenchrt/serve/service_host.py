"""Serves one non-AI task: `<Task>Service.Call` from the generated stubs, and the standard gRPC health service.

python -m aibenchrt.serve.service_host --generated DIR --task NAME --address HOST:PORT [--bind HOST] --prepared DIR --state DIR
    [--workers N]
    [--tls DIR | --sockets DIR]

--prepared: one folder per stage (aibenchrt.serve.prepare.lay_out). --state: writable, shared by the tasks of a run. --tls: who it is
(aibenchrt.wire.tls); then nobody without a certificate gets an answer. --sockets: the folder of its socket, which takes the port's place.
Says `serving …` on standard output when calls are taken; SIGTERM or SIGINT tells clients to go elsewhere, and stops it when the calls under
way are done. Exit code 2: the environment.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter_ns

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from aibenchrt.catalog import component_module
from aibenchrt.command_lines import EARLIER_ATTEMPTS
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import open_plan
from aibenchrt.plan import PlanStage, Step
from aibenchrt.process_log import log_to_stderr
from aibenchrt.serve.draining import Arrivals
from aibenchrt.serve.stages import Chain, chain
from aibenchrt.shown import tell_failure
from aibenchrt.stop_signals import on_stop_signals
from aibenchrt.values import Work
from aibenchrt.wire.proto import ServerTiming, TaskCodec, load_stubs
from aibenchrt.wire.tls import ATTEMPT_KEY, SERVER_KEY, SERVER_OPTIONS, Access, access_of, listen, listening

GRACE_S = 5.0  # how long running calls may take after SIGTERM

_LOG = logging.getLogger("aibenchrt.serve.service_host")


class TaskService(grpc.GenericRpcHandler):
    """The servicer of one task. gRPC asks for a call's handler on the thread that takes calls from the network, before the pool: from
    there to the start of work the call is in the queue.
    """

    def __init__(self, codec: TaskCodec, work: Chain, address: str) -> None:
        self._codec = codec
        self._work = work
        self._who = ((SERVER_KEY, address),)
        self.arrivals = Arrivals()
        self._stages = work.stages if len(work.stages) > 1 else ()

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        arrived = perf_counter_ns()
        if call.method != self._codec.method:
            return None
        self.arrivals.note()
        earlier = next((int(value) for key, value in call.invocation_metadata if key == EARLIER_ATTEMPTS), 0)
        who = (*self._who, (ATTEMPT_KEY, str(earlier + 1))) if earlier else self._who
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(request, context, arrived, who))

    def _answer(self, request: bytes, context: grpc.ServicerContext, arrived: int, who: tuple[tuple[str, str], ...]) -> bytes:
        started = perf_counter_ns()
        context.set_trailing_metadata(who)
        remaining = context.time_remaining()
        if remaining is not None and remaining <= 0:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed in the queue")
        try:
            inputs = self._codec.decode_request(request)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the request is told to who sent it
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, describe(error))
        try:
            outputs, times = self._work.timed(inputs)
            stages = tuple(zip(self._stages, times, strict=True)) if self._stages else ()
            return self._codec.encode_reply(outputs, ServerTiming(started - arrived, perf_counter_ns() - started, stages))
        except Exception as error:  # noqa: BLE001 - a failed call is a failed request, never an empty answer
            _LOG.exception("call failed")
            context.abort(grpc.StatusCode.INTERNAL, describe(error))


def describe(error: BaseException) -> str:
    """The exception on one line, for a gRPC status. Its type is included, since the text of a KeyError is only the key."""
    return f"{type(error).__name__}: {error}"


def open_step(step: Step, prepared: Path, state: Path) -> Chain:
    """Opens the step's components. EnvironmentFailure AIB617: a stage was not prepared, or is not a service."""
    return chain(step, {stage.name: _open_stage(stage, prepared / stage.name, state) for stage in step.stages})


def _open_stage(stage: PlanStage, folder: Path, state: Path) -> Work:
    if stage.kind != "service" or not folder.is_dir():
        problem = "is no service" if stage.kind != "service" else f"has no prepared folder {folder}"
        raise EnvironmentFailure("AIB617", task=stage.name, problem=problem)
    work: Work = component_module(stage.component, "service").open_work(folder, stage.settings, state)
    return work


def start(
    address: str, codec: TaskCodec, work: Chain, workers: int, access: Access = None, bind: str | None = None
) -> tuple[grpc.Server, health.HealthServicer, Arrivals]:
    """Starts a server; returns it with its health service and its count of arrivals. bind: where it listens, if not at the host of
    `address`. EnvironmentFailure AIB602: the address cannot be bound."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="call")
    servicer = TaskService(codec, work, address)
    server = grpc.server(pool, handlers=[servicer], options=SERVER_OPTIONS)
    # Watch calls get threads of their own: each would occupy a worker of the pool for ever.
    watch = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(watch, server)
    listen(server, listening(address, bind), access)
    server.start()
    for name in ("", codec.service):
        watch.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, watch, servicer.arrivals


def serve(
    generated: Path, task: str, address: str, prepared: Path, state: Path, workers: int, access: Access = None, bind: str | None = None
) -> None:
    """Serves until SIGTERM or SIGINT. EnvironmentFailure: AIB602, AIB617, AIB620, and what the component raises."""
    stopped = threading.Event()
    on_stop_signals(stopped)
    step = _step(generated, task)
    state.mkdir(parents=True, exist_ok=True)
    codec = TaskCodec(load_stubs(generated), step)
    server, watch, arrivals = start(address, codec, open_step(step, prepared, state), workers, access, bind)
    print(f"serving {codec.service} on {address}, {workers} workers", flush=True)  # noqa: T201 - the one line for people
    stopped.wait()
    watch.enter_graceful_shutdown()
    arrivals.wait_until_quiet()
    server.stop(GRACE_S).wait()


def _step(generated: Path, task: str) -> Step:
    steps = open_plan(generated / "plan.json").steps
    for step in steps:
        if step.task == task:
            return step
    names = ", ".join(step.task for step in steps)
    raise EnvironmentFailure("AIB676", task=task, known=names)


def arguments_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="aibenchrt.serve.service_host", description="Serves one non-AI task of a plan."
    )
    parser.add_argument("--generated", type=Path, required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--address", required=True, help="host:port at which it is called")
    parser.add_argument("--bind", metavar="HOST", help="where to listen, if not at the host of --address")
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2, help="number of calls processed concurrently")
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, cert.pem and key.pem for mutual TLS (default: plain connections)")
    parser.add_argument("--sockets", type=Path, metavar="DIR", help="folder of Unix sockets, which take the place of ports")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = arguments_parser().parse_args(arguments)
    log_to_stderr()
    try:
        access = access_of(given.tls, given.sockets)
        serve(given.generated, given.task, given.address, given.prepared, given.state, given.workers, access, given.bind)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
