"""What each picture of the report shows, in words, for whoever does not see it."""

from __future__ import annotations

from aibenchrt.figure_format import number, percent
from aibenchrt.metrics import value_shown
from aibenchrt.plan import Plan
from aibenchrt.report.model import BEYOND, Estimate, FrameRow, LatencyRow, Percentile, Report

_MOST = 5  # rows that a text names


def alt_texts(report: Report) -> dict[str, str]:
    """Name of a picture → what is seen in it."""
    return {
        "distribution": _distribution(report),
        "components": _components(report),
        "frames": _frames(report),
        "paths": _paths(report),
        "time": _time(report),
        "fractions": _fractions(report),
        "ratios": _ratios(report),
        "quality": _quality(report),
        "roc": _roc(report),
    }


def graph_text(plan: Plan) -> str:
    """What the drawing of the scenario shows."""
    fed = {source.task for part in plan.response for source in part.sources}
    ai = sum(step.kind == "ai" for step in plan.steps)
    after = sum(step.phase == "after" for step in plan.steps)
    classes = _listed([request.name for request in plan.requests])
    return (
        f"The scenario as it ran, from left to right: {_count(len(plan.requests), 'request class', 'es')} ({classes}), "
        f"{_count(len(plan.steps), 'task')}, {ai} of them AI and {after} after the response, which comes from "
        f"{_listed(sorted(fed)) or 'no task'}."
    )


def _distribution(report: Report) -> str:
    rows = [row for row in report.latency if row.scope in ("whole path", "class") and row.n]
    return f"Fraction of requests that took longer than each latency. {'; '.join(map(_percentiles, rows[:_MOST]))}."


def _components(report: Report) -> str:
    rows = [(row, high) for row in report.latency if row.scope == "component" and (high := _highest(row))]
    rows.sort(key=lambda entry: -_value(entry[1].estimate))
    slowest = [f"{row.name} p{high.p:g} {number(_value(high.estimate))} ms" for row, high in rows[:_MOST]]
    return f"Latency of {_count(len(rows), 'component')} beside the whole path; the slowest: {_listed(slowest)}."


def _frames(report: Report) -> str:
    stream = worst_stream(report)
    if stream is None:
        return ""
    parts = [f"{what} {percent(share.value, 2)}" for what, share in (("missed", stream.missed), ("dropped", stream.dropped)) if share]
    parts += [f"jitter {number(stream.jitter.value)} ms"] if stream.jitter else []
    return f"Latency of each of the {stream.frames:,} frames of stream {stream.name} over the measured window; {_listed(parts)}."


def worst_stream(report: Report) -> FrameRow | None:
    """The stream that missed and dropped most, of several the first; None: there are no streams."""
    streams = [row for row in report.frames if row.scope == "stream"]
    return max(streams, key=lambda row: _value(row.missed) + _value(row.dropped), default=None)


def _paths(report: Report) -> str:
    said = []
    for name in dict.fromkeys(row.request_class for row in report.paths):
        rows = sorted((row for row in report.paths if row.request_class == name), key=lambda row: -row.mean_ms)
        longest = [f"{row.task} {number(row.mean_ms)} ms" for row in rows[:3]]
        said.append(f"{name} {number(sum(row.mean_ms for row in rows))} ms, most of it {_listed(longest)}")
    return f"Mean critical path of each class: {'; '.join(said)}."


def _time(report: Report) -> str:
    traffic, arrivals = report.traffic[0], report.arrivals
    return (
        "Requests per second, latency, and requests in flight over the measured window: "
        f"{number(traffic.rate_intended)} requests/s intended, {number(traffic.rate_answered)} answered; "
        f"{number(arrivals.in_flight_mean)} in flight on average, {arrivals.in_flight_max} at most."
    )


def _fractions(report: Report) -> str:
    parts = [
        f"{'AI' if row.of == 'ai' else 'other components'} {percent(row.on_path.value)} of the critical path and "
        f"{percent(row.all_calls.value)} of all calls"
        for row in report.fractions
    ]
    return f"Fractions of the time in components: {_listed(parts)}."


def _ratios(report: Report) -> str:
    highest = max((row.p for row in report.ratios), default=0.0)
    rows = sorted((row for row in report.ratios if row.p == highest), key=lambda row: row.estimate.value)
    shown = [f"{row.task} {number(row.estimate.value)}" for row in rows[:_MOST]]
    return f"p{highest:g} of the whole path over that of each component; the smallest of {len(rows)}: {_listed(shown)}."


def _quality(report: Report) -> str:
    rows = [row for row in report.quality if row.request_class == "all"] or list(report.quality)
    shown = [f"{row.metric} {value_shown(row.metric, row.estimate.value)}" for row in rows[:_MOST]]
    return f"Quality of the answers with 95 % intervals: {_listed(shown)}."


def _roc(report: Report) -> str:
    shown = [
        f"{row.of} of {row.task} {percent(1 - row.chosen_reject)} at {percent(row.chosen_accept)}"
        for row in report.error_curves[: 2 * _MOST]
    ]
    return (
        "Share rightly accepted against the share wrongly accepted, on a logarithmic axis, as the threshold falls; at the chosen "
        f"thresholds: {_listed(shown)}."
    )


def _percentiles(row: LatencyRow) -> str:
    shown = [f"p{p.p:g} {_answer(p)}" for p in row.percentiles if p.estimate or p.beyond]
    return f"{'Whole path' if row.scope == 'whole path' else row.name}: {_listed(shown) or 'too few samples for a percentile'}"


def _answer(percentile: Percentile) -> str:
    value = percentile.beyond.value if percentile.beyond else _value(percentile.estimate)
    return BEYOND if value is None else f"{number(value)} ms"


def _highest(row: LatencyRow) -> Percentile | None:
    return max((p for p in row.percentiles if p.estimate is not None), key=lambda p: p.p, default=None)


def _value(estimate: Estimate | None) -> float:
    return estimate.value if estimate is not None else 0.0


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
