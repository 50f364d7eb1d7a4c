"""Records of several hosts made into those of one run: all times on one clock, the monotonic one of the first planner's host.

Requests are moved by the offset that their generator measured, calls by that of their planner, samples of a host by the hosts' realtime
clocks (which NTP keeps to far less than a sample's half second).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from aibenchrt.collect import schema
from aibenchrt.collect.busiest import MOST
from aibenchrt.collect.lines import read_lines
from aibenchrt.collect.machine_counters import Reading, machine_record
from aibenchrt.collect.records import MOST_INTEGER, CallRecord, MachineRecord, RequestRecord, ResourceRecord
from aibenchrt.collect.run_info import (
    BEGUN,
    GENERATOR,
    REQUESTS_LINES,
    Bystander,
    GeneratorInfo,
    GeneratorShard,
    HostInfo,
    Issued,
    ProcessInfo,
    Role,
)
from aibenchrt.collect.unreadable import unreadable
from aibenchrt.collect.watch_lines import HostUnit, WatchLine, read_watch
from aibenchrt.deployment import PartKind, PlanPart
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import InputFileError
from aibenchrt.json_file import JsonFileError, read_json

_MEMORY_STEP_MIB = 256
_ALWAYS = (-MOST_INTEGER, MOST_INTEGER)
_ROLES: Final[Mapping[PartKind, Role]] = {
    "planner": "planner",
    "triton": "triton",
    "service": "service",
    "postgresql": "other",
    "generator": "generator",
}
_TOGETHER_NS = 1_000_000  # generators begin at the same instant; tolerance for rounding, in addition to the error of their clocks


@dataclass(frozen=True)
class Merged:
    """window: bounds of the measured phase. whole: every generator ran to the end without being stopped, and all began together. planners:
    endpoint → its clock's offset to the first planner's, in ns. realtime_ns: the first planner's realtime minus its monotonic clock."""

    requests: tuple[RequestRecord, ...]
    generators: tuple[GeneratorShard, ...]
    window: tuple[int, int]
    whole: bool
    planners: Mapping[str, int]
    realtime_ns: int | None
    missing: tuple[str, ...]


Check = Callable[[Sequence[RequestRecord], Path], None]  # (a generator's requests, its folder); InputFileError: they cannot be of the plan


def merge_requests(hosts: Sequence[str], folders: Sequence[Path], check: Check | None = None) -> Merged:
    """folders: the records of each generator, in the order of shards; hosts: where they ran. Files or whole folders may be missing; what is
    damaged, or what `check` refuses, counts as missing, with the reason."""
    requests: list[RequestRecord] = []
    generators, missing = [], []
    window, whole, planners, realtime = (0, 0), True, dict[str, int](), None
    starts: list[tuple[int, int]] = []  # time 0 of each, and its error
    for shard, (host, folder) in enumerate(zip(hosts, folders, strict=True)):
        issued, own, damage = _read_generator(folder, check)
        clocks = issued.clocks if issued else ()
        generators.append(
            GeneratorShard(host=host, shard=shard, shards=len(hosts), figures=issued.generator if issued else None, clocks=clocks)
        )
        whole = whole and issued is not None and issued.generator is not None and not issued.stopped and not damage
        if damage:
            missing.append(f"records of generator {shard} on {host}: {damage}")
        if issued is None and damage:
            continue
        if issued is None:
            missing.append(f"generator {shard} on {host} sent nothing")
            continue
        if issued.generator is None:
            missing.append(f"generator {shard} on {host} ended early: only requests that had ended by then are recorded")
        shift = clocks[0].offset_ns if clocks else 0
        requests += [_moved(request, shift) for request in own]
        if window == (0, 0):
            window = (issued.window_start_ns + shift, issued.window_end_ns + shift)
        starts.append((issued.start_ns + shift, clocks[0].error_ns if clocks else 0))
        for clock in clocks:
            planners.setdefault(clock.planner, shift - clock.offset_ns)
        if clocks and realtime is None:
            realtime = clocks[0].before.realtime_ns - clocks[0].before.offset_ns
    if starts and max(at for at, _ in starts) - min(at for at, _ in starts) > _TOGETHER_NS + 2 * max(error for _, error in starts):
        whole = False
        missing.append("the generators did not begin together: the load was interrupted while it began")
    requests.sort(key=lambda request: (request.intended_ns, request.request_id))
    return Merged(tuple(requests), tuple(generators), window, whole, planners, realtime, tuple(missing))


