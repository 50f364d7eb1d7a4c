"""The picture of a series: latency of each scenario on one axis, and beside it how much of the path is AI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aibenchrt.figure_format import number
from aibenchrt.report.model import Estimate
from aibenchrt.report.pictures import AI, SERVICE, WIDTH, plain_log, svg
from aibenchrt.report.series.model import Figures, SeriesRow

_MOST_NAME = 28  # characters of a name beside the axis
_MARKERS = {50.0: "o", 90.0: "D"}


def overview(rows: Sequence[SeriesRow]) -> str:
    """An <svg> element; '' where no run has a latency to show."""
    shown = [(row, row.figures) for row in rows if row.figures is not None and any(estimates(row.figures))]
    if not shown:
        return ""
    ordered = list(reversed(shown))

    def draw(figure: Any) -> None:
        latency, share = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
        for at, (row, figures) in enumerate(ordered):
            valid = row.verdict is not None and row.verdict.valid
            for p, estimate in _percentiles(figures):
                _point(latency, at, estimate, SERVICE, _MARKERS[p], valid)
            if figures.ai_share is not None:
                _point(share, at, _in_percent(figures.ai_share), AI, "o", valid)
        latency.set_yticks(range(len(ordered)), [_name(row) for row, _ in ordered])
        latency.set(xscale="log", xlabel="latency of the whole path, ms: ● p50, ◆ p90")
        share.set(xlim=(0, 100), xlabel="AI on the critical path, %")
        plain_log(latency)
        for axes in (latency, share):
            axes.grid(True, axis="x")
            axes.margins(y=0.08)

    return svg(draw, WIDTH + 1.6, 1.1 + 0.34 * len(shown), "overview", alt_text(shown))


def alt_text(shown: Sequence[tuple[SeriesRow, Figures]]) -> str:
    said = []
    for row, figures in shown:
        parts = [f"p{p:g} {number(e.value)} ms" for p, e in _percentiles(figures)]
        parts += [f"AI {number(100 * figures.ai_share.value)} %"] if figures.ai_share is not None else []
        said.append(f"{row.spec}: {', '.join(parts)}")
    return f"Latency and share of AI of {len(shown)} scenario{'' if len(shown) == 1 else 's'}. {'; '.join(said)}."


def estimates(figures: Figures) -> tuple[Estimate, ...]:
    return tuple(estimate for _, estimate in _percentiles(figures))


def _percentiles(figures: Figures) -> list[tuple[float, Estimate]]:
    """Those that have an estimate above 0, which a logarithmic axis can show."""
    return [(q.p, q.estimate) for q in figures.latency if q.p in _MARKERS and q.estimate is not None and q.estimate.low > 0]


def _point(axes: Any, at: int, estimate: Estimate, colour: str, marker: str, valid: bool) -> None:
    """A filled mark on the band of its interval; that of an INVALID run is hollow."""
    axes.plot([estimate.low, estimate.high], [at, at], color=colour, linewidth=5, alpha=0.35 if valid else 0.15, solid_capstyle="butt")
    axes.plot([estimate.value], [at], marker=marker, color=colour, markersize=5.5, linestyle="", fillstyle="full" if valid else "none")


def _in_percent(share: Estimate) -> Estimate:
    return share.model_copy(update={"value": 100 * share.value, "low": 100 * share.low, "high": 100 * share.high})


def _name(row: SeriesRow) -> str:
    invalid = "" if row.verdict is not None and row.verdict.valid else " (INVALID)"
    return (row.spec if len(row.spec) <= _MOST_NAME else f"{row.spec[: _MOST_NAME - 1]}…") + invalid
