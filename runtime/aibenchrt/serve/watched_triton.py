"""Triton on a host, and a watch of it: a server that takes requests and answers none is ended, and systemd starts it again.

python -m aibenchrt.serve.watched_triton --address HOST:PORT --lines FILE [--tls DIR] [--answer S] [--first S] -- TRITON OPTION…

Triton goes on saying that it is healthy when the process of a model has died or hangs. So each of its models is asked for an inference with
a small input (serve/model_check.py), and the models' processes are looked at, as in a run on one machine. --address: where Triton listens;
--tls: certificates of the role `keeper`; --answer: how long a model may answer nothing; --first: how long each may take to load and to
answer for the first time. Traces of nothing but these inferences, which go on for as long as the server runs, are removed. --lines: what
happened, as collect.server_lines reads it. SIGTERM and SIGINT are passed on to Triton. Exit code:
that of a Triton that was told to end; 1: it died, and the last line of stderr says how; 2: the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from aibenchrt.collect.appender import Appender
from aibenchrt.collect.server_lines import LONGEST_REASON, ServerLine
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.serve.model_processes import ending, how_they_ended, model_processes
from aibenchrt.shown import tell, tell_failure, visible_in_line
from aibenchrt.stop_signals import on_stop_signals
from aibenchrt.wire.tls import identity_of, open_channel

POLL_S = 0.25
REPOSITORY = "--model-repository="
TRACE = "--trace-config=triton,file="
TRACES_S = 60.0  # from one look at the traces to the next
MOST_TRACE_BYTES = 16 << 20  # of a file of the few requests that are written together; what is larger stays
_OF_A_LOAD = re.compile(rb'"request_id":"[0-9]')


class Traces:
    """The trace files of a server, which writes the next one for every few requests: <file>.0, <file>.1, …"""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: set[Path] = set()
        self._seen: set[Path] = set()  # at the last look; the server may still be writing what is new since
        self._due = time.monotonic() + TRACES_S

    def look(self) -> None:
        """Removes the files without a request of a load, if it is time."""
        if time.monotonic() >= self._due:
            self.remove_checks()
            self._due = time.monotonic() + TRACES_S

    def remove_checks(self) -> None:
        """Of the files that were there at the last look."""
        there = {path for path in self._file.parent.glob(f"{glob.escape(self._file.name)}.*") if _number(path)}
        for path in (there & self._seen) - self._kept:
            if path.stat().st_size > MOST_TRACE_BYTES or _OF_A_LOAD.search(path.read_bytes()):
                self._kept.add(path)
            else:
                path.unlink()
        self._seen = there


def _number(path: Path) -> bool:
    """Whether a file is the server's."""
    return path.suffix[1:].isascii() and path.suffix[1:].isdigit()


class WatchedTriton:
    """A server of ours, and what its watch has seen of it."""

    def __init__(self, command: Sequence[str], lines: Path) -> None:
        """EnvironmentFailure AIB601: there is no such program."""
        self._lines = Appender(lines, append=True)
        self._traces = [Traces(Path(word.removeprefix(TRACE))) for word in command if word.startswith(TRACE)]
        self._stop = threading.Event()
        on_stop_signals(self._stop)
        try:
            self._server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise EnvironmentFailure("AIB601", what=f"{command[0]} ({error.strerror})", install="deploy again") from error

    def watch(self, repositories: Sequence[Path], address: str, tls: Path | None, answer_s: float, first_s: float) -> int:
        """The exit code, once the server has ended. EnvironmentFailure: AIB620 as identity_of, AIB675 as steps_of."""
        try:
            how, since = self._until_it_dies(repositories, address, tls, answer_s, first_s)
        finally:
            if self._stop.is_set():
                self._server.terminate()
            elif self._server.poll() is None:
                self._server.kill()
            code = self._server.wait()
        if not how:
            return code if code >= 0 else 1
        ahead = time.time_ns() - time.monotonic_ns()
        self._say(ServerLine(realtime_ns=time.time_ns(), since_ns=int(since * 1e9) + ahead, died=visible_in_line(how)[:LONGEST_REASON]))
        tell(how)
        return 1

    def _until_it_dies(
        self, repositories: Sequence[Path], address: str, tls: Path | None, answer_s: float, first_s: float
    ) -> tuple[str, float]:
        """How it died, and from when on it did not serve (time.monotonic()); ('', 0) if it was told to end."""
        # Imported here: it takes a second, in which Triton already loads its models.
        from aibenchrt.serve.model_check import ModelChecks, steps_of

        identity, steps = identity_of(tls), steps_of(repositories)
        with contextlib.closing(ModelChecks(open_channel(address, identity, "triton"), steps, first_s * len(steps))) as checks:
            since = time.monotonic()
            while not checks.answered(since):
                if silence := checks.look():
                    return silence.said, silence.since
                if ended := self._ended():
                    return ended, time.monotonic()
                if self._stopped():
                    return "", 0.0
        members = tuple(model_processes(self._server.pid))
        self._say(ServerLine(realtime_ns=time.time_ns()))
        with contextlib.closing(ModelChecks(open_channel(address, identity, "triton"), steps, answer_s)) as checks:
            while not self._stopped():
                for traces in self._traces:
                    traces.look()
                lost = [member.look() for member in members]
                if any(lost):
                    return how_they_ended(members), time.monotonic()
                if silence := checks.look():
                    return silence.said, silence.since
                if ended := self._ended():
                    return ended, time.monotonic()
        return "", 0.0

    def _stopped(self) -> bool:
        """Whether it was told to end, at the latest after POLL_S."""
        return self._stop.wait(POLL_S)

    def _ended(self) -> str:
        code = self._server.poll()
        return "" if code is None else f"Triton ended: {ending(code)}"

    def _say(self, line: ServerLine) -> None:
        self._lines.add(line.model_dump_json().encode() + b"\n")
        self._lines.sync()


def arguments_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.serve.watched_triton", description=__doc__)
    parser.add_argument("--address", required=True, metavar="HOST:PORT")
    parser.add_argument("--lines", type=Path, required=True, metavar="FILE")
    parser.add_argument("--tls", type=Path, metavar="DIR", help="folder with the certificates and key of the keeper (default: plain)")
    parser.add_argument("--answer", type=float, default=10.0, metavar="S")
    parser.add_argument("--first", type=float, default=90.0, metavar="S")
    parser.add_argument("command", nargs="+", metavar="TRITON OPTION")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = arguments_parser().parse_args(arguments)
    repositories = [Path(word.removeprefix(REPOSITORY)) for word in given.command if word.startswith(REPOSITORY)]
    try:
        return WatchedTriton(given.command, given.lines).watch(repositories, given.address, given.tls, given.answer, given.first)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2


if __name__ == "__main__":
    sys.exit(main())
