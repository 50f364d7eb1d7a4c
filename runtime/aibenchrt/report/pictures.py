"""The pictures of the report as inline SVG: text in the page's own font and colour, so that they read in light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np

from aibenchrt.collect.recorded_run import SUPPLEMENT
from aibenchrt.metrics import SHARE
from aibenchrt.metrics import metric as metric_of
from aibenchrt.plan import latency_bounds
from aibenchrt.report import figures
from aibenchrt.report.alt_texts import alt_texts, worst_stream
from aibenchrt.report.analysis import Analysis
from aibenchrt.report.frames import frames
from aibenchrt.report.model import Estimate, Report
from aibenchrt.report.statistics import SAMPLES_BEYOND, Array

WIDTH = 10.0  # inches of 96 pixels: the width of the page
INK = "#010203"  # replaced by currentColor
# Each has a contrast of at least 3 with the page's light and dark card (WCAG 2.2, 1.4.11).
AI, SERVICE, PLANNER, GOOD, BAD = "#cc7722", "#3f87c9", "#858d9a", "#2f9e6e", "#d24b4b"
SHADES = {"ai": (AI, "#a8590f"), "service": (SERVICE, "#2f6ea8"), "planner": (PLANNER, PLANNER)}  # neighbours on a bar
DARK, LIGHT = "#10151c", "#ffffff"  # of text on a bar
COLOURS = {"ai": AI, "service": SERVICE, "planner": PLANNER}
CLASSES = ("#7a5bd0", "#2f9e6e", "#d24b4b", "#a87d00", "#1f93a5")

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with a dollar sign is a name
    "svg.hashsalt": "aibenchc",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "grid.color": "#8b93a0",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb', 0 to 1 (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours '#rrggbb', 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: str) -> str:
    """The colour of text on a surface of this colour."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, colour))


def svg(draw: Callable[[Any], None], width: float, height: float, label: str, alt: str = "") -> str:
    """Draws on a matplotlib figure of that size in inches; gives an <svg> element for a page, without any outside reference. label: its
    name on the page; alt: what is seen in it, for whoever does not see it."""
    with matplotlib.rc_context(STYLE):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine()
        figure = Figure(figsize=(width, height), layout=layout, dpi=72)  # dpi: of an SVG file, whatever is asked for
        FigureCanvasSVG(figure)
        draw(figure)
        layout.execute(figure)
        figure.set_layout_engine("none")  # else savefig draws everything once more, for the layout alone
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return inline(buffer.getvalue(), label, alt or label)


def inline(text: str, label: str, alt: str) -> str:
    """matplotlib's SVG document as an element of a page: no prolog, metadata or fixed size; ink in the page's colour."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"\sxmlns(:\w+)?=\"[^\"]*\"", "", text)
    head, body = text.split(">", 1)
    size = re.search(r"\bwidth=\"([\d.]+)", head)
    limit = f"max-width:{float(size.group(1)) * 4 / 3:.0f}px" if size and "pt" in head else "max-width:100%"
    head = re.sub(r"\s(width|height)=\"[^\"]*\"", "", head)
    escaped = alt.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    # Ids are renumbered: matplotlib derives them from coordinates whose last bits vary, and two pictures must not share any.
    names = {old: f"{re.sub('[^a-z]', '-', label)}-{n}" for n, old in enumerate(dict.fromkeys(re.findall(r"\bid=\"([^\"]+)\"", body)))}
    body = re.sub(r"\bid=\"([^\"]+)\"", lambda m: f'id="{names[m[1]]}"', body)
    body = re.sub(r"(url\(|href=\")#([^\")]+)", lambda m: f"{m[1]}#{names.get(m[2], m[2])}", body)
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    return f'{head} style="width:100%;{limit}" role="img" aria-label="{escaped}">{body}'.replace(INK, "currentColor")


def pictures(analysis: Analysis, report: Report) -> dict[str, str]:
    """Name → SVG element, in the order of the page; a picture without data is left out."""
    alt = alt_texts(report)
    drawn = {
        "distribution": _distribution(analysis, alt["distribution"]),
        "components": _components(report, alt["components"]),
        "frames": _frames(analysis, report, alt["frames"]),
        "paths": _paths(report, alt["paths"]),
        "time": _time(analysis, alt["time"]),
        "fractions": _fractions(report, alt["fractions"]),
        "ratios": _ratios(report, alt["ratios"]),
        "quality": _quality(report, alt["quality"]),
        "roc": _roc(report, alt["roc"]),
    }
    return {name: picture for name, picture in drawn.items() if picture}


def _tail(values: Array) -> tuple[Array, Array]:
    """Latency against the fraction of requests that were slower, up to where fewer than 20 are left, or only failures (infinite)."""
    ordered = np.sort(values)
    slower = 1.0 - np.arange(1, len(ordered) + 1) / len(ordered)
    kept = (slower * len(ordered) >= SAMPLES_BEYOND) & np.isfinite(ordered)
    step = max(1, int(kept.sum()) // 400)
    return ordered[kept][::step], slower[kept][::step]


def _distribution(analysis: Analysis, alt: str) -> str:
    run = analysis.run
    curves = [("whole path", INK, figures.ranked_ms(run.measured))]
    for index, cls in enumerate(run.plan.requests):
        own = [r for r in (*run.measured, *run.phase(SUPPLEMENT)) if r.request_class == cls.name]
        phases = {r.phase for r in own}
        name = cls.name + (" (with its supplement)" if SUPPLEMENT in phases else "")
        curves.append((name, CLASSES[index % len(CLASSES)], figures.ranked_ms(own)))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for name, colour, values in curves:
            x, y = _tail(values)
            if len(x) > 1:
                wide = colour == INK  # drawn behind the class of which it mostly consists
                axes.plot(x, y, color=colour, linewidth=5 if wide else 1.5, alpha=0.3 if wide else 1.0, label=name)
        for bound in latency_bounds(run.plan):
            axes.plot(
                [bound.below_ms], [1 - bound.percentile / 100], marker="v", color=BAD, linestyle="", label=f"slo p{bound.percentile:g}"
            )
        axes.set(
            xscale="log", yscale="log", xlabel="latency from the intended send time, ms", ylabel="fraction of requests that were slower"
        )
        ticks = [0.5, 0.1, 0.01, 0.001]
        axes.set_yticks(ticks, ["p50", "p90", "p99", "p99.9"])
        lowest = min((float(y.min()) for _, _, v in curves if len(y := _tail(v)[1])), default=0.01)
        axes.set_ylim(lowest * 0.8, 1.1)
        plain_log(axes)
        axes.grid(True)
        axes.legend()

    return svg(draw, WIDTH, 4.2, "latency distribution", alt) if np.isfinite(curves[0][2]).sum() >= SAMPLES_BEYOND * 2 else ""


def plain_log(axes: Any) -> None:
    """A logarithmic x axis with plain numbers, at 1, 2 and 5 where it is not too long."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    low, high = axes.get_xlim()
    if high / low < 2000:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))