def _read_generator(folder: Path, check: Check | None) -> tuple[Issued | None, Sequence[RequestRecord], str]:
    """What it says of itself, its requests, and what is wrong with either."""
    try:
        issued = read_issued(folder)
    except EnvironmentFailure as failure:
        return None, (), failure.message
    try:
        requests = tuple(read_requests(folder)) if issued else ()
        if check:
            check(requests, folder)
    except EnvironmentFailure as failure:
        return issued, (), failure.message
    except InputFileError as error:
        return issued, (), str(error)
    return issued, requests, ""


def together(generators: Sequence[GeneratorShard]) -> GeneratorInfo | None:
    """The figures of all generators together: counts summed, others from the worst. None: one of them has no figures."""
    figures = [g.figures for g in generators if g.figures]
    if not figures or len(figures) < len(generators):
        return None
    return GeneratorInfo(
        scheduled=sum(g.scheduled for g in figures),
        sent=sum(g.sent for g in figures),
        dropped=sum(g.dropped for g in figures),
        lateness_p50_ns=max(g.lateness_p50_ns for g in figures),
        lateness_p99_ns=max(g.lateness_p99_ns for g in figures),
        lateness_max_ns=max(g.lateness_max_ns for g in figures),
        cpu_share=max(g.cpu_share for g in figures),
        in_flight_max=sum(g.in_flight_max for g in figures),
        real_time=all(g.real_time for g in figures),
    )


def read_issued(folder: Path) -> Issued | None:
    """What a generator wrote at its end, otherwise what it wrote before its first request; None: it sent nothing. EnvironmentFailure
    AIB609: damaged."""
    for name in (GENERATOR, BEGUN):
        if (folder / name).exists():
            try:
                return read_json(folder / name, Issued)
            except JsonFileError as error:
                raise unreadable(folder / name, str(error)) from error
    return None


def read_requests(folder: Path) -> Iterable[RequestRecord]:
    """The requests that it recorded; of a generator that was killed, those that had ended by then."""
    if (folder / "requests.parquet").exists():
        return schema.read(folder / "requests.parquet", RequestRecord)
    return read_lines(folder / REQUESTS_LINES, RequestRecord) if (folder / REQUESTS_LINES).exists() else ()


def _moved(request: RequestRecord, by_ns: int) -> RequestRecord:
    """The record with times on the first planner's clock; the zeros of a request that was not sent are kept."""
    sent, done = (time + by_ns if time else 0 for time in (request.sent_ns, request.done_ns))
    return replace(request, intended_ns=request.intended_ns + by_ns, sent_ns=sent, done_ns=done)


def move_calls(calls: Iterable[CallRecord], by_ns: int) -> list[CallRecord]:
    return [
        replace(call, ready_ns=call.ready_ns + by_ns, start_ns=call.start_ns + by_ns, end_ns=call.end_ns + by_ns) if by_ns else call
        for call in calls
    ]


@dataclass(frozen=True)
class HostRecords:
    """What collect.host recorded on one host. info None: nothing."""

    info: HostInfo | None
    processes: tuple[ProcessInfo, ...]
    resources: tuple[ResourceRecord, ...]
    machine: tuple[MachineRecord, ...] = ()
    bystanders: tuple[Bystander, ...] = ()
    started_ns: int = 0  # realtime when its monotonic clock was 0: the same on hosts that share one machine, but for a few µs


def read_host(
    host: str,
    files: Sequence[Path],
    scenario: str,
    parts: Sequence[PlanPart],
    realtime_ns: int | None,
    window: tuple[int, int] = _ALWAYS,
) -> HostRecords:
    """files: the samples during the load, then what --once wrote after it. parts: those that were to run there throughout.

    realtime_ns: the base clock's realtime minus its monotonic, as Merged has it; None: the host's own. window: of the measured phase, on
    the run's clock: who took CPU time then.
    """
    lines = [line for path in files if path.exists() for line in read_watch(path)]
    states = [line for line in lines if line.units is not None]
    known = [line.facts for line in states if line.facts]
    if not known:
        return HostRecords(None, (), ())
    first, last = known[0], known[-1]
    shift = 0 if realtime_ns is None else first.realtime_ns - first.monotonic_ns - realtime_ns
    prefix = f"aibench-{scenario}-"
    info = HostInfo(
        name=host,
        cpu_model=first.cpu_model,
        cores=first.cores,
        memory_mib=round(first.memory_kib / 1024 / _MEMORY_STEP_MIB) * _MEMORY_STEP_MIB,
        kernel=first.kernel,
        os=first.os,
        cpu_limit=first.cpu_limit,
        memory_limit_mib=None if first.memory_limit_kib is None else first.memory_limit_kib >> 10,
        parts=tuple(part.name for part in parts),
    )
    rebooted = first.boot != last.boot
    processes = tuple(_process(host, part, prefix, states, rebooted) for part in parts)
    resources, machine = tuple(_resources(lines, prefix, shift)), tuple(machine_of(host, lines, shift))
    bystanders = bystanders_of(host, lines, shift, window)
    return HostRecords(info, processes, resources, machine, bystanders, first.realtime_ns - first.monotonic_ns)


