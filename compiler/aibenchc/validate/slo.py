"""Slo: the bounds that a run must keep."""

from __future__ import annotations

from aibenchc.diagnostics import place
from aibenchc.model import Bound, JitterBound, LatencyBound, ShareBound
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.validate.blocks import odd_unit, report_unit, shown
from aibenchc.validate.sections import FRAME_METRICS, percentile
from aibenchc.value_reader import SHARE, TIME, Reader

_SLO = {
    "latency": "write `latency p99 < 500 ms`",
    "missed": "write `missed < 5%`",
    "dropped": "write `dropped < 0.1%`",
    "jitter": "write `jitter < 10 ms`",
}


def slo(section: ast.Section | None, reader: Reader) -> tuple[Bound, ...]:
    """`latency p99 < 500 ms`, `missed < 5%`, `dropped < 0.1%`, `jitter < 10 ms`"""
    bounds: list[Bound] = []
    given: dict[str, Span] = {}
    for entry in section.settings if section else ():
        name = entry.text if isinstance(entry, ast.MetricName) else entry.name.text
        if isinstance(entry, ast.MetricName) or name not in _SLO:
            hint = f"{_SLO['latency']}; a model's target is written in its task"
            reader.diagnostics.report("AIB107", entry.span, owner="`slo`", name=name, hint=reader.did_you_mean(name, _SLO, hint))
        elif name in given:
            reader.diagnostics.report("AIB115", entry.span, what=f"the bound of `{name}`", first=place(given[name]))
        else:
            if name in FRAME_METRICS:
                given[name] = entry.span
            bound = _bound(entry, name, reader)
            bounds += [] if bound is None else [bound]
    return tuple(bounds)


def _bound(entry: ast.Setting, name: str, reader: Reader) -> Bound | None:
    """What an entry of `slo` bounds; None after a report."""
    example, words = _SLO[name], 1 if name == "latency" else 0
    dimension = SHARE if name in ("missed", "dropped") else TIME
    odd = odd_unit(entry.words)
    if odd is not None:
        report_unit(odd, "the bound", dimension.expected, example, reader)
    elif len(entry.words) != words or entry.comparison is None or entry.alternatives:
        expected = "a percentile and its bound" if words else "a bound"
        reader.shape(entry.span, f"`{name}`", expected, f"`{shown(entry)}`", example)
    elif not entry.comparison.operator.startswith("<"):
        reader.diagnostics.report("AIB232", entry.comparison.span, operator="<", found=entry.comparison.operator, example=example)
    else:
        p = percentile(entry.words[0], reader) if words else None
        below = reader.number(entry.comparison.value, "the bound", dimension, above=0, most=1 if dimension is SHARE else None)
        if below is None or (words and p is None):
            return None
        match name:
            case "missed" | "dropped":
                return ShareBound(name, below, entry.span)
            case "jitter":
                return JitterBound(below * 1000, entry.span)
        return None if p is None else LatencyBound(p, below * 1000, entry.span)
    return None
