"""python -m aibenchrt.load --generated DIR --schedule FILE --payloads FILE --target HOST:PORT[,…] --out DIR

Sends a prepared schedule; writes requests.parquet and generator.json into --out. SIGTERM or SIGINT ends it early, with records.

Where it may, it takes priority over what it measures: on a machine they share, a generator that waits for a core sends late, and the
run is no measurement. It needs a few percent of a core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

import grpc

from aibenchrt.collect import schema
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.load.issue import Settings, issue
from aibenchrt.load.messages import read_messages
from aibenchrt.proto import load_stubs

PRIORITY = 1  # the lowest real-time one; niceness is of no use where the kernel groups tasks by session


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m aibenchrt.load", description=__doc__)
    parser.add_argument("--generated", type=Path, required=True, help="the compiler's output folder")
    parser.add_argument("--schedule", type=Path, required=True, help="schedule.parquet")
    parser.add_argument("--payloads", type=Path, required=True, help="payloads.parquet")
    parser.add_argument("--target", required=True, help="planner replicas as host:port, separated by commas")
    parser.add_argument("--out", type=Path, required=True, help="folder for requests.parquet and generator.json")
    parser.add_argument("--warmup", type=float, default=0.0, help="seconds before the measured phase")
    parser.add_argument("--duration", type=float, required=True, help="seconds of the measured phase")
    parser.add_argument("--think", type=float, default=0.0, help="closed loop: think time in seconds")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds that a request may take")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.suppress(PermissionError):  # without the right to it the lateness is recorded all the same
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    try:
        _run(arguments, stop)
    except EnvironmentFailure as failure:
        sys.stderr.write(f"error[{failure.code}]: {failure.message}\n   = help: {failure.hint}\n")
        return 2
    return 0


def _run(arguments: argparse.Namespace, stop: threading.Event) -> None:
    stubs = load_stubs(arguments.generated)
    settings = Settings(
        method=f"/{stubs.package}.ScenarioService/Ask",
        targets=tuple(arguments.target.split(",")),
        warmup_s=arguments.warmup,
        duration_s=arguments.duration,
        timeout_s=arguments.timeout,
        think_s=arguments.think,
    )
    rows = schema.read(arguments.schedule, ScheduleRecord)
    try:
        records, issued = issue(rows, read_messages(arguments.payloads), settings, stubs.message("ScenarioReply"), stop)
    except grpc.FutureTimeoutError as error:
        raise EnvironmentFailure("AIB608", f"no planner answers at {arguments.target}", "start it first, and read its log") from error
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        schema.write(arguments.out / "requests.parquet", records, RequestRecord)
        (arguments.out / "generator.json").write_text(issued.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailure("AIB605", f"cannot write the records: {error.strerror}", "free some disk space") from error


if __name__ == "__main__":
    sys.exit(main())