def _process(host: str, part: PlanPart, prefix: str, states: Sequence[WatchLine], rebooted: bool) -> ProcessInfo:
    """The part as a process of the run: whether it died or was restarted between the first state and the last."""
    seen = [unit for line in states for unit in line.units or () if unit.id == f"{prefix}{part.name}.service"]
    role = _ROLES[part.kind]
    if not seen:
        return ProcessInfo(name=part.name, role=role, pid=0, replica=part.replica, host=host, died=True, reason="it has no unit")
    first, last = seen[0], seen[-1]
    starts = len({unit.invocation for unit in seen if unit.invocation}) - 1
    restarts = max(starts, int(last.restarts or 0) - int(first.restarts or 0), 0)
    down = last.state != "active"
    reasons = [_reason(unit) for unit in seen if unit.state != "active" and unit.result != "success"][:1]
    reasons += ["the host was started again"] if rebooted else []
    reasons += [f"started again {restarts} time{'s' if restarts > 1 else ''}"] if restarts else []
    reasons += [f"{last.state} after the load"] if down else []
    return ProcessInfo(
        name=part.name,
        role=role,
        pid=int(first.pid or 0),
        replica=part.replica,
        host=host,
        died=bool(restarts or down or rebooted),
        restarts=restarts,
        reason=", ".join(reasons),
    )


def _reason(unit: HostUnit) -> str:
    """As 'signal 9' or 'exit-code 2'; systemd's ExecMainCode is that of waitid: 1 exited, 2 killed, 3 dumped."""
    return f"{'signal' if unit.exit_code in ('2', '3') else unit.result} {unit.exit_status}".strip()


def _resources(lines: Iterable[WatchLine], prefix: str, shift_ns: int) -> Iterable[ResourceRecord]:
    before: dict[str, tuple[int, int, int]] = {}  # unit → its control group, CPU µs, at
    for line in lines:
        for name, pid, group, used, resident in line.samples:
            at = line.time_ns
            last = before.get(name)
            before[name] = (group, used, at)
            if last and last[0] == group and at > last[2]:  # otherwise it was restarted, and there is no sample to compare with
                share = max(0.0, (used - last[1]) * 1e3 / (at - last[2]))
                part = name.removeprefix(prefix).removesuffix(".service")
                yield ResourceRecord(at + shift_ns, part, pid, share, resident)


def machine_of(host: str, lines: Iterable[WatchLine], shift_ns: int) -> Iterable[MachineRecord]:
    """own_share: of the units that are sampled here."""
    before: tuple[Reading, dict[tuple[str, int], int]] | None = None  # the machine, and (unit, its control group) → CPU µs
    for line in lines:
        if line.machine is None:
            continue
        busy, steal, total, pressure = line.machine
        reading = Reading(line.time_ns, busy, steal, total, pressure)
        used = {(name, group): us for name, _, group, us, _ in line.samples}
        if before is not None and reading.total_us > before[0].total_us and reading.time_ns > before[0].time_ns:
            own_us = sum(max(0, us - before[1].get(unit, 0)) for unit, us in used.items())
            sample = machine_record(host, before[0], reading, own_us)
            yield replace(sample, time_ns=sample.time_ns + shift_ns)
        before = reading, used


def bystanders_of(host: str, lines: Iterable[WatchLine], shift_ns: int, window: tuple[int, int] = _ALWAYS) -> tuple[Bystander, ...]:
    """The busiest of what the host's looks show; a look counts if most of what it tells of lies in the window."""
    used: Counter[tuple[str, int]] = Counter()
    total_us, before_ns = 0, 0
    for line in lines:
        before_ns = before_ns or line.time_ns
        if line.looked is not None:
            if window[0] <= (before_ns + line.time_ns) // 2 + shift_ns <= window[1]:
                total_us += line.looked.total_us
                used.update({(name, pid): us for name, pid, us in line.looked.busiest})
            before_ns = line.time_ns
    if not total_us:
        return ()
    return tuple(Bystander(name=name, pid=pid, cpu_share=min(1.0, us / total_us), host=host) for (name, pid), us in used.most_common(MOST))
