"""What the watch of a Triton server on a host (serve/watched_triton.py) writes about it, and the outages that follow from it.

A file for each start of the unit, of JSON lines: when every model had answered, and how the server died. A host is not trusted to write
what it should.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aibenchrt.collect.lines import whole_lines
from aibenchrt.collect.records import MOST_INTEGER
from aibenchrt.collect.run_info import Outage
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.input_file import InputFileError, check_json

LONGEST_REASON = 600
MOST_LINES = 1000  # of one start, which writes two
_NAME = re.compile(r"watched-(?P<replica>[0-9]{1,4})-[0-9A-Za-z]{1,64}\.jsonl")

Ns = Annotated[int, Field(strict=True, ge=0, lt=MOST_INTEGER)]


class ServerLine(BaseModel):
    """realtime_ns: when it was written. died: how the server died, and since_ns: from when on it did not serve, at most realtime_ns; empty:
    every model has answered an inference since the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    realtime_ns: Ns
    since_ns: Ns = 0
    died: Annotated[str, Field(strict=True, max_length=LONGEST_REASON)] = ""


def server_files(folder: Path, replica: int) -> list[Path]:
    """Those of one server's starts."""
    return sorted(
        path for path in folder.glob("watched-*.jsonl") if (name := _NAME.fullmatch(path.name)) and int(name["replica"]) == replica
    )


def read_server_lines(path: Path) -> Iterator[ServerLine]:
    """EnvironmentFailure AIB609: a line is damaged, or there are too many; a last one that was cut is left out."""
    try:
        for number, line in whole_lines(path):
            if number > MOST_LINES:
                raise InputFileError(f"it has more than {MOST_LINES:,} lines")
            yield _read(line, number)
    except InputFileError as error:
        raise unreadable(path, str(error)) from error


def _read(line: bytes, number: int) -> ServerLine:
    try:
        check_json(line)
        return ServerLine.model_validate_json(line)
    except InputFileError as error:
        raise InputFileError(f"line {number}: {error}") from error
    except ValidationError as error:
        raise InputFileError(f"line {number}: {error.errors(include_url=False)[0]['msg']}") from error


def outages_of(process: str, host: str, lines: Iterable[ServerLine], ahead_ns: int, load: Sequence[int]) -> tuple[Outage, ...]:
    """The times during which the server did not serve, of those that touch the load. ahead_ns: the realtime clock minus that of the run;
    load: when it began and ended, by the clock of the run."""
    outages: list[Outage] = []
    down = False
    for line in sorted(lines, key=lambda line: line.realtime_ns):
        if line.died and not down:
            since = min(line.since_ns, line.realtime_ns) - ahead_ns
            outages.append(Outage(process=process, host=host, reason=line.died, from_ns=since))
        if line.died:
            outages[-1] = outages[-1].model_copy(update={"restarts": outages[-1].restarts + 1})
        elif down:
            outages[-1] = outages[-1].model_copy(update={"until_ns": line.realtime_ns - ahead_ns})
        down = bool(line.died)
    return tuple(outage for outage in outages if outage.from_ns <= load[1] and (outage.until_ns is None or outage.until_ns >= load[0]))