def _components(report: Report, alt: str) -> str:
    rows = [row for row in report.latency if row.scope in ("whole path", "component") and any(q.estimate for q in row.percentiles)]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        markers = ("o", "D", "s", "^", "v")
        for at, row in enumerate(reversed(rows)):
            colour = COLOURS.get(row.kind, INK)
            shown = [(k, q) for k, q in enumerate(row.percentiles) if q.estimate]
            values = [q.estimate.value for _, q in shown if q.estimate]
            axes.plot(values, [at] * len(values), color=colour, linewidth=1, alpha=0.6)
            for k, q in shown:
                if q.estimate:
                    axes.plot([q.estimate.low, q.estimate.high], [at, at], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
                    axes.plot([q.estimate.value], [at], marker=markers[k % 5], color=colour, markersize=5.5, linestyle="")
        axes.set_yticks(range(len(rows)), [r.scope if r.scope == "whole path" else r.name for r in reversed(rows)])
        axes.set(xscale="log", xlabel="ms; bands: 95 % intervals")
        plain_log(axes)
        axes.grid(True, axis="x")
        axes.margins(y=0.04)
        _key(axes, [(f"p{q.p:g}", markers[k % 5], PLANNER) for k, q in enumerate(rows[0].percentiles)])

    return svg(draw, WIDTH, 0.9 + 0.27 * len(rows), "latency of each component", alt) if rows else ""


def _key(axes: Any, entries: Sequence[tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], marker=marker, color=colour, linestyle="", label=label) for label, marker, colour in entries]
    handles += [Line2D([], [], color=c, linewidth=4, label=n) for n, c in (("AI", AI), ("non-AI", SERVICE), ("planner", PLANNER))]
    axes.legend(handles=handles, ncols=len(handles), loc="lower center", bbox_to_anchor=(0.45, 1.0), handlelength=1.0, columnspacing=1.2)


def _paths(report: Report, alt: str) -> str:
    classes = list(dict.fromkeys(row.request_class for row in report.paths))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        longest = max(sum(r.mean_ms for r in report.paths if r.request_class == c) for c in classes)
        for at, name in enumerate(reversed(classes)):
            left = 0.0
            for order, row in enumerate(r for r in report.paths if r.request_class == name):
                colour = SHADES.get(row.kind, SHADES["planner"])[order % 2]
                axes.barh(at, row.mean_ms, left=left, color=colour, height=0.84)
                letters = 0.0095 * longest * len(row.task)
                if row.mean_ms > min(letters, 0.02 * longest):
                    turn = 0 if row.mean_ms > letters else 90
                    ink = readable_on(colour)
                    axes.text(left + row.mean_ms / 2, at, row.task, ha="center", va="center", color=ink, fontsize=8.5, rotation=turn)
                left += row.mean_ms
        axes.set_yticks(range(len(classes)), list(reversed(classes)))
        axes.set_xlabel("mean response time along the critical path, ms")
        axes.grid(True, axis="x")
        axes.set_axisbelow(True)
        _key(axes, [])

    return svg(draw, WIDTH, 0.9 + 0.95 * len(classes), "critical path of each class", alt) if classes else ""


