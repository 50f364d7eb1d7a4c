"""python -m aibenchrt.collect.host --scenario NAME --out FILE [--once]: what a host says of itself and of its parts while a load runs.

Writes JSON lines (HostFacts, then HostSamples and HostUnits as they come) until SIGTERM, then the units' states once more. --once:
facts and states, no samples. --look in place of --out: two samples, LOOK_S apart, to stdout. Only the standard library: it must cost
next to nothing on the host that it watches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from aibenchrt import machine
from aibenchrt.collect.appender import Appender
from aibenchrt.collect.busiest import Taken, busiest, taken
from aibenchrt.collect.machine_counters import Reading, read_machine
from aibenchrt.process_names import HOST_WATCH
from aibenchrt.stop_signals import on_stop_signals
from aibenchrt.whole_file import write_text

PERIOD_S = 0.5
LOOK_S = 2.0  # of --look
LOOK_SAMPLES = 10  # how many samples lie between two looks at all processes: these cost more
SLICE = Path("/sys/fs/cgroup/system.slice")
PROPERTIES = (
    "Id", "ActiveState", "SubState", "MainPID", "NRestarts", "Result", "ExecMainCode", "ExecMainStatus", "InvocationID",
    "ActiveEnterTimestampMonotonic",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """The host: name, cpu_model, cores, memory_kib, the limits of the control groups that the whole of it is in, kernel, os, boot;
    monotonic_ns and realtime_ns of one moment."""
    limited = machine.limits("1")  # of the first process: this one may have limits of its own
    return {
        "name": platform.node(),
        "cpu_model": machine.cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_kib": machine.memory_kib(),
        "cpu_limit": limited.cpus,
        "memory_limit_kib": None if limited.memory_bytes is None else limited.memory_bytes >> 10,
        "kernel": platform.release(),
        "os": machine.os_name(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() + _started(),
        "monotonic_ns": time.monotonic_ns(),
        "realtime_ns": time.time_ns(),
    }


def units(prefix: str) -> list[dict[str, str]]:
    """systemd's properties of the units whose names begin with this prefix. OSError, CalledProcessError: there is no systemd."""
    shown = subprocess.run(
        ["systemctl", "show", f"{prefix}*.service", f"--property={','.join(PROPERTIES)}"], capture_output=True, text=True, check=True
    ).stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    return [unit for unit in blocks if unit.get("Id") and unit["Id"] != f"{prefix}{HOST_WATCH}.service"]


class Samples:
    """Of the machine and of the control groups of the units. groups: of the last sample, unit → inode of its control group: another one
    after each start."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._looked: tuple[Taken, Reading] | None = None
        self.groups = {name: path.stat().st_ino for name, path in self._found()}

    def line(self, *, look: bool) -> dict[str, Any]:
        """look: also at all processes, and which of those that are none of the units' took CPU time since the last look."""
        reading, rows, groups, own = read_machine(), [], {}, {os.getpid()}
        for name, path in self._found():
            try:
                groups[name] = path.stat().st_ino
                used = next(int(line.split()[1]) for line in _lines(path / "cpu.stat") if line.startswith("usage_usec"))
                members = [int(line) for line in _lines(path / "cgroup.procs")]
            except (OSError, StopIteration):
                continue  # it has just ended
            rows.append([name, members[0] if members else 0, groups[name], used, sum(map(_resident, members))])
            own |= set(members)
        self.groups = groups
        counters = [reading.busy_us, reading.steal_us, reading.total_us, reading.pressure_us]
        return {"time_ns": reading.time_ns, "samples": rows, "machine": counters, **(self._others(reading, own) if look else {})}

    def _others(self, reading: Reading, own: Container[int]) -> dict[str, Any]:
        """looked: who was busiest since the last look, and the CPU time of the machine in between; nothing at the first."""
        now, before = taken(), self._looked
        self._looked = now, reading
        if before is None:
            return {}
        total_us = reading.total_us - before[1].total_us
        return {"looked": {"total_us": total_us, "busiest": [[u.name, u.pid, u.us] for u in busiest(before[0], now, total_us, own)]}}

    def _found(self) -> list[tuple[str, Path]]:
        mine = f"{self._prefix}{HOST_WATCH}.service"
        return [(path.name, path) for path in sorted(SLICE.glob(f"{self._prefix}*.service")) if path.name != mine]


class Watch:
    """Samples the host; the state of a unit whose processes changed is read at once. Every LOOK_SAMPLES samples it looks at all
    processes."""

    def __init__(self, prefix: str, out: Path) -> None:
        self._prefix = prefix
        self._out = Appender(out, append=True)

    def run(self, stop: threading.Event) -> None:
        self._say({"facts": facts(), "units": units(self._prefix), "when": "before"})
        samples = Samples(self._prefix)
        number = 0
        while not stop.wait(PERIOD_S):
            before = samples.groups
            line = samples.line(look=number % LOOK_SAMPLES == 0)
            number += 1
            self._say(line)
            if samples.groups != before:
                self._say({"time_ns": line["time_ns"], "units": units(self._prefix), "when": "changed"})
        self._say({"facts": facts(), "units": units(self._prefix), "when": "after"})
        self._out.close()

    def _say(self, line: dict[str, Any]) -> None:
        self._out.add((json.dumps(line) + "\n").encode())


def _resident(pid: int) -> int:
    """Bytes; 0 of a process that has just ended."""
    try:
        return int(_lines(Path(f"/proc/{pid}/statm"))[0].split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _lines(path: Path) -> Sequence[str]:
    return path.read_text(encoding="ascii").splitlines()


def _started() -> str:
    """When PID 1 started: a container that starts again keeps its kernel's boot id."""
    return ":" + Path("/proc/1/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.collect.host", description=__doc__)
    parser.add_argument("--scenario", required=True, help="the scenario whose units aibench-NAME-*.service are sampled")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path)
    where.add_argument("--look", action="store_true", help=f"write two samples, {LOOK_S:g} s apart, to stdout")
    parser.add_argument("--once", action="store_true", help="write the host's facts and the units' states once, without samples")
    given = parser.parse_args()
    prefix = f"aibench-{given.scenario}-"
    if given.look:
        samples = Samples(prefix)
        first = samples.line(look=True)
        time.sleep(LOOK_S)
        sys.stdout.write("".join(json.dumps(line) + "\n" for line in (first, samples.line(look=True))))
        return 0
    if given.once:
        line = {"facts": facts(), "units": units(prefix), "when": "after"}
        write_text(given.out, json.dumps(line) + "\n")
        return 0
    stop = threading.Event()
    on_stop_signals(stop)
    Watch(prefix, given.out).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
