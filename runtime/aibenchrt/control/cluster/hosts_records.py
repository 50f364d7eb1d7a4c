"""What the hosts of a cluster left of a load, as the records of one run on one clock, and what of it is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from aibenchrt.collect.contents import CONTENTS, Contents
from aibenchrt.collect.merge import Merged, merge_requests, move_calls, read_host
from aibenchrt.collect.plausible import check_answers, check_calls, check_requests
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ResourceRecord
from aibenchrt.collect.run_info import Bystander, GeneratorShard, HostInfo, Outage, ProcessInfo
from aibenchrt.collect.server_lines import ServerLine, outages_of, read_server_lines, server_files
from aibenchrt.control.record_files import joined_calls
from aibenchrt.control.triton_trace import queue_waits
from aibenchrt.deployment import PlanPart, parts
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.input_file import MIB, InputFileError, json_document, read_bytes
from aibenchrt.plan import Plan
from aibenchrt.planner.recorder import read_calls

WATCHED = ("host.jsonl", "host-after.json")
_SAME_START_NS = 1_000_000  # two machines that started within a millisecond of each other would count as one
REFUSED = ".refused.json"  # of a host, beside its records: written by the role `records` when it unpacks them

T = TypeVar("T")


@dataclass(frozen=True)
class HostsRecords:
    merged: Merged
    calls: tuple[CallRecord, ...]
    hosts: tuple[HostInfo, ...]
    processes: tuple[ProcessInfo, ...]
    resources: tuple[ResourceRecord, ...]
    machine: tuple[MachineRecord, ...]
    bystanders: tuple[Bystander, ...]
    outages: tuple[Outage, ...]
    missing: tuple[str, ...]


def read_hosts(plan: Plan, folder: Path, failures: Sequence[str]) -> HostsRecords:
    """folder: <host>/<file> as fetched by collect.yml; failures: hosts and tasks that failed in Ansible.

    Nothing that a host recorded is trusted: what is damaged, or cannot be of this plan, counts as missing, with the reason.
    """
    every = parts(plan)
    generators = [part for part in every if part.kind == "generator"]
    merged = merge_requests([part.host for part in generators], [folder / part.host for part in generators], partial(_check, plan))
    missing = [*failures, *(said for host in plan.hosts for said in _refused(host.name, folder)), *merged.missing]
    recorded = [call for part in every if part.kind == "planner" for call in _calls(plan, part, folder, merged, missing)]
    waits = {key: wait for part in every if part.kind == "triton" for key, wait in _waits(part, folder, missing).items()}
    hosts: list[HostInfo] = []
    processes: list[ProcessInfo] = []
    resources: list[ResourceRecord] = []
    machine: list[MachineRecord] = []
    bystanders: list[Bystander] = []
    outages: list[Outage] = []
    started: dict[str, int] = {}
    for host in plan.hosts:
        own = [part for part in every if part.host == host.name]
        watched = [part for part in own if part.kind != "generator"]
        files = [folder / host.name / name for name in WATCHED]
        watch = partial(read_host, host.name, files, plan.scenario, watched, merged.realtime_ns, merged.window)
        records = _read(watch, host.name, missing)
        if records is None or records.info is None:
            missing.append(f"nothing from the watch on {host.name}")
            continue
        shared = next((name for name, ns in started.items() if abs(ns - records.started_ns) < _SAME_START_NS), host.name)
        started[host.name] = records.started_ns
        hosts.append(records.info.model_copy(update={"parts": tuple(part.name for part in own), "machine": shared}))
        processes += records.processes
        resources += records.resources
        machine += records.machine
        bystanders += records.bystanders
        ahead_ns = records.started_ns if merged.realtime_ns is None else merged.realtime_ns
        for part in (part for part in own if part.kind == "triton"):
            lines = _server_lines(part, folder, missing)
            outages += outages_of(part.name, host.name, lines, ahead_ns, _load(merged))
    processes += [_generator(part, said) for part, said in zip(generators, merged.generators, strict=True)]
    calls = joined_calls(recorded, waits, merged.requests)
    return HostsRecords(
        merged=merged,
        calls=tuple(calls),
        hosts=tuple(hosts),
        processes=tuple(processes),
        resources=tuple(resources),
        machine=tuple(machine),
        bystanders=tuple(bystanders),
        outages=tuple(sorted(outages, key=lambda outage: outage.from_ns)),
        missing=tuple(dict.fromkeys(missing)),
    )


def _read(read: Callable[[], T], host: str, missing: list[str]) -> T | None:
    """None, and the reason among what is missing, where a file is damaged."""
    try:
        return read()
    except EnvironmentFailure as failure:
        missing.append(f"from {host}: {failure.message}")
    except InputFileError as error:
        missing.append(f"from {host}: {error}")
    return None


def _check(plan: Plan, requests: Sequence[RequestRecord], folder: Path) -> None:
    check_requests(plan, requests)
    check_answers(requests, Contents(folder / CONTENTS))


def _refused(host: str, folder: Path) -> list[str]:
    """What unpacking the host's archive left out, and why."""
    path = folder / host / REFUSED
    said = json_document(read_bytes(path, MIB)) if path.exists() else []
    return [f"from {host}: {reason}" for reason in said]


def _calls(plan: Plan, part: PlanPart, folder: Path, merged: Merged, missing: list[str]) -> list[CallRecord]:
    """What a planner recorded, on the run's clock."""
    paths = sorted((folder / part.host).glob(f"calls-{part.replica}-*.jsonl"))
    if not paths:
        missing.append(f"no calls of {part.name} on {part.host}")
    calls: list[CallRecord] = []
    for path in paths:
        recorded = _read(partial(_calls_in, plan, path), part.host, missing) or ()
        calls += move_calls(recorded, merged.planners.get(part.endpoint, 0))
    return calls


def _calls_in(plan: Plan, path: Path) -> list[CallRecord]:
    calls = list(read_calls(path))
    check_calls(plan, calls)
    return calls


def _waits(part: PlanPart, folder: Path, missing: list[str]) -> dict[tuple[int, str], int]:
    paths = sorted((folder / part.host).glob(f"triton_trace-{part.replica}-*.json*"))
    if not paths:
        missing.append(f"no trace of {part.name} on {part.host}")
    waits: dict[tuple[int, str], int] = {}
    for path in paths:
        waits |= _read(partial(queue_waits, path), part.host, missing) or {}
    return waits


def _server_lines(part: PlanPart, folder: Path, missing: list[str]) -> list[ServerLine]:
    """What the watch of a Triton wrote, over all its starts."""
    files = server_files(folder / part.host, part.replica)
    if not files:
        missing.append(f"nothing from the watch of {part.name} on {part.host}")
    return [line for path in files for line in _read(partial(_server_lines_in, path), part.host, missing) or ()]


def _server_lines_in(path: Path) -> list[ServerLine]:
    return list(read_server_lines(path))


def _load(merged: Merged) -> tuple[int, int]:
    """When the load began and ended, warm-up and supplements included, by the clock of the run."""
    known = [time for request in merged.requests for time in (request.intended_ns, request.done_ns) if time]
    return (min(known), max(known)) if known else merged.window


def _generator(part: PlanPart, said: GeneratorShard) -> ProcessInfo:
    died = said.figures is None
    reason = "it ended early" if died else ""
    return ProcessInfo(name=part.name, role="generator", pid=0, host=part.host, replica=part.replica, died=died, reason=reason)
