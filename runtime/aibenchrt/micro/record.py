"""What a run of the micro benchmarks is, as data: `--json FILE` writes it, `--from FILE` reads it. Times in seconds, rates per second.

Dataclasses, so that they are written where pydantic is not installed; it checks them when they are read.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, check_json, read_bytes
from aibenchrt.micro.timing import Timing

SCHEMA = "aibenchc.micro/1"
MOST_BYTES = 16 * MIB


@dataclass(frozen=True)
class Host:
    """load: processes that ran or waited to run in the minute before (the load average): other work, which slows ours down."""

    cpu_model: str
    cores: int
    kernel: str
    os: str
    load: float


@dataclass(frozen=True)
class Device:
    """What was measured. cache_bytes: of its last level, None where it is not known."""

    kind: str  # cpu, cuda
    name: str
    cache_bytes: int | None


@dataclass(frozen=True)
class MicroSettings:
    """arithmetic: float32, tf32 or bfloat16. cache: 'warm' or 'cold'. threads: of torch on the CPU."""

    sizes: str
    arithmetic: str
    cache: str
    threads: int
    seed: int
    budget_s: float


@dataclass(frozen=True)
class Rate:
    """One ceiling, measured before the kernels and after them; `value` is the higher. what: how."""

    what: str
    before: float
    after: float

    @property
    def value(self) -> float:
        return max(self.before, self.after)

    @property
    def drift(self) -> float:
        """The relative difference of the two, with respect to the higher."""
        return 1 - min(self.before, self.after) / self.value


@dataclass(frozen=True)
class Peaks:
    """call_s: the least time of a call, by pass: that of ReLU of one element."""

    flop: Rate
    bytes: Rate
    call_s: dict[str, float]


@dataclass(frozen=True)
class Row:
    """One kernel, size and pass.

    cached: all that the pass touches fits the device's last-level cache. bound: what limits the speed most: 'compute' (FLOP over the peak),
    'memory' (bytes over the peak; 'cache' if cached and warm, for which no peak is measured) or 'call'. of_bound: the shortest time that it
    allows over the time measured.
    """

    kernel: str
    aibench: str
    size: str
    shape: str
    source: str
    direction: str  # forward, backward
    flop: int
    bytes: int
    time: Timing
    flop_per_s: float
    bytes_per_s: float
    of_peak_flop: float
    of_peak_bytes: float
    intensity: float  # FLOP per byte
    cached: bool
    bound: str
    of_bound: float


@dataclass(frozen=True)
class MicroRun:
    schema: str
    host: Host
    device: Device
    settings: MicroSettings
    versions: dict[str, str]
    peaks: Peaks
    rows: tuple[Row, ...]


def as_json(run: MicroRun) -> str:
    return json.dumps(dataclasses.asdict(run), indent=1, ensure_ascii=False) + "\n"


def read(path: Path) -> MicroRun:
    """A file that `--json` wrote. EnvironmentFailure AIB641: it cannot be read, or is another kind of file."""
    from pydantic import TypeAdapter, ValidationError

    try:
        content = read_bytes(path, MOST_BYTES)
        check_json(content)
        run = TypeAdapter(MicroRun).validate_json(content)
    except InputFileError as error:
        raise _unreadable(path, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _unreadable(path, f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from error
    if run.schema != SCHEMA:
        raise _unreadable(path, f"it is {run.schema!r}, not {SCHEMA!r}")
    return run


def _unreadable(path: Path, reason: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB641", path=path, reason=reason)
