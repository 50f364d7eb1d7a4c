"""What the hosts of a cluster left of a load, as the records of one run on one clock, and what of it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.collect.merge import Merged, merge_requests, read_host
from aibenchrt.collect.records import CallRecord, ResourceRecord
from aibenchrt.collect.run_info import GeneratorShard, HostInfo, ProcessInfo
from aibenchrt.control.record_files import joined_calls
from aibenchrt.deployment import PlanPart, parts
from aibenchrt.plan import Plan

WATCHED = ("host.jsonl", "host-after.json")


@dataclass(frozen=True)
class HostsRecords:
    merged: Merged
    calls: tuple[CallRecord, ...]
    hosts: tuple[HostInfo, ...]
    processes: tuple[ProcessInfo, ...]
    resources: tuple[ResourceRecord, ...]
    missing: tuple[str, ...]


def read_hosts(plan: Plan, folder: Path, failures: Sequence[str]) -> HostsRecords:
    """folder: <host>/<file> as fetched by collect.yml; failures: hosts and tasks that failed in Ansible."""
    every = parts(plan)
    generators = [part for part in every if part.kind == "generator"]
    merged = merge_requests([part.host for part in generators], [folder / part.host for part in generators])
    missing = [*failures, *merged.missing]
    files, moved = [], []
    for part in every:
        recorded = sorted((folder / part.host).glob(f"calls-{part.replica}-*.jsonl")) if part.kind == "planner" else []
        files += recorded
        moved += [merged.planners.get(part.endpoint, 0)] * len(recorded)
        if part.kind == "planner" and not recorded:
            missing.append(f"no calls of {part.name} on {part.host}")
    traces = [path for part in every if part.kind == "triton" for path in _traces(part, folder, missing)]
    hosts: list[HostInfo] = []
    processes: list[ProcessInfo] = []
    resources: list[ResourceRecord] = []
    for host in plan.hosts:
        own = [part for part in every if part.host == host.name]
        watched = [part for part in own if part.kind != "generator"]
        records = read_host(host.name, [folder / host.name / name for name in WATCHED], plan.scenario, watched, merged.realtime_ns)
        if records.info is None:
            missing.append(f"nothing from the watch on {host.name}")
            continue
        hosts.append(records.info.model_copy(update={"parts": tuple(part.name for part in own)}))
        processes += records.processes
        resources += records.resources
    processes += [_generator(part, said) for part, said in zip(generators, merged.generators, strict=True)]
    calls = joined_calls(files, traces, merged.requests, moved)
    return HostsRecords(merged, tuple(calls), tuple(hosts), tuple(processes), tuple(resources), tuple(dict.fromkeys(missing)))


def _generator(part: PlanPart, said: GeneratorShard) -> ProcessInfo:
    died = said.figures is None
    reason = "it ended early" if died else ""
    return ProcessInfo(name=part.name, role="generator", pid=0, host=part.host, replica=part.replica, died=died, reason=reason)


def _traces(part: PlanPart, folder: Path, missing: list[str]) -> list[Path]:
    files = sorted((folder / part.host).glob(f"triton_trace-{part.replica}-*.json*"))
    if not files:
        missing.append(f"no trace of {part.name} on {part.host}")
    return files
