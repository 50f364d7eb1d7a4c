"""The trace of distilling: text and pictures of what each rule did and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from difflib import SequenceMatcher

from aibenchrt.figure_format import fraction_percent

from aibenchc.distill import Distilled, DistillStep
from aibenchc.distill.fidelity import Effect, Measure, effects, whole
from aibenchc.flow import analyse
from aibenchc.graph import Graph
from aibenchc.show.draw import draw
from aibenchc.show.graphtext import format_graph

ALL_LINES = 200
_LONG_NUMBER = re.compile(r"\b\d+\.\d{5,}(?:e[+-]?\d+)?\b")


def summary(distilled: Distilled) -> str:
    """The steps with their reasons, and the effect on the graph in numbers; without the graphs."""
    lines = []
    for step in distilled.steps:
        lines.append(f"pass {step.pass_number}  {describe(step)}")
    before, after = distilled.original, distilled.graph
    lines.append(f"{_turns(distilled)}: {_size(before)} -> {_size(after)}")
    lines += [f"  {line}" for line in _compared(*whole(distilled))]
    return "".join(line + "\n" for line in lines)


def document(distilled: Distilled) -> dict[str, object]:
    """The steps with their reasons, and the measures of the graph before and after, for JSON."""
    before, after = whole(distilled)
    steps = [
        {"pass": step.pass_number, "rule": step.rule, "removed": list(step.removed), "took_over": list(step.took_over), "why": step.why}
        for step in distilled.steps
    ]
    return {
        "passes": distilled.passes,
        "steps": steps,
        "before": {**_counts(distilled.original), **asdict(before)},
        "after": {**_counts(distilled.graph), **asdict(after)},
    }


def _counts(graph: Graph) -> dict[str, int]:
    return {"classes": len(graph.requests), "tasks": len(graph.tasks), "edges": len(graph.edges), "choices": len(graph.choices)}


def render(distilled: Distilled, full: bool = False) -> str:
    """The trace: for each pass and rule the steps with their reasons, and the lines of the graph that they removed (-) and added (+), with
    rounded figures; then the total effect. full: the graphs whole, before and after each rule, with exact figures."""
    lines = ["# before", *format_graph(distilled.original).splitlines(), ""] if full else []
    for effect in _by_rule(distilled):
        change = effect[0].change
        lines.append(f"# pass {change.pass_number}, {change.rule.id}: {change.rule.name}")
        lines += [f"#   {describe(step)}" for part in effect for step in part.change.steps]
        lines += [f"#     {line}" for line in _compared(effect[0].before, effect[-1].after)]
        lines += [*_beside(effect[0].change.before.graph, effect[-1].change.after.graph, full), ""]
    lines += ["# after", *format_graph(distilled.graph).splitlines(), ""] if full else []
    lines.append(f"# {_turns(distilled)}: {_size(distilled.original)} -> {_size(distilled.graph)}")
    lines += [f"#   {line}" for line in _compared(*whole(distilled))]
    return "".join(line + "\n" for line in lines)


def pictures(distilled: Distilled, title: str) -> Iterator[tuple[str, str]]:
    """(file name, SVG): the graph before, after each rule that changed something (with what is removed next marked), and at the end."""
    groups = list(_by_rule(distilled))
    for number, group in enumerate(groups):
        first = group[0].change
        name = "00-before.svg" if number == 0 else f"{number:02}-after-{_label(groups[number - 1])}.svg"
        said = title if number == 0 else f"{title}, after {_spoken(groups[number - 1])}"
        yield name, draw(first.before, f"{said} (dashed red: what {first.rule.id} takes)", marked(group))
    yield "distilled.svg", final(distilled, title)


def final(distilled: Distilled, title: str) -> str:
    """The distilled graph as SVG."""
    flow = distilled.changes[-1].after if distilled.changes else analyse(distilled.graph)
    return draw(flow, f"{title}, distilled")


def marked(group: list[Effect]) -> frozenset[str]:
    """What these changes remove, and tasks that lose a model."""
    names = {name for part in group for step in part.change.steps for name in step.removed}
    return frozenset(names | {name.split(".")[0] for name in names})


def _label(group: list[Effect]) -> str:
    change = group[0].change
    return f"{change.rule.id.lower()}-pass{change.pass_number}"


def _spoken(group: list[Effect]) -> str:
    change = group[0].change
    return f"{change.rule.id} of pass {change.pass_number}"


def _by_rule(distilled: Distilled) -> Iterator[list[Effect]]:
    """The changes, grouped by pass and rule."""
    group: list[Effect] = []
    for effect in effects(distilled):
        if group and (group[-1].change.rule, group[-1].change.pass_number) != (effect.change.rule, effect.change.pass_number):
            yield group
            group = []
        group.append(effect)
    if group:
        yield group


def describe(step: DistillStep) -> str:
    """One line: the rule, what was removed, what took over, why."""
    heirs = f" => {', '.join(step.took_over)}" if step.took_over else ""
    return f"{step.rule}  {', '.join(step.removed)}{heirs}: {step.why}"


def _beside(before: Graph, after: Graph, full: bool) -> Iterator[str]:
    """Both graphs in one text: removed lines (-), added lines (+) and, if full and there are not too many, unchanged ones."""
    old, new = ([line if full else _rounded(line) for line in format_graph(graph).splitlines()] for graph in (before, after))
    unchanged = full and max(len(old), len(new)) <= ALL_LINES
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (f"  {line}" for line in old[i:j] if unchanged)
        else:
            yield from (f"- {line}" for line in old[i:j])
            yield from (f"+ {line}" for line in new[k:m])


def _rounded(line: str) -> str:
    return _LONG_NUMBER.sub(lambda number: f"{float(number[0]):.5g}", line)


def _counted(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"


def _turns(distilled: Distilled) -> str:
    return f"{_counted(distilled.passes, 'pass', 'passes')}, {_counted(len(distilled.steps), 'step', 'steps')}"


def _size(graph: Graph) -> str:
    counts = (_counted(len(graph.requests), "class", "classes"), _counted(len(graph.tasks), "task", "tasks"))
    return ", ".join((*counts, _counted(len(graph.edges), "edge", "edges"), _counted(len(graph.choices), "choice", "choices")))


def _compared(before: Measure, after: Measure) -> Iterator[str]:
    """Lines that compare the measures; times are left out where they are unknown."""
    change = f"({fraction_percent(after.hops / before.hops - 1, sign='+')})" if before.hops else ""
    of_ai = f"of AI {fraction_percent(before.ai_share)} -> {fraction_percent(after.ai_share)}"
    yield f"hops per request {before.hops:.2f} -> {after.hops:.2f} {change}, {of_ai}"
    yield "critical path in hops: " + ", ".join(f"{n} {_arrow(h, after.critical_hops.get(n))}" for n, h in before.critical_hops.items())
    if before.work_ms is not None:
        yield f"service time per request, ms: {_arrow(before.work_ms, after.work_ms)}"
    if before.mean_ms is not None and before.p99_ms is not None:
        yield f"predicted latency without queueing, mean, ms: {_arrow(before.mean_ms, after.mean_ms)}"
        yield f"predicted latency without queueing, p99, ms: {_arrow(before.p99_ms, after.p99_ms)}"


def _arrow(before: float, after: float | None) -> str:
    return f"{before:.2f} -> " + ("pruned" if after is None else f"{after:.2f}")
