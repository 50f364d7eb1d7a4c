"""The lines that collect.host writes, read back as what they may be: a host is not trusted to write what it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aibenchrt.collect.busiest import LONGEST_NAME, MOST
from aibenchrt.collect.lines import whole_lines
from aibenchrt.collect.records import MOST_INTEGER
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.input_file import MIB, InputFileError, check_json

_LONGEST_REPLY = MIB
_LONGEST = 1000  # characters of what a host says of itself

Count = Annotated[int, Field(ge=0, lt=MOST_INTEGER, strict=True)]
Ns = Annotated[int, Field(gt=-MOST_INTEGER, lt=MOST_INTEGER, strict=True)]
Pressure = Annotated[int, Field(ge=-1, lt=MOST_INTEGER, strict=True)]
Word = Annotated[str, Field(max_length=_LONGEST)]
Number = Annotated[str, Field(pattern=r"^[0-9]{0,18}$")]  # systemd writes numbers as text, and none as ''


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class HostFacts(_Line):
    """monotonic_ns and realtime_ns are of one moment; boot is another after each start of the host."""

    cpu_model: Word
    cores: Count
    memory_kib: Count
    cpu_limit: Annotated[float, Field(gt=0, le=1e6)] | None = None
    memory_limit_kib: Count | None = None
    kernel: Word
    os: Word
    boot: Word
    monotonic_ns: Ns
    realtime_ns: Ns


class HostUnit(_Line):
    """A unit as systemd shows it."""

    id: Annotated[Word, Field(alias="Id")]
    state: Annotated[Word, Field(alias="ActiveState")]
    pid: Annotated[Number, Field(alias="MainPID")] = ""
    restarts: Annotated[Number, Field(alias="NRestarts")] = ""
    result: Annotated[Word, Field(alias="Result")] = ""
    exit_code: Annotated[Word, Field(alias="ExecMainCode")] = ""
    exit_status: Annotated[Word, Field(alias="ExecMainStatus")] = ""
    invocation: Annotated[Word, Field(alias="InvocationID")] = ""


class HostLook(_Line):
    """busiest: (name, pid, CPU µs since the last look) of processes that are not of the run; total_us: CPU time of the machine since
    then."""

    total_us: Count
    busiest: Annotated[tuple[tuple[Annotated[str, Field(max_length=LONGEST_NAME)], Count, Count], ...], Field(max_length=MOST)] = ()


class WatchLine(_Line):
    """facts, units: how the host and its units are; samples: (unit, pid, inode of its control group, CPU µs so far, resident bytes) at
    time_ns of the host's monotonic clock. machine: CPU time of the whole machine so far, busy, stolen and in total, and the time for which
    some task waited for a processor, all in µs, as machine_counters.Reading has them. looked: now and then."""

    time_ns: Ns = 0
    facts: HostFacts | None = None
    units: tuple[HostUnit, ...] | None = None
    samples: tuple[tuple[Word, Count, Count, Count, Count], ...] = ()
    machine: tuple[Count, Count, Count, Pressure] | None = None
    looked: HostLook | None = None


def read_watch(path: Path) -> Iterator[WatchLine]:
    """Whole lines; the last may be cut by a host that lost its power. EnvironmentFailure AIB609: another line is damaged."""
    try:
        for number, line in whole_lines(path):
            content = line.strip(b"\0\n")
            if content:
                yield _read(content, number)
    except InputFileError as error:
        raise unreadable(path, str(error)) from error


def read_reply(reply: bytes) -> list[WatchLine]:
    """What a host wrote when it was asked to look once. InputFileError: it is longer than such a reply, or no such lines."""
    if len(reply) > _LONGEST_REPLY:
        raise InputFileError(f"it is longer than {_LONGEST_REPLY:,} bytes")
    return [_read(line, number) for number, line in enumerate(reply.split(b"\n"), 1) if line]


def _read(content: bytes, number: int) -> WatchLine:
    try:
        check_json(content)
        return WatchLine.model_validate_json(content)
    except InputFileError as error:
        raise InputFileError(f"line {number}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputFileError(f"line {number}: {place + ': ' if place else ''}{first['msg']}") from error
