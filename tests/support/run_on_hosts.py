"""A simulated run on several hosts, and why a run is INVALID."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import ClockInfo, ClockOffset, GeneratorShard, HostInfo
from aibenchrt.report.make import make_report


def on_hosts(run: Run, drift_ns: int = 10_000, **more: Any) -> Run:
    """The run as two generators would have sent it. 50 requests a second: a mean gap of 20 ms."""
    figures = run.info.generator
    assert figures is not None
    clock = ClockInfo(planner="10.0.0.1:21000", before=offset(5 * S), after=offset(5 * S + drift_ns))
    shards = tuple(GeneratorShard(host=f"h{n + 3}", shard=n, shards=2, figures=figures, clocks=(clock,)) for n in range(2))
    host = HostInfo(name="h1", cpu_model="c", cores=2, memory_mib=1024, kernel="k", os="o", parts=("planner", "triton"))
    changed: dict[str, Any] = {"generators": shards, "hosts": (host,)} | more
    machine = tuple(replace(sample, host=host.name) for host in changed["hosts"] for sample in run.machine)
    return replace(run, info=run.info.model_copy(update=changed), machine=machine)


S = 1_000_000_000


def offset(ns: int, uncertainty_ns: int = 20_000) -> ClockOffset:
    return ClockOffset(at_ns=0, offset_ns=ns, realtime_ns=0, uncertainty_ns=uncertainty_ns, exchanges=32)


def reasons(run: Run) -> dict[str, str]:
    """Code of each violated check → what was observed."""
    report, _ = make_report(run)
    return {reason.code: reason.observed for reason in report.verdict.reasons}
