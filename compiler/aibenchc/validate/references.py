"""Reference blocks: figures of a real system or an earlier run, bound to a deployment."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aibenchc.build import Symbols
from aibenchc.diagnostics import place
from aibenchc.model import Deployment, LatencyPercentile, LatencyRatio, Reference, ReferenceItem, TimeFraction
from aibenchc.syntax import ast
from aibenchc.validate.sections import percentile, task_named
from aibenchc.value_reader import PLAIN, SHARE, TIME, Reader

_EXAMPLES = {
    "on": "write `on deployment`",
    "fingerprint": 'write `fingerprint "…"`',
    "latency": "write `latency p99 500 ms within 5%`",
    "ratio": "write `ratio p99 / task.p99 = 2.2 within 20%`",
    "time": "write `time ai 70% within 10%`",
}


def references(items: Sequence[ast.Item], deployments: Sequence[Deployment], symbols: Symbols, reader: Reader) -> tuple[Reference, ...]:
    declared: dict[str, Reference] = {}
    known = {deployment.name: None for deployment in deployments}
    for item in items:
        if not isinstance(item, ast.Reference):
            continue
        title = item.title.value
        if title in declared:
            reader.diagnostics.report("AIB110", item.title.span, name=title, first=place(declared[title].span))
        else:
            declared[title] = _reference(item, known, symbols, reader)
    return tuple(declared.values())


def _reference(item: ast.Reference, deployments: Collection[str], symbols: Symbols, reader: Reader) -> Reference:
    on = fingerprint = None
    deployment = ""
    figures = []
    for figure in item.figures:
        name = figure.name.text
        if name not in _EXAMPLES:
            hint = reader.did_you_mean(name, _EXAMPLES)
            reader.diagnostics.report("AIB107", figure.name.span, owner="a reference", name=name, hint=hint)
        elif name in ("on", "fingerprint"):
            value = _only(figure, reader)
            if name == "on":
                on, deployment = figure, _deployment(value, deployments, reader)
            elif value is not None:
                text = reader.text(value, "`fingerprint`", _EXAMPLES[name])
                fingerprint = text.value if text else None
        else:
            read = _ratio(figure, symbols, reader) if name == "ratio" else (_latency if name == "latency" else _time)(figure, reader)
            if read is not None:
                figures.append(read)
    if on is None:
        reader.diagnostics.report("AIB123", item.title.span, owner=f'reference "{item.title.value}"', name="on", example=_EXAMPLES["on"])
    return Reference(item.title.value, deployment, tuple(figures), fingerprint, item.title.span)


def _wrong(figure: ast.Figure, reader: Reader) -> None:
    name = figure.name.text
    reader.shape(figure.span, f"`{name}`", "another form", "this", _EXAMPLES[name])


def _only(figure: ast.Figure, reader: Reader) -> ast.Value | None:
    if len(figure.words) == 1 and figure.over is None and figure.within is None:
        return figure.words[0]
    _wrong(figure, reader)
    return None


def _deployment(value: ast.Value | None, deployments: Collection[str], reader: Reader) -> str:
    """The deployment's name; empty after a report."""
    name = None if value is None else reader.word(value, "`on`", "a deployment", _EXAMPLES["on"])
    if name is None:
        return ""
    if name.text not in deployments:
        reader.diagnostics.report("AIB118", name.span, name=name.text, hint=reader.did_you_mean(name.text, deployments))
    return name.text


def _within(figure: ast.Figure, reader: Reader) -> float | None:
    if figure.within is None:
        reader.diagnostics.report(
            "AIB123", figure.span, owner=f"`{figure.name.text}`", name="within", example="state the tolerance: `within 5%`"
        )
        return None
    return reader.number(figure.within, "the tolerance", SHARE, above=0, most=1)


def _latency(figure: ast.Figure, reader: Reader) -> ReferenceItem | None:
    """`latency p99 1136.79 ms within 6%`"""
    if len(figure.words) != 2 or figure.over is not None:
        _wrong(figure, reader)
        return None
    p = percentile(figure.words[0], reader)
    value = reader.number(figure.words[1], "the latency", TIME, above=0)
    within = _within(figure, reader)
    if p is None or value is None or within is None:
        return None
    return ReferenceItem(LatencyPercentile(p), value * 1000, within)


def _ratio(figure: ast.Figure, symbols: Symbols, reader: Reader) -> ReferenceItem | None:
    """`ratio p99 / recommend.p99 = 2.2 within 20%`"""
    if figure.over is None or figure.value is None:
        _wrong(figure, reader)
        return None
    whole = percentile(figure.words[0], reader)
    task = task_named(figure.over, symbols, reader, parts=2)
    value = reader.number(figure.value, "the ratio", PLAIN, above=0)
    within = _within(figure, reader)
    if whole is None or task is None or value is None or within is None:
        return None
    assert isinstance(figure.over, ast.Ref)
    part = percentile(figure.over.parts[1], reader)
    if part is not None and part != whole:
        reader.mismatch(figure.over, "`ratio`", "one percentile on both sides", _EXAMPLES["ratio"])
    return ReferenceItem(LatencyRatio(whole, task.name), value, within) if part == whole else None


def _time(figure: ast.Figure, reader: Reader) -> ReferenceItem | None:
    """`time ai 70% within 10%`"""
    if len(figure.words) != 2 or figure.over is not None:
        _wrong(figure, reader)
        return None
    of = reader.word(figure.words[0], "`time`", "ai or non_ai", _EXAMPLES["time"])
    share = reader.number(figure.words[1], "the fraction of time", SHARE, above=0, most=1)
    within = _within(figure, reader)
    if of is None or share is None or within is None:
        return None
    if of.text not in ("ai", "non_ai"):
        reader.diagnostics.report("AIB109", of.span, name=of.text, setting="`time`", hint="one of: ai, non_ai")
        return None
    return ReferenceItem(TimeFraction("ai" if of.text == "ai" else "non_ai"), share, within)
