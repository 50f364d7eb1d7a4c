"""python -m aibenchrt.planner --generated DIR --address HOST:PORT --records FILE [--bind HOST] [--plan FILE] [--replica N]
[--tls DIR | --sockets DIR]"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import open_plan
from aibenchrt.planner.recorder import Recorder
from aibenchrt.planner.server import serve
from aibenchrt.process_log import log_to_stderr
from aibenchrt.shown import tell_failure
from aibenchrt.wire.proto import load_stubs
from aibenchrt.wire.tls import access_of

SWITCH_S = 0.0005  # the recording thread must not hold the interpreter's lock for the default 5 ms


def arguments_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.planner", description=__doc__)
    parser.add_argument("--generated", type=Path, required=True, help="the compiler's output folder")
    parser.add_argument("--plan", type=Path, help="the plan to run (default: the one in --generated)")
    parser.add_argument("--address", required=True, help="host:port at which it is called")
    parser.add_argument("--bind", metavar="HOST", help="where to listen, if not at the host of --address")
    parser.add_argument("--records", type=Path, required=True, help="folder for the call records")
    parser.add_argument("--replica", type=int, default=0)
    parser.add_argument("--tls", type=Path, help="folder with ca.pem, cert.pem and key.pem for mutual TLS (default: plain connections)")
    parser.add_argument("--sockets", type=Path, metavar="DIR", help="folder of Unix sockets, which take the place of ports")
    return parser


def main() -> int:
    arguments = arguments_parser().parse_args()
    log_to_stderr()
    sys.setswitchinterval(SWITCH_S)
    try:
        asyncio.run(_run(arguments))
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    access = access_of(arguments.tls, arguments.sockets)
    plan = open_plan(arguments.plan or arguments.generated / "plan.json")
    stubs = load_stubs(arguments.generated)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    recorder = Recorder(arguments.records)
    gc.collect()
    gc.freeze()  # objects made at start-up live to the end; garbage collections need not visit them
    try:
        await serve(plan, stubs, arguments.address, recorder, stop, access, arguments.bind)
    finally:
        recorder.close()


if __name__ == "__main__":
    sys.exit(main())
