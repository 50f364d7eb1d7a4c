"""validate: ast.Spec → Scenario. Names resolved, numbers in one unit, the permutation built, its flow checked; all mistakes collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aibenchrt import catalog
from aibenchrt.component import RequestSource

from aibenchc.build import build_graph
from aibenchc.diagnostics import Diagnostics, place
from aibenchc.flow import analyse
from aibenchc.graph import RESPONSE, Graph, QualityTarget, RequestClass, Task
from aibenchc.model import AS_DECLARED, LoadChange, Scenario
from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast
from aibenchc.syntax.parse import parse_value
from aibenchc.syntax.written import written
from aibenchc.validate import sections
from aibenchc.validate.declarations import check_name, declarations
from aibenchc.validate.deployments import deployments
from aibenchc.validate.essential import essential
from aibenchc.validate.findings import report_findings
from aibenchc.validate.libraries import use_libraries
from aibenchc.validate.loads import OpenFile, check_samples, check_sources
from aibenchc.validate.references import references
from aibenchc.validate.slo import slo
from aibenchc.validate.streams import check_clips, check_moments, check_words
from aibenchc.value_reader import Reader

__all__ = ["validate"]

_LOAD = "add `load { poisson 20/s, for 60 s }`"


def _no_files(_name: str, _span: Span) -> None:
    """Opens nothing: for specs that name no files."""


def validate(
    spec: ast.Spec,
    diagnostics: Diagnostics,
    params: Mapping[str, str] | None = None,
    open_trace: OpenFile = _no_files,
    change: LoadChange = AS_DECLARED,
) -> Scenario | None:
    """The scenario, None if anything was reported as an error.

    params: values of the command line, which replace those of `param`. open_trace: what a trace that the spec names holds; it reports
    what it cannot read. change: what the command line changes of the load, which the scenario keeps as it is declared.
    """
    scenario = _only_scenario(spec, diagnostics)
    if scenario is None:
        return None
    items = tuple(_items(spec.tops))
    if not use_libraries(items, diagnostics):
        return None  # without the library, everything that follows would be reported as unknown
    reader = Reader(diagnostics)
    reader.params = _params(spec, reader, params or {})
    check_name(scenario.name, reader)
    before = diagnostics.errors
    symbols = declarations(items, reader)
    permutations = [item for item in items if isinstance(item, ast.Permutation)]
    for name, present, example in (
        (
            "request",
            symbols.requests or any(isinstance(item, ast.Request) for item in items),
            "add `request name { share 100%, from dataset.source }`",
        ),
        ("permutation", permutations, "add `permutation { request -> task -> response }`"),
    ):
        if not present:
            diagnostics.report("AIB124", scenario.name.span, name=name, example=example)
    built = build_graph(permutations, symbols, reader)
    answers: frozenset[str] | None = None
    if diagnostics.errors == before:
        flow = analyse(built.graph)
        report_findings(built, flow, diagnostics)
        check_moments(built.graph, flow.wires, reader)
        answers = frozenset(wire.target_port for wire in flow.wires if wire.target == RESPONSE) if diagnostics.errors == before else None

    blocks = _sections(items, reader)
    metrics, frames, latency = sections.metrics(blocks.get("metrics"), symbols, answers, reader)
    bounds = slo(blocks.get("slo"), reader)
    updates = sections.updates(items, symbols, reader)
    declared = deployments(items, symbols, reader)
    distill = sections.distill(blocks.get("distill"), symbols, reader)
    held = essential(blocks.get("essential"), reader)
    compared = references(items, declared, symbols, reader)
    if "load" not in blocks:
        diagnostics.report("AIB124", scenario.name.span, name="load", example=_LOAD)
    load = sections.load(blocks["load"], reader, open_trace) if "load" in blocks else None
    if not diagnostics.failed:  # otherwise what uses a parameter may not have been read
        _unused_params(spec, reader)
    check_words(frames, bounds, [item for item in items if isinstance(item, ast.Request)], load, reader)
    if load is not None:
        check_samples(load, blocks.get("metrics"), bounds, reader, change)
        sources = tuple(_sources(built.graph))
        check_sources(sources, load, reader, change)
        check_clips(sources, built.graph.datasets, load, reader)
    if load is None or diagnostics.failed:
        return None
    return Scenario(
        name=scenario.name.text,
        title=scenario.title.value if scenario.title else scenario.name.text,
        graph=built.graph,
        metrics=metrics,
        frames=tuple(frames),
        latency=latency,
        slo=bounds,
        updates=updates,
        load=load,
        deployments=declared,
        references=compared,
        distill=distill,
        quality=tuple((task.name, target) for task in built.graph.tasks if (target := _target(task)) is not None),
        params=tuple((name, written(value)) for name, value in reader.params.items()),
        essential=held,
    )


def _sources(graph: Graph) -> Iterator[tuple[RequestClass, RequestSource]]:
    """Each request class with the source of its payloads."""
    datasets = {dataset.name: catalog.dataset(dataset.spec) for dataset in graph.datasets}
    for request in graph.requests:
        known = datasets.get(request.dataset)
        yield from ((request, source) for source in (known.sources if known else ()) if source.name == request.source)


def _target(task: Task) -> QualityTarget | None:
    return task.stages[0].target


def _tops(tops: Sequence[ast.Top]) -> Iterator[ast.Top]:
    """Every node of the spec and its includes, in the order of reading; nesting is bounded by parse."""
    for top in tops:
        if isinstance(top, ast.Include):
            yield from _tops(top.content)
        else:
            yield top
            if isinstance(top, ast.Scenario):
                yield from _tops(top.items)


def _items(tops: Sequence[ast.Top]) -> Iterator[ast.Item]:
    """What belongs to the scenario, wherever it stands."""
    for top in _tops(tops):
        if not isinstance(top, ast.Param | ast.Scenario):
            yield top


def _only_scenario(spec: ast.Spec, diagnostics: Diagnostics) -> ast.Scenario | None:
    scenarios = [top for top in _tops(spec.tops) if isinstance(top, ast.Scenario)]
    for another in scenarios[1:]:
        diagnostics.report("AIB016", another.name.span)
    if not scenarios:
        diagnostics.report("AIB017", Span(spec.span.source, spec.span.start, spec.span.start))
    return scenarios[0] if scenarios else None


def _params(spec: ast.Spec, reader: Reader, given: Mapping[str, str]) -> dict[str, ast.Value]:
    values: dict[str, ast.Value] = {}
    names: dict[str, Span] = {}
    for top in _tops(spec.tops):
        if not isinstance(top, ast.Param):
            continue
        check_name(top.name, reader)
        if top.name.text in values:
            reader.diagnostics.report("AIB110", top.name.span, name=top.name.text, first=place(names[top.name.text]))
        elif _is_value(top.value, top.name.text, reader):
            names[top.name.text] = top.name.span
            values[top.name.text] = top.value
    for name, text in given.items():
        value = parse_value(text, f"--param {name}", reader.diagnostics)
        if name not in values and name not in reader.misread:
            source = SourceFile(f"--param {name}", f"{name}={text}")
            hint = reader.did_you_mean(name, values, f"declare it in the spec: `param {name} = {text}`")
            reader.diagnostics.report("AIB121", Span(source, 0, len(name)), name=name, hint=hint)
        elif value is not None and _is_value(value, name, reader):
            values[name] = value
    return values


def _is_value(value: ast.Value, name: str, reader: Reader) -> bool:
    """Whether a parameter's value is none of another parameter; reported if it is."""
    if isinstance(value, ast.Variable):
        reader.mismatch(value, f"parameter '{name}'", "a value", "write the value itself: `param rate = 20/s`")
        reader.misread.add(name)
    return not isinstance(value, ast.Variable)


def _unused_params(spec: ast.Spec, reader: Reader) -> None:
    for top in _tops(spec.tops):
        if isinstance(top, ast.Param) and top.name.text in reader.params and top.name.text not in reader.used:
            reader.diagnostics.report("AIB114", top.name.span, name=top.name.text)


def _sections(items: Sequence[ast.Item], reader: Reader) -> dict[str, ast.Section]:
    by_keyword: dict[str, ast.Section] = {}
    for item in items:
        if isinstance(item, ast.Section) and by_keyword.setdefault(item.keyword, item) is not item:
            reader.diagnostics.report("AIB115", item.span, what=f"`{item.keyword}`", first=place(by_keyword[item.keyword].span))
    return by_keyword
