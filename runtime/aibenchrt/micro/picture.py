"""The roofline (Williams, Waterman and Patterson 2009): what each kernel reaches against what the machine's two peaks allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from aibenchrt.micro.record import MicroRun
from aibenchrt.report.pictures import AI, CLASSES, INK, PLANNER, SERVICE, WIDTH, svg

COLOURS = (SERVICE, *CLASSES, AI, "#8c5a3c", "#c85aa0", "#5a7a2a", PLANNER, "#20507a")
_INK = "<style>svg{color:#1c2430}@media(prefers-color-scheme:dark){svg{color:#dde3ec}}</style>"


def roofline(run: MicroRun) -> str:
    """An <svg> element: FLOP/s against FLOP per byte, forward filled, backward hollow; both axes logarithmic."""
    names = list(dict.fromkeys(row.kernel for row in run.rows))

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        x = np.array([row.intensity for row in run.rows])
        flop, moved = run.peaks.flop.value, run.peaks.bytes.value
        grid = np.geomspace(min(x.min(), 0.1) / 2, max(x.max(), 4 * flop / moved) * 2, 200)
        axes.plot(grid, np.minimum(flop, grid * moved), color=INK, linewidth=1.4, label="peaks of this run")
        axes.axvline(flop / moved, color=INK, linewidth=0.6, linestyle=":")
        for row in run.rows:
            colour = COLOURS[names.index(row.kernel) % len(COLOURS)]
            marker = "s" if row.cached else "o"
            fill = colour if row.direction == "forward" else "none"
            axes.plot([row.intensity], [row.flop_per_s], marker=marker, color=colour, markerfacecolor=fill, markersize=6, linestyle="")
        axes.set(xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="FLOP/s")
        axes.grid(True)
        _key(axes, names)

    return svg(draw, WIDTH, 5.2, f"roofline of {run.device.name}")


def _key(axes: Any, names: list[str]) -> None:
    from matplotlib.lines import Line2D

    def mark(label: str, colour: str, marker: str = "o", fill: str | None = None) -> Line2D:
        return Line2D([], [], marker=marker, color=colour, markerfacecolor=fill or colour, linestyle="", label=label)

    handles = [mark(name.replace("_", " "), COLOURS[at % len(COLOURS)]) for at, name in enumerate(names)]
    handles += [
        mark("forward", INK),
        mark("backward", INK, fill="none"),
        mark("fits the cache", INK, "s"),
        Line2D([], [], color=INK, label="peaks"),
    ]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))


def document(run: MicroRun) -> str:
    """The picture as a file of its own, for light and dark."""
    element = roofline(run)
    head, body = element.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{_INK}{body}\n'
