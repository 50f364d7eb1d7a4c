"""What a load sends: the trace that it follows, and whether that is too much, or too little for the percentiles that are asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from aibenchrt.catalog import MOST_REQUESTS
from aibenchrt.component import RequestSource

from aibenchc.graph import RequestClass
from aibenchc.model import AS_DECLARED, Bound, Constant, LatencyBound, Load, LoadChange, Poisson, Sessions, Streams, Trace, Users
from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast
from aibenchc.value_reader import LONGEST_S, Reader

OpenFile = Callable[[str, Span], SourceFile | None]  # opens a file that the spec names; reports if there is none
SAMPLES_BEYOND = 20  # a percentile is shown only with this many requests expected beyond it
_OFFSET = re.compile(r"[ \t]*([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?)[ \t\r]*")
_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,6})?)")
_SHOWN = 40  # characters of a line that a report repeats


def read_trace(name: ast.Text, at: Span, open_trace: OpenFile, reader: Reader) -> tuple[float, ...] | None:
    """Ascending offsets in seconds, one a line; None after a report."""
    source = open_trace(name.value, at)
    if source is None:
        return None
    offsets: list[float] = []
    start = 0
    for line in source.text.split("\n"):
        span = Span(source, start, start + len(line))
        start += len(line) + 1
        if not line.strip():
            continue
        match = _OFFSET.fullmatch(line)
        if match is None:
            shown = line.strip()[:_SHOWN]
            reader.diagnostics.report("AIB234", span, why=f"'{shown}' is not an offset in seconds")
            return None
        offset, before = float(match[1]), offsets[-1] if offsets else 0.0
        if offset > LONGEST_S:
            reader.diagnostics.report("AIB234", span, why=f"an offset is at most {LONGEST_S:,.0f} s, which {match[1][:_SHOWN]} is not")
            return None
        if offset < before:
            reader.diagnostics.report("AIB234", span, why=f"it goes back in time: {match[1][:_SHOWN]} after {before!r}")
            return None
        offsets.append(offset)
    if not offsets:
        reader.diagnostics.report("AIB234", at, why="it is empty")
        return None
    return tuple(offsets)


def percentile_of(value: ast.Value | ast.Name) -> float | None:
    """`p99.9` → 99.9; None where it is no percentile between 0 and 100."""
    match = _PERCENTILE.fullmatch(value.text) if isinstance(value, ast.Ref | ast.Name) else None
    return float(match[1]) if match is not None and 0 < float(match[1]) < 100 else None


def sent(load: Load, seconds: float) -> float:
    """Requests expected in the last `seconds` of the load; an upper bound for users who think, infinite for users who do not think."""
    match load.arrivals:
        case Trace(offsets=offsets):
            return sum(load.end_s - seconds <= offset < load.end_s for offset in offsets)
        case Users(users=users, think_s=think_s):
            return users * seconds / think_s if think_s else math.inf
        case Poisson(rate=rate) | Constant(rate=rate) | Sessions(rate=rate):
            return rate * seconds
        case Streams(streams=streams, rate=rate):
            return streams * rate * seconds


def check_size(load: Load, reader: Reader) -> bool:
    """False after a report: the load has more requests than a load may have, or a trace has none in the measured window. For users the
    number depends on the answers, and is not checked."""
    if not isinstance(load.arrivals, Users) and (count := sent(load, load.end_s)) > MOST_REQUESTS:
        reader.diagnostics.report("AIB235", load.span, count=f"{count:,.0f}", limit=f"{MOST_REQUESTS:,}")
        return False
    if isinstance(load.arrivals, Trace) and not sent(load, load.duration_s):
        window = f"{load.warmup_s:g} s and {load.end_s:g} s"
        reader.diagnostics.report("AIB234", load.span, why=f"it has no request between {window}, the measured window")
        return False
    return True


def _changed(load: Load, change: LoadChange) -> Load:
    """The load of a run. A rate or a number of streams where there is none is refused when the run is prepared."""
    arrivals = load.arrivals
    if change.rate is not None and isinstance(arrivals, Poisson | Constant | Sessions | Streams):
        arrivals = replace(arrivals, rate=change.rate)
    if change.streams is not None and isinstance(arrivals, Streams):
        arrivals = replace(arrivals, streams=change.streams)
    return replace(load, arrivals=arrivals, duration_s=load.duration_s if change.duration_s is None else change.duration_s)


def check_sources(requests: Iterable[tuple[RequestClass, RequestSource]], load: Load, reader: Reader, change: LoadChange) -> None:
    """Reports every class whose payloads this load, as this run changes it, cannot send as their source demands."""
    load = _changed(load, change)
    for request, source in requests:
        if source.pair_apart_s is not None and source.pair_apart_s >= load.duration_s:
            reader.diagnostics.report("AIB239", request.span, name=request.name, apart=source.pair_apart_s, duration=load.duration_s)
        if source.once and isinstance(load.arrivals, Users) and not load.arrivals.think_s:
            reader.diagnostics.report("AIB240", request.span, name=request.name)


def check_samples(load: Load, metrics: ast.Section | None, slo: Iterable[Bound], reader: Reader, change: LoadChange) -> None:
    """Warns of every requested percentile for which the load, as this run changes it, is too short."""
    load = _changed(load, change)
    count = sent(load, load.duration_s)
    way_out = None if change == AS_DECLARED else "give a longer --duration or a higher --rate; a run with fewer is INVALID"
    asked = [(bound.percentile, bound.span) for bound in slo if isinstance(bound, LatencyBound)]
    for entry in metrics.settings if metrics else ():
        if isinstance(entry, ast.Setting) and entry.name.text == "latency":
            asked += [(p, word.span) for word in entry.words if (p := percentile_of(word)) is not None]
    for percentile, span in asked:
        needed = math.ceil(round(100 * SAMPLES_BEYOND / (100 - percentile), 6))
        if needed > count:
            figures = {"percentile": f"{percentile:.8g}", "needed": f"{needed:,}", "count": f"{count:,.0f}"}
            reader.diagnostics.report("AIB236", span, hint=way_out, **figures)
