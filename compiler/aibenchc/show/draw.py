"""A graph as one self-contained SVG, drawn from left to right in layers (Sugiyama, Tagawa and Toda 1981).

    merge parallel edges → layers by longest path → dummy nodes along long edges → order by barycentres → heights by isotonic regression

Colour says what a node is: request class, AI task, non-AI task, effect, auxiliary, response. Arms of choices stand on their edges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from aibenchrt.catalog import component
from aibenchrt.component import Kind

from aibenchc.flow import Flow
from aibenchc.graph import RESPONSE, ExclusiveChoice, Fallback, Graph, Guard, RequestClass, Task
from aibenchc.show.svg import FILL, document, text

LARGEST = 300  # tasks; a larger picture cannot be read
SWEEPS = 24

_ROW, _GAP, _COLUMN_GAP, _MARGIN, _TOP = 46.0, 14.0, 74.0, 24.0, 58.0
_DUMMY_GAP = 12.0
_NAME_PX, _SMALL_PX, _LABEL_PX = 8.2, 6.3, 6.1  # width of a character at 13 px bold, 10.5 px and 10 px


@dataclass
class _Node:
    """A box, or (kind '') a point through which a long edge passes. x: left side, y: middle."""

    name: str
    kind: str
    lines: tuple[str, ...] = ()
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    column: float = 0.0  # width of the layer, which an edge through a point crosses horizontally

    @property
    def width(self) -> float:
        if not self.kind:
            return self.column
        small = max((len(line) for line in self.lines), default=0) * _SMALL_PX
        return max(74.0, len(self.name) * _NAME_PX, small) + 20

    @property
    def height(self) -> float:
        return (_ROW - 14 + 13 * len(self.lines)) if self.kind else 0.0


@dataclass
class _Line:
    """A drawn edge: through which nodes, its labels (arms), and whether it is marked."""

    source: str
    target: str
    labels: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)
    marked: bool = False
    way: list[_Node] = field(default_factory=list)
    leaves: float = 0.0  # where on its source's right side it starts, and on its target's left side it ends, from the middle
    enters: float = 0.0


def draw(flow: Flow, title: str, marked: Collection[str] = frozenset()) -> str:
    """The SVG of a valid graph. marked: names of tasks and classes to show as about to be removed. The same graph gives the same bytes."""
    graph = flow.graph
    if len(graph.tasks) > LARGEST:
        said = f"{len(graph.requests)} request classes, {len(graph.tasks)} tasks: too many to draw; `distill SPEC --trace full` lists them"
        return document(640, 110, [text(_MARGIN, 34, title, 15, bold=True), text(_MARGIN, 66, said, 11)])
    nodes = _nodes(graph)
    lines = _lines(flow, marked)
    _layer(nodes, lines)
    layers = _route(nodes, lines)
    _order(layers, lines)
    width, height = _place(layers, lines)
    body = [text(_MARGIN, 34, title, 15, bold=True)]
    for line in sorted(lines, key=lambda line: line.marked):
        body += _draw_line(line)
    for node in nodes.values():
        body += _draw_box(node, node.name in marked)
    body += _draw_labels(lines)
    body += _legend(nodes.values(), height)
    return document(max(width, 560), height + 46, body)


def _nodes(graph: Graph) -> dict[str, _Node]:
    requests = [_Node(r.name, "request", _asked(r)) for r in graph.requests]
    tasks = [_Node(task.name, _kind(task), _said(task)) for task in graph.tasks]
    return {node.name: node for node in (*requests, *tasks, _Node(RESPONSE, "response"))}


def _asked(request: RequestClass) -> tuple[str, ...]:
    share = f"{_percent(request.share)} of requests"
    return (share,) if request.deadline_s is None else (share, f"deadline {request.deadline_s * 1000:g} ms")


def _kind(task: Task) -> str:
    if task.auxiliary or task.effect:
        return "auxiliary" if task.auxiliary else "effect"
    spec = component(task.stages[0].component)
    return "AI" if spec and spec.kind is Kind.AI else "non-AI"


def _said(task: Task) -> tuple[str, ...]:
    lines = []
    for stage in task.stages[:4]:
        models = " | ".join(candidate.model for candidate in stage.candidates)
        lines.append(stage.component.replace("_", " "))
        if models:
            lines.append(models if len(models) <= 30 else f"{len(stage.candidates)} models")
    return (*lines, f"and {len(task.stages) - 4} more") if len(task.stages) > 4 else tuple(lines)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _lines(flow: Flow, marked: Collection[str]) -> list[_Line]:
    """One line for each pair of nodes that wires join."""
    lines: dict[tuple[str, str], _Line] = {}
    for wire in flow.wires:
        line = lines.setdefault((wire.source, wire.target), _Line(wire.source, wire.target))
        line.ports.append(f"{wire.source}.{wire.source_port} → {wire.target}.{wire.target_port}")
        label = " · ".join(_arm(flow.graph, guard) for guard in wire.guards)
        if label and label not in line.labels:
            line.labels.append(label)
        line.marked = wire.source in marked or wire.target in marked
    return list(lines.values())


def _arm(graph: Graph, guard: Guard) -> str:
    choice = next(c for c in graph.choices if c.name == guard.choice)
    match choice:
        case ExclusiveChoice(arms=arms):
            arm = arms[guard.arm]
            return _percent(arm.share) + (f" {arm.when.task}.{arm.when.port}" if arm.when else "")
        case Fallback(arms=tried):
            return "first" if guard.arm == 0 else f"else {_percent(tried[guard.arm].share)}"


def _layer(nodes: Mapping[str, _Node], lines: Sequence[_Line]) -> None:
    """Layers by longest path; then a node with more consumers than producers moves right, next to its first consumer."""
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        after[line.source].append(line.target)
        before[line.target].append(line.source)
    waits = {name: len(before[name]) for name in nodes}
    order = [name for name, count in waits.items() if count == 0]
    for name in order:
        for follower in after[name]:
            nodes[follower].layer = max(nodes[follower].layer, nodes[name].layer + 1)
            waits[follower] -= 1
            if waits[follower] == 0:
                order.append(follower)
    for name in reversed(order):
        if nodes[name].kind != "request" and len(after[name]) > len(before[name]):
            nodes[name].layer = min(nodes[follower].layer for follower in after[name]) - 1
    nodes[RESPONSE].layer = max(nodes[RESPONSE].layer, max(node.layer for node in nodes.values()))


def _route(nodes: Mapping[str, _Node], lines: Sequence[_Line]) -> list[list[_Node]]:
    """The layers, with a dummy node in each layer that a long edge crosses."""
    layers: list[list[_Node]] = [[] for _ in range(max(node.layer for node in nodes.values()) + 1)]
    for node in nodes.values():
        layers[node.layer].append(node)
    for line in lines:
        start, end = nodes[line.source], nodes[line.target]
        between = [_Node(f"{line.source}->{line.target}", "", layer=layer) for layer in range(start.layer + 1, end.layer)]
        for dummy in between:
            layers[dummy.layer].append(dummy)
        line.way = [start, *between, end]
    return layers


def _neighbours(lines: Sequence[_Line]) -> tuple[dict[int, list[_Node]], dict[int, list[_Node]]]:
    left: dict[int, list[_Node]] = defaultdict(list)
    right: dict[int, list[_Node]] = defaultdict(list)
    for line in lines:
        for a, b in pairwise(line.way):
            right[id(a)].append(b)
            left[id(b)].append(a)
    return left, right


def _order(layers: list[list[_Node]], lines: Sequence[_Line]) -> None:
    """Orders each layer by the mean place of its neighbours in the layer before, sweeping forth and back; keeps the order with the fewest
    crossings."""
    left, right = _neighbours(lines)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, right)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        sides = left if forward else right
        for layer in layers if forward else reversed(layers):
            place = {id(node): float(i) for i, node in enumerate(layer)}
            centre = {id(n): _mean([m.y for m in sides[id(n)]], place[id(n)]) for n in layer}
            layer.sort(key=lambda node: (centre[id(node)], place[id(node)]))
            for i, node in enumerate(layer):
                node.y = float(i)
        crossings = _crossings(layers, right)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer, ordered in zip(layers, best, strict=True):
        layer[:] = ordered


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(layers: Sequence[Sequence[_Node]], right: Mapping[int, Sequence[_Node]]) -> int:
    """Inversions between neighbouring layers; sets y to the place in the layer."""
    for layer in layers:
        for i, node in enumerate(layer):
            node.y = float(i)
    total = 0
    for layer in layers:
        ends: list[float] = []
        for node in layer:
            targets = sorted(neighbour.y for neighbour in right[id(node)]) if id(node) in right else []
            total += sum(sum(end > target for end in ends) for target in targets)
            ends += targets
    return total


def _place(layers: Sequence[Sequence[_Node]], lines: Sequence[_Line]) -> tuple[float, float]:
    """Sets x and y; returns width and height of the drawing."""
    x = _MARGIN
    label = _label_widths(layers, lines)
    for number, layer in enumerate(layers):
        column = max((node.width for node in layer), default=0.0)
        x += max(_COLUMN_GAP, label[number] + 44) if number else 0.0
        for node in layer:
            node.column = column
            node.x = x + (column - node.width) / 2
        x += column
        y = _TOP
        for node in layer:
            node.y = y
            y += node.height + _GAP
    left, right = _neighbours(lines)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else list(reversed(layers)):
            sides = left if sweep % 2 == 0 else right
            _settle(layer, [_mean([m.y for m in (sides[id(n)] or left[id(n)] or right[id(n)])], n.y) for n in layer])
    for layer in layers:  # finally between both sides
        _settle(layer, [_mean([m.y for m in (*left[id(n)], *right[id(n)])], n.y) for n in layer])
    top = min(node.y - node.height / 2 for layer in layers for node in layer)
    for node in (node for layer in layers for node in layer):
        node.y += _TOP - top
    bottom = max(node.y + node.height / 2 for layer in layers for node in layer)
    _spread(lines)
    return x + _MARGIN, bottom


def _label_widths(layers: Sequence[Sequence[_Node]], lines: Sequence[_Line]) -> list[float]:
    """The widest label in front of each layer."""
    widths = [0.0] * len(layers)
    for line in lines:
        layer = line.way[-1].layer
        widths[layer] = max([widths[layer], *(len(label) * _LABEL_PX for label in line.labels)])
    return widths


def _spread(lines: Sequence[_Line]) -> None:
    """Spreads the ends of edges over the sides of their boxes, in the vertical order of their other ends."""
    leaving: dict[str, list[_Line]] = defaultdict(list)
    entering: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        leaving[line.source].append(line)
        entering[line.target].append(line)
    for group in leaving.values():
        for place, line in zip(_places(len(group), group[0].way[0]), sorted(group, key=lambda line: line.way[1].y), strict=True):
            line.leaves = place
    for group in entering.values():
        for place, line in zip(_places(len(group), group[0].way[-1]), sorted(group, key=lambda line: line.way[-2].y), strict=True):
            line.enters = place


def _places(count: int, node: _Node) -> list[float]:
    step = min(9.0, (node.height - 14) / max(1, count - 1))
    return [(i - (count - 1) / 2) * step for i in range(count)]


def _settle(layer: Sequence[_Node], wanted: Sequence[float]) -> None:
    """Heights nearest to the desired ones (least squares; bends of long edges weigh more) that keep order and distance.

    Pool adjacent violators (Barlow et al. 1972) on the heights less the distances from the first node.
    """
    offsets = [0.0]
    for above, below in pairwise(layer):
        gap = _GAP if above.kind and below.kind else _DUMMY_GAP
        offsets.append(offsets[-1] + above.height / 2 + below.height / 2 + gap)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, nodes
    for node, want, offset in zip(layer, wanted, offsets, strict=True):
        mean, weight, count = want - offset, 1.0 if node.kind else 4.0, 1
        while blocks and blocks[-1][0] > mean:
            other, other_weight, other_count = blocks.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        blocks.append((mean, weight, count))
    heights = [mean for mean, _, count in blocks for _ in range(count)]
    for node, height, offset in zip(layer, heights, offsets, strict=True):
        node.y = height + offset


def _draw_line(line: _Line) -> Iterator[str]:
    start, end = line.way[0], line.way[-1]
    x, y = start.x + start.width, start.y + line.leaves
    path = f"M{x:.1f},{y:.1f}"
    for node in line.way[1:]:
        to_x, to_y = (node.x, node.y) if node is not end else (end.x - 5, end.y + line.enters)
        bend = (to_x - x) * 0.5
        path += f" C{x + bend:.1f},{y:.1f} {to_x - bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
        if node is not end:
            path += f" H{node.x + node.width:.1f}"
        x, y = node.x + node.width, node.y
    colour, dash = ("#dc2626", ' stroke-dasharray="5 3"') if line.marked else ("#64748b", "")
    head = "gone" if line.marked else "head"
    style = f'fill="none" stroke="{colour}" stroke-width="1.3"{dash} marker-end="url(#{head})"'
    yield f'<path d="{path}" {style}><title>{_said_ports(line)}</title></path>'


def _said_ports(line: _Line) -> str:
    return escape("\n".join(dict.fromkeys(line.ports)))


def _draw_labels(lines: Sequence[_Line]) -> Iterator[str]:
    """The arms by which a node is entered, once each, in front of it."""
    entered: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        if line.labels:
            entered[line.target].append(line)
    for group in entered.values():
        places: dict[str, list[float]] = defaultdict(list)
        for line in group:
            for label in line.labels:
                places[label].append(line.enters)
        end = group[0].way[-1]
        for number, (label, offsets) in enumerate(sorted(places.items(), key=lambda item: min(item[1]))):
            half = len(label) * _LABEL_PX / 2 + 3
            x, y = end.x - 14 - half, end.y + sum(offsets) / len(offsets) + (number - (len(places) - 1) / 2) * 8
            yield f'<rect x="{x - half:.1f}" y="{y - 7.5:.1f}" width="{2 * half:.1f}" height="15" rx="4" fill="#ffffff" opacity="0.9"/>'
            yield text(x, y + 3.5, label, 10, colour="#9a3412", anchor="middle")


def _draw_box(node: _Node, marked: bool) -> Iterator[str]:
    fill, stroke = FILL[node.kind]
    round_ = 16 if node.kind in ("request", "response") else 6
    border = 'stroke="#dc2626" stroke-width="2" stroke-dasharray="6 3"' if marked else f'stroke="{stroke}" stroke-width="1.2"'
    top = node.y - node.height / 2
    place = f'x="{node.x:.1f}" y="{top:.1f}" width="{node.width:.1f}" height="{node.height:.1f}"'
    yield f'<rect {place} rx="{round_}" fill="{fill}" {border}/>'
    middle = node.x + node.width / 2
    colour = "#ffffff" if node.kind == "response" else "#111827"
    yield text(middle, top + 20 if node.lines else node.y + 4.5, node.name, 13, bold=True, colour=colour, anchor="middle")
    for number, line in enumerate(node.lines):
        yield text(middle, top + 33.5 + 13 * number, line, 10.5, colour="#475569", anchor="middle")


def _legend(nodes: Iterable[_Node], height: float) -> Iterator[str]:
    present = {node.kind for node in nodes}
    x, y = _MARGIN, height + 26
    for kind, (fill, stroke) in FILL.items():
        if kind in present:
            yield f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="14" height="12" rx="3" fill="{fill}" stroke="{stroke}"/>'
            yield text(x + 20, y, kind, 11, colour="#334155")
            x += 34 + 7 * len(kind)
