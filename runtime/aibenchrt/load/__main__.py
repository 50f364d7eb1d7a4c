"""python -m aibenchrt.load --generated DIR --schedule FILE --payloads FILE --target HOST:PORT[,…] --out DIR [--shard I/N] [--start-at NS]

Sends a prepared schedule, or its shard I of N; writes requests.parquet, generator.json and contents/ into --out. SIGTERM or SIGINT
ends it early, with records. One that is killed leaves begun.json and requests.jsonl: every request that had ended.

Where it may, it takes priority over what it measures: on a machine they share, a generator that waits for a core sends late, and the
run is no measurement. It needs a few percent of a core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time
from dataclasses import astuple
from pathlib import Path

import grpc

from aibenchrt.collect import schema
from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.lines import Recorder
from aibenchrt.collect.records import RequestRecord, ScheduleRecord
from aibenchrt.collect.run_info import BEGUN, GENERATOR, REQUESTS_LINES, Issued
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import read_text
from aibenchrt.libraries import open_plan
from aibenchrt.load.issue import SendingSettings, issue
from aibenchrt.load.messages import read_messages
from aibenchrt.load.moments import moment_fields
from aibenchrt.load.pairs import apart_s
from aibenchrt.load.schedule import shard_of
from aibenchrt.load.silence import WarmUpWatch
from aibenchrt.shown import tell_failure
from aibenchrt.stop_signals import on_stop_signals
from aibenchrt.whole_file import write_bytes, write_text
from aibenchrt.wire import clocks
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import access_of

LONGEST_WAIT_S = 900.0
PRIORITY = 1  # the lowest real-time priority; niceness has no effect where the kernel groups tasks by session


def arguments_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.load", description=__doc__)
    parser.add_argument("--generated", type=Path, required=True, help="the compiler's output folder")
    parser.add_argument("--schedule", type=Path, required=True, help="schedule.parquet")
    parser.add_argument("--payloads", type=Path, required=True, help="payloads.parquet")
    parser.add_argument("--target", required=True, help="planner replicas as host:port, separated by commas")
    parser.add_argument("--out", type=Path, required=True, help="folder for requests.parquet and generator.json")
    parser.add_argument("--warmup", type=float, default=0.0, help="seconds before the measured phase")
    parser.add_argument("--duration", type=float, required=True, help="seconds of the measured phase")
    parser.add_argument("--think", type=float, default=0.0, help="closed loop: think time in seconds")
    parser.add_argument("--timeout", type=float, default=10.0, help="timeout of a request in seconds")
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(0, 1),
        metavar="I/N",
        help="send row i of the schedule if i mod N is I, and both of a pair; whole streams",
    )
    parser.add_argument("--start-at", type=int, metavar="NS", help="time 0 of the schedule on the first planner's realtime clock")
    parser.add_argument(
        "--start-file", type=Path, metavar="FILE", help="the same, from a file that is waited for; <out>/ready is written first"
    )
    parser.add_argument("--tls", type=Path, metavar="DIR", help="folder with the certificates and key for mutual TLS (default: plain)")
    parser.add_argument("--sockets", type=Path, metavar="DIR", help="folder of Unix sockets, which take the place of ports")
    return parser


def main() -> int:
    arguments = arguments_parser().parse_args()
    stop = threading.Event()
    on_stop_signals(stop)
    with contextlib.suppress(PermissionError):  # lateness is recorded even without the permission for it
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    try:
        _run(arguments, stop)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


def _shard(text: str) -> tuple[int, int]:
    shard, _, shards = text.partition("/")
    if not (shard.isdecimal() and shards.isdecimal() and int(shard) < int(shards)):
        raise argparse.ArgumentTypeError(f"write I/N with I below N, as 0/2, not {text!r}")
    return int(shard), int(shards)


def _run(arguments: argparse.Namespace, stop: threading.Event) -> None:
    plan = open_plan(arguments.generated / "plan.json")  # answers may have types of its libraries
    stubs = load_stubs(arguments.generated)
    shard, shards = arguments.shard
    several = shards > 1 or arguments.start_at is not None or arguments.start_file is not None
    settings = SendingSettings(
        method=f"/{stubs.package}.ScenarioService/Ask",
        targets=tuple(arguments.target.split(",")),
        warmup_s=arguments.warmup,
        duration_s=arguments.duration,
        timeout_s=arguments.timeout,
        think_s=arguments.think,
        apart_s=apart_s(plan.requests),
        moments=moment_fields(stubs, plan.requests),
        clock=f"/{stubs.package}.ScenarioService/{clocks.METHOD}" if several else "",
        shard=shard,
        shards=shards,
        start_at_ns=arguments.start_at,
        access=access_of(arguments.tls, arguments.sockets),
    )
    rows = shard_of(schema.read(arguments.schedule, ScheduleRecord), shard, shards, settings.apart_s)
    messages = read_messages(arguments.payloads)
    out: Path = arguments.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        recorder = Recorder(out / REQUESTS_LINES)
        contents = Contents(out / CONTENTS)
        watch = WarmUpWatch(plan, contents, stop) if several else None  # alone, this machine's run has tried the system before

        def keep(record: RequestRecord) -> None:
            recorder.add(astuple(record))
            if watch is not None:
                watch.saw(record)

        try:
            records, issued = issue(
                rows,
                messages,
                settings,
                stubs.message("ScenarioReply"),
                contents,
                stop,
                lambda begun: _write(out / BEGUN, begun),
                keep,
                (lambda: _agreed(arguments.start_file, out / "ready", stop)) if arguments.start_file else None,
            )
        finally:
            recorder.close()
        contents.close()
        schema.write(out / "requests.parquet", records, RequestRecord)
        _write(out / GENERATOR, issued)
        (out / REQUESTS_LINES).unlink()
        if watch is not None and watch.silent:
            raise EnvironmentFailure("AIB711", request_class=watch.silent, logs=out)
    except grpc.FutureTimeoutError as error:
        raise EnvironmentFailure("AIB659", what="the planner", endpoint=arguments.target) from error
    except OSError as error:
        raise EnvironmentFailure("AIB605", what="the records", reason=error.strerror, way_out="free some disk space") from error


def _agreed(file: Path, ready: Path, stop: threading.Event) -> int | None:
    """The start time that the file will hold; None when told to stop. EnvironmentFailure AIB687: it was never written."""
    write_bytes(ready, b"")
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not file.exists():
        if stop.wait(0.05):
            return None
        if time.monotonic() > deadline:
            raise EnvironmentFailure("AIB687", file=file)
    return int(read_text(file, 100))


def _write(path: Path, issued: Issued) -> None:
    write_text(path, issued.model_dump_json(indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
