"""What a run says of a process that died and was started again."""

from __future__ import annotations

import math

from aibenchrt.collect.recorded_run import Run
from aibenchrt.collect.run_info import Outage

CONNECTED_NS = 2_000_000_000  # clients try to connect again about every second


def outage_texts(run: Run) -> tuple[str, ...]:
    """'triton did not serve from second 3.2 to 7.9 (model 'a' answers no inference): 41 requests failed meanwhile'; seconds of the measured
    window."""
    return tuple(_text(run, outage) for outage in run.info.outages)


def _text(run: Run, outage: Outage) -> str:
    start = run.info.load.window_start_ns
    until = f"second {(outage.until_ns - start) / 1e9:.1f}" if outage.until_ns is not None else "the end"
    starts = f", started {outage.restarts} times" if outage.restarts > 1 else ""
    where = f" on {outage.host}" if outage.host else ""
    return (
        f"{outage.process}{where} did not serve from second {(outage.from_ns - start) / 1e9:.1f} to {until} ({outage.reason}{starts}): "
        f"{_failed(run, outage):,} requests failed meanwhile"
    )


def _failed(run: Run, outage: Outage) -> int:
    """Requests that failed and were under way at some time of the outage, or before its clients had connected again."""
    until = math.inf if outage.until_ns is None else outage.until_ns + CONNECTED_NS
    return sum(r.outcome in ("failed", "timeout") and r.done_ns >= outage.from_ns and r.sent_ns <= until for r in run.requests)
