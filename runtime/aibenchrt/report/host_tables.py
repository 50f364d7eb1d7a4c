"""Additional tables of a run on several hosts."""

from __future__ import annotations

from aibenchrt.figure_format import number, percent
from aibenchrt.report.model import Fault, Report

ABSENT = "–"
Rows = tuple[tuple[str, ...], ...]


def host_cells(report: Report) -> Rows:
    """host, CPU, cores, memory, parts."""
    return tuple((h.host, h.cpu, str(h.cores), f"{h.memory_mib:,}", ", ".join(h.parts)) for h in report.hosts)


def generator_cells(report: Report) -> Rows:
    """host, shard, sent, not sent, lateness p50, p99, max, CPU, priority."""
    rows = []
    for g in report.generators:
        f = g.figures
        late = [number(ns / 1e6) for ns in (f.lateness_p50_ns, f.lateness_p99_ns, f.lateness_max_ns)] if f else [ABSENT] * 3
        priority = ("real-time" if f.real_time else "normal") if f else "no figures"
        counts = (f"{f.sent:,}", f"{f.dropped:,}") if f else (ABSENT, ABSENT)
        share = percent(f.cpu_share) if f else ABSENT
        rows.append((g.host, f"{g.shard + 1} of {g.shards}", *counts, *late, share, priority))
    return tuple(rows)


def clock_cells(report: Report) -> Rows:
    """generator's host, planner, offset, uncertainty, drift, largest error."""
    return tuple(
        (
            c.host,
            c.planner,
            number(c.offset_ms, sign="+"),
            number(c.uncertainty_ms),
            ABSENT if c.drift_ms is None else number(c.drift_ms, sign="+"),
            number(c.error_ms),
        )
        for c in report.clocks
    )


def timeline_cells(fault: Fault | None) -> Rows:
    """second, requests, failed, median, slowest."""
    if fault is None:
        return ()
    return tuple(
        (
            str(row.second),
            f"{row.asked:,}",
            f"{row.failed:,}" if row.failed else "",
            ABSENT if row.p50_ms is None else number(row.p50_ms),
            ABSENT if row.max_ms is None else number(row.max_ms),
        )
        for row in fault.seconds
    )


def fault_says(fault: Fault) -> str:
    """One sentence about what users noticed."""
    if fault.first_failed_s is None:
        return f"none of {fault.asked:,} requests failed"
    text = f"{fault.failed:,} of {fault.asked:,} requests failed, the first in second {fault.first_failed_s}"
    if fault.well_s is None:
        return text + "; they still failed at the end"
    text += f"; all succeed from second {fault.well_s} on, {fault.well_s - fault.first_failed_s} s later"
    return text + (f"; latency is as before from second {fault.calm_s} on" if fault.calm_s is not None else "; latency stays high")