def _time(analysis: Analysis, alt: str) -> str:
    run = analysis.run
    start, end = run.info.load.window_start_ns, run.info.load.window_end_ns
    seconds = np.arange(0.0, (end - start) / 1e9 + 1.0)
    if len(seconds) < 3 or not run.measured:
        return ""
    sent = [(r.intended_ns - start) / 1e9 for r in run.measured]
    good = [(r.done_ns - start) / 1e9 for r in run.measured if r.outcome == "ok"]
    bad = [(r.done_ns - start) / 1e9 for r in run.measured if r.outcome != "ok"]
    times, flying = figures.in_flight(run.measured)
    slowest = _per_second(seconds, sent, [(r.done_ns - r.intended_ns) / 1e6 if r.outcome == "ok" else np.nan for r in run.measured])

    def draw(figure: Any) -> None:
        rates, latency, load = figure.subplots(3, 1, sharex=True, height_ratios=(1.2, 1, 0.8))
        for values, colour, name in ((sent, PLANNER, "intended"), (good, GOOD, "answered"), (bad, BAD, "failed")):
            counts = np.histogram(values, bins=seconds)[0]
            if name != "failed" or counts.any():
                rates.step(seconds[:-1], counts, where="post", color=colour, linewidth=1.2, label=name)
        rates.set_ylabel("requests/s")
        rates.set_ylim(bottom=0)
        rates.legend(ncols=3, loc="lower right")
        latency.plot(seconds[:-1] + 0.5, slowest[1], color=SERVICE, linewidth=1.2, label="slowest of each second")
        latency.plot(seconds[:-1] + 0.5, slowest[0], color=INK, linewidth=1.2, label="median of each second")
        latency.set_ylabel("latency, ms")
        latency.set_ylim(0, 1.3 * float(np.nanmax([*slowest[1], 1e-3])))
        latency.legend(ncols=2, loc="upper right")
        moments = (times - start) / 1e9
        grid = np.linspace(0, seconds[-1], 600)
        load.fill_between(
            grid, flying[np.maximum(np.searchsorted(moments, grid, side="right") - 1, 0)], step="post", color=PLANNER, alpha=0.6
        )
        load.set(ylabel="in flight", xlabel="seconds of the measured window", xlim=(0, seconds[-1]))
        for axes in (rates, latency, load):
            axes.grid(True)

    return svg(draw, WIDTH, 5.4, "throughput, latency and requests in flight over time", alt)


def _frames(analysis: Analysis, report: Report, alt: str) -> str:
    """The frames of the stream that missed most: latency over time, what was missed and dropped."""
    stream, start = worst_stream(report), analysis.run.info.load.window_start_ns
    own = [frame for frame in frames(analysis.run) if stream is not None and str(frame.stream) == stream.name]
    if stream is None or not own:
        return ""
    groups = (
        ("in time", GOOD, ".", [f for f in own if not f.missed and not f.dropped]),
        ("missed", BAD, "o", [f for f in own if f.missed]),
    )
    dropped = [(f.request.intended_ns - start) / 1e9 for f in own if f.dropped]
    top = 1.25 * max([f.latency_ms for f in own if not f.dropped] + [d for f in own if np.isfinite(d := f.deadline_ms)], default=1.0)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for name, colour, marker, group in groups:
            at = [(f.request.intended_ns - start) / 1e9 for f in group]
            if group:
                axes.plot(at, [f.latency_ms for f in group], marker, color=colour, markersize=4, label=f"{name}: {len(group):,}")
        if dropped:
            axes.plot(dropped, [0.97 * top] * len(dropped), "x", color=INK, markersize=6, label=f"dropped: {len(dropped):,}")
        for number, deadline in enumerate(sorted({f.deadline_ms for f in own if np.isfinite(f.deadline_ms)})):
            axes.axhline(deadline, color=INK, linewidth=1.2, linestyle="--", label="deadline" if number == 0 else None)
        axes.set(xlabel="seconds of the measured window", ylabel="latency, ms", ylim=(0, top), title=f"stream {stream.name}")
        axes.legend(ncols=4, loc="upper right")
        axes.grid(True)

    return svg(draw, WIDTH, 3.4, "frames of a stream over time", alt)


