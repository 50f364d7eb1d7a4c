"""The scenario that ran, drawn from the plan: request classes on the left, the response on the right, each task in between.

    layers by longest path → a point in each layer that an edge passes → order by the mean place of what comes before (Sugiyama et al. 1981)

The page never shows a picture that a run directory brings: it would be code of whoever made that directory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from aibenchrt.plan import Plan, Source, Step
from aibenchrt.report.alt_texts import graph_text

LARGEST = 300  # boxes; a larger picture cannot be read
RESPONSE = "response"
SWEEPS = 4

_FILL = {  # kind of box → its fill, its border and its text
    "request": ("#dbeafe", "#1d4ed8", "#111827"),
    "ai": ("#fde7c8", "#c2410c", "#111827"),
    "service": ("#d7f0e3", "#0f766e", "#111827"),
    "after": ("#e9defb", "#7c3aed", "#111827"),
    "response": ("#1f2937", "#1f2937", "#ffffff"),
}
_LEGEND = {"request": "request class", "ai": "AI task", "service": "other task", "after": "after the response", "response": "response"}
_NAME_PX, _SMALL_PX = 8.2, 6.3  # width of a character at 13 px bold and at 10.5 px
_BOX, _GAP, _COLUMN_GAP, _MARGIN, _TOP, _POINT = 42.0, 14.0, 80.0, 24.0, 44.0, 8.0


@dataclass
class _Box:
    """A box, or (kind '') a point that a long edge passes. x: left side; y: middle."""

    name: str
    kind: str
    line: str = ""
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    column: float = 0.0  # width of its layer

    @property
    def width(self) -> float:
        return max(74.0, len(self.name) * _NAME_PX, len(self.line) * _SMALL_PX) + 20 if self.kind else self.column

    @property
    def height(self) -> float:
        return _BOX if self.kind else _POINT


@dataclass
class _Edge:
    source: str
    target: str
    labels: list[str] = field(default_factory=list)
    way: list[_Box] = field(default_factory=list)


def graph_svg(plan: Plan) -> str:
    """An <svg> element without script, link or style sheet; every name in it is text. The same plan gives the same bytes."""
    boxes = _boxes(plan)
    if len(boxes) > LARGEST:
        said = f"{len(plan.requests)} request classes and {len(plan.steps)} tasks: too many to draw"
        return _document(plan, 640, 60, [_text(_MARGIN, 36, said, 13)])
    edges = _edges(plan, boxes)
    _layer(boxes, edges)
    layers = _layers(boxes, edges)
    _order(layers, edges)
    width, height = _place(layers)
    body = [_drawn_edge(edge) for edge in edges] + [label for edge in edges for label in _labels(edge)]
    body += [_drawn_box(box) for box in boxes.values()] + _legend()
    return _document(plan, max(width, 660), height, body)


def _boxes(plan: Plan) -> dict[str, _Box]:
    classes = {request.name: _Box(request.name, "request", f"{100 * request.share:.4g} %") for request in plan.requests}
    tasks = {step.task: _Box(step.task, "after" if step.phase == "after" else step.kind, _stages(step)) for step in plan.steps}
    return {**classes, **tasks, RESPONSE: _Box(RESPONSE, "response")}


def _stages(step: Step) -> str:
    words = [f"{stage.component}: {stage.model}" if stage.model else stage.component for stage in step.stages]
    shown = " + ".join(words)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def _edges(plan: Plan, boxes: Mapping[str, _Box]) -> list[_Edge]:
    """One for each pair of boxes, with the arms under which it is taken."""
    joined: dict[tuple[str, str], _Edge] = {}
    fed: list[tuple[str, Iterable[Source]]] = [(step.task, entry.sources) for step in plan.steps for entry in step.inputs]
    fed += [(RESPONSE, part.sources) for part in plan.response]
    for target, sources in fed:
        for source in sources:
            if source.task in boxes:
                edge = joined.setdefault((source.task, target), _Edge(source.task, target))
                edge.labels += [f"{guard.choice} {guard.arm + 1}" for guard in source.guards]
    for edge in joined.values():
        edge.labels = list(dict.fromkeys(edge.labels))
    return list(joined.values())


def _layer(boxes: Mapping[str, _Box], edges: Sequence[_Edge]) -> None:
    """Each box after all that it needs. A plan that goes in circles, which none of ours does, is drawn somehow."""
    for _ in range(len(boxes)):
        changed = False
        for edge in edges:
            least = min(boxes[edge.source].layer + 1, len(boxes))
            if boxes[edge.target].layer < least:
                boxes[edge.target].layer, changed = least, True
        if not changed:
            break
    boxes[RESPONSE].layer = max(box.layer for box in boxes.values())


def _layers(boxes: Mapping[str, _Box], edges: Sequence[_Edge]) -> list[list[_Box]]:
    """The boxes of each layer, and the points where edges pass it; gives each edge its way."""
    layers: dict[int, list[_Box]] = defaultdict(list)
    for box in boxes.values():
        layers[box.layer].append(box)
    for edge in edges:
        source, target = boxes[edge.source], boxes[edge.target]
        points = [_Box(edge.source, "", layer=layer) for layer in range(source.layer + 1, target.layer)]
        for point in points:
            layers[point.layer].append(point)
        edge.way = [source, *points, target]
    return [layers[layer] for layer in sorted(layers)]


def _order(layers: Sequence[list[_Box]], edges: Sequence[_Edge]) -> None:
    before, after = defaultdict(list), defaultdict(list)
    for edge in edges:
        for left, right in pairwise(edge.way):
            before[id(right)].append(left)
            after[id(left)].append(right)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for layer in layers if forward else reversed(layers):
            place = {id(box): n for other in layers for n, box in enumerate(other)}
            near = before if forward else after
            means = {id(box): sum(place[id(b)] for b in near[id(box)]) / len(near[id(box)]) for box in layer if near[id(box)]}
            layer.sort(key=lambda box: means.get(id(box), place[id(box)]))


def _place(layers: Sequence[Sequence[_Box]]) -> tuple[float, float]:
    heights = [sum(box.height + _GAP for box in layer) - _GAP for layer in layers]
    x, tallest = _MARGIN, max(heights)
    for layer, height in zip(layers, heights, strict=True):
        width = max((box.width for box in layer if box.kind), default=0.0)
        y = _TOP + (tallest - height) / 2
        for box in layer:
            box.column = width
            box.x, box.y = x + (width - box.width) / 2, y + box.height / 2
            y += box.height + _GAP
        x += width + _COLUMN_GAP
    return x - _COLUMN_GAP + _MARGIN, tallest + _TOP + _MARGIN


def _drawn_edge(edge: _Edge) -> str:
    parts = [f"M{edge.way[0].x + edge.way[0].width:.1f},{edge.way[0].y:.1f}"]
    for left, right in pairwise(edge.way):
        end = right.x - (7 if right.kind else 0)
        start = left.x + left.width
        middle = (start + end) / 2
        parts.append(f"C{middle:.1f},{left.y:.1f} {middle:.1f},{right.y:.1f} {end:.1f},{right.y:.1f}")
        if not right.kind:
            parts.append(f"H{right.x + right.width:.1f}")
    head = edge.way[-1]
    tip = f'<path d="M{head.x - 8:.1f},{head.y - 4:.1f} l8,4 l-8,4 z" fill="#64748b"/>'
    return f'<path d="{" ".join(parts)}" fill="none" stroke="#64748b" stroke-width="1.2"/>{tip}'


def _labels(edge: _Edge) -> list[str]:
    """The arms, above the edge where it ends."""
    head = edge.way[-1]
    shown = ", ".join(edge.labels)
    return [_text(head.x - 12, head.y - 5, shown if len(shown) <= 24 else f"{shown[:23]}…", 10, anchor="end")] if shown else []


def _drawn_box(box: _Box) -> str:
    fill, border, ink = _FILL[box.kind]
    place = f'x="{box.x:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"'
    middle = box.x + box.width / 2
    name = _text(middle, box.y + (-2 if box.line else 5), box.name, 13, ink, "middle", bold=True)
    line = _text(middle, box.y + 13, box.line, 10.5, ink, "middle") if box.line else ""
    return f'<rect {place} fill="{fill}" stroke="{border}" stroke-width="1.2"/>{name}{line}'


def _legend() -> list[str]:
    x, drawn = _MARGIN, []
    for kind, word in _LEGEND.items():
        fill, border, _ = _FILL[kind]
        drawn.append(
            f'<rect x="{x:.1f}" y="12" width="14" height="12" rx="3" fill="{fill}" stroke="{border}"/>{_text(x + 19, 22, word, 11)}'
        )
        x += 19 + len(word) * 6.6 + 18
    return drawn


def _text(x: float, y: float, content: str, size: float, colour: str = "#111827", anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    halo = ' paint-order="stroke" stroke="#ffffff" stroke-width="3"' if anchor == "end" else ""  # it stands on edges
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"'
    return f'<text {where} fill="{colour}" text-anchor="{anchor}"{weight}{halo}>{_shown(content)}</text>'


def _document(plan: Plan, width: float, height: float, body: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="width:100%"'
    return "\n".join([f'<svg {size} role="img" aria-label="{_shown(graph_text(plan))}">', *body, "</svg>"])


def _shown(content: str) -> str:
    """As text or as the value of an attribute."""
    return escape("".join(c if c.isprintable() else " " for c in content))