def _per_second(seconds: Array, at: Sequence[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Median and largest of the values in each second, NaN where there is none."""
    which = np.digitize(at, seconds) - 1
    array = np.array(values, dtype=np.float64)
    groups = [array[(which == k) & np.isfinite(array)] for k in range(len(seconds) - 1)]
    return [float(np.median(g)) if len(g) else np.nan for g in groups], [float(g.max()) if len(g) else np.nan for g in groups]


def _fractions(report: Report, alt: str) -> str:
    if not report.fractions:
        return ""
    rows = (("critical path", [s.on_path for s in report.fractions]), ("all calls", [s.all_calls for s in report.fractions]))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for at, (_, parts) in enumerate(rows):
            left = 0.0
            for fraction, part in zip(report.fractions, parts, strict=True):
                colour = AI if fraction.of == "ai" else SERVICE
                axes.barh(at, 100 * part.value, left=left, color=colour, height=0.6)
                text = f"{'AI' if fraction.of == 'ai' else 'non-AI'} {100 * part.value:.1f} %"
                axes.text(left + 50 * part.value, at, text, ha="center", va="center", color=readable_on(colour), fontsize=9.5)
                left += 100 * part.value
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set(xlim=(0, 100), xlabel="% of the time in components")

    return svg(draw, WIDTH, 1.5, "time in AI and other components", alt)


def _ratios(report: Report, alt: str) -> str:
    highest = max((r.p for r in report.ratios), default=0.0)
    rows = [r for r in report.ratios if r.p == highest]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        _dots(axes, [(r.task, r.estimate, COLOURS.get(r.kind, PLANNER)) for r in rows], 1.0)
        axes.axvline(1.0, color=INK, linewidth=0.8, linestyle=":")
        axes.set(xscale="log", xlabel=f"p{highest:g} of the whole path ÷ p{highest:g} of the component; bands: 95 % intervals")
        plain_log(axes)
        axes.grid(True, axis="x")

    return svg(draw, WIDTH, 0.8 + 0.27 * len(rows), "whole path over component", alt) if rows else ""


def _dots(axes: Any, rows: Sequence[tuple[str, Estimate, str]], scale: float) -> None:
    for at, (_, estimate, colour) in enumerate(reversed(rows)):
        axes.plot([estimate.low * scale, estimate.high * scale], [at, at], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
        axes.plot([estimate.value * scale], [at], marker="o", color=colour, markersize=6, linestyle="")
    axes.set_yticks(range(len(rows)), [name for name, _, _ in reversed(rows)])
    axes.margins(y=0.08)


def _quality(report: Report, alt: str) -> str:
    """The metrics that are shares; others have scales of their own, and are only in the table."""
    rows = [q for q in report.quality if (row := metric_of(q.metric)) is None or row.unit == SHARE]
    classes = list(dict.fromkeys(q.request_class for q in rows))
    colours = {name: INK if name == "all" else CLASSES[(k - 1) % len(CLASSES)] for k, name in enumerate(classes)}

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        _dots(axes, [(f"{q.metric}, {q.request_class}", q.estimate, colours[q.request_class]) for q in rows], 100.0)
        axes.set(xlim=(0, None), xlabel="%; bands: 95 % intervals")
        axes.grid(True, axis="x")

    return svg(draw, WIDTH, 0.7 + 0.27 * len(rows), "quality of the answers", alt) if rows else ""


def _roc(report: Report, alt: str) -> str:
    """Receiver operating characteristics (ISO/IEC 19795-1:2021), one picture for each model."""
    tasks = list(dict.fromkeys(row.task for row in report.error_curves))

    def draw(figure: Any) -> None:
        every = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axes, task in zip(every, tasks, strict=True):
            rows = [row for row in report.error_curves if row.task == task]
            for row, colour in zip(rows, (AI, SERVICE, PLANNER, *CLASSES), strict=False):
                accepted = [100 * (1 - rate) for rate in row.false_reject]
                axes.plot([100 * rate for rate in row.false_accept], accepted, color=colour, linewidth=1.8, label=row.of)
                at = (100 * row.chosen_accept, 100 * (1 - row.chosen_reject))
                axes.plot(*([value] for value in at), marker="o", color=colour, markersize=7, linestyle="")
            lowest = min((rate for row in rows for rate in row.false_accept if rate > 0), default=0.01)
            axes.set(xscale="log", xlim=(100 * lowest, 100), ylim=(0, 104), title=f"{task}: {rows[0].model}", xlabel="wrongly accepted, %")
            plain_log(axes)
            axes.grid(True)
            axes.legend(loc="lower right")
        every[0].set_ylabel("rightly accepted, %")

    return svg(draw, WIDTH, 3.8, "errors of decisions", alt) if tasks else ""
