"""Data sets, requests and tasks: what the permutation may name. One namespace; a wrong declaration still declares its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from aibenchrt import catalog, process_names
from aibenchrt.component import ComponentSpec, DatasetSpec, RequestSource, Setting
from aibenchrt.metrics import lower_is_better

from aibenchc.build import Symbols, read_share, shares_fit
from aibenchc.diagnostics import nearest, one_of, place
from aibenchc.graph import Candidate, Dataset, QualityTarget, RequestClass, Stage, Task, bound_operator
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.validate.blocks import Block, block, plain_words
from aibenchc.validate.proto_names import check_proto_names
from aibenchc.validate.worlds import check_world
from aibenchc.value_reader import SHARE, TIME, Reader

CHAIN_WORDS = ("response", "rest", "else", "until", "when")
LONGEST_NAME = 60
MAX_CLASSES = 1_000
_OF_EVERY_TASK = ("service", "effect", "auxiliary")

_Specs: TypeAlias = dict[str, DatasetSpec | None]


@dataclass(frozen=True)
class _RequestRead:
    """share: None if it is `rest` or wrong. source: with its data set; None if wrong."""

    item: ast.Request
    share: Decimal | None
    source: tuple[str, RequestSource] | None
    rest: bool
    deadline_s: float | None


def check_name(name: ast.Name, reader: Reader) -> None:
    """AIB111, AIB112."""
    if name.text in CHAIN_WORDS:
        reader.diagnostics.report("AIB111", name.span, name=name.text)
    if len(name.text) > LONGEST_NAME:
        reader.diagnostics.report("AIB112", name.span, length=len(name.text), limit=LONGEST_NAME)


def declare(name: ast.Name, what: str, declared: dict[str, tuple[str, Span]], reader: Reader) -> bool:
    """False after reporting that the name is taken."""
    check_name(name, reader)
    if what == "task" and name.text in process_names.RESERVED:
        hint = f"choose another; {process_names.RESERVED[name.text]} is called so among the processes of a deployment"
        reader.diagnostics.report("AIB111", name.span, name=name.text, hint=hint)
    if name.text in declared:
        earlier, span = declared[name.text]
        notes = () if earlier == what else (f"it is a {earlier} there; tasks, requests and data sets share one namespace",)
        reader.diagnostics.report("AIB110", name.span, name=name.text, first=place(span), notes=notes)
        return False
    declared[name.text] = (what, name.span)
    return True


def declarations(items: Sequence[ast.Item], reader: Reader) -> Symbols:
    symbols = Symbols()
    specs: _Specs = {}
    datasets: list[Dataset] = []
    for item in items:
        if isinstance(item, ast.Dataset) and declare(item.name, "data set", symbols.declared, reader):
            specs[item.name.text] = spec = _dataset(item, reader)
            if spec is not None:
                datasets.append(Dataset(item.name.text, spec.name, item.name.span))
        elif isinstance(item, ast.Request):
            declare(item.name, "request", symbols.declared, reader)
        elif isinstance(item, ast.Task) and declare(item.name, "task", symbols.declared, reader):
            task = _task(item, reader)
            if task is not None:
                symbols.tasks[task.name] = task
    symbols.datasets = tuple(datasets)
    requests = [item for item in items if isinstance(item, ast.Request)]
    _requests(requests, symbols, specs, reader)
    used = {request.dataset for request in symbols.requests.values()}
    complete = len(symbols.requests) == len(requests)
    for dataset in symbols.datasets:
        if dataset.name not in used and complete:
            reader.diagnostics.report("AIB119", dataset.span, name=dataset.name)
    check_world(symbols, reader)
    spans = {name: span for name, (_, span) in symbols.declared.items()}
    check_proto_names({name: spans[name] for name in symbols.tasks}, {name: spans[name] for name in symbols.requests}, reader.diagnostics)
    return symbols


def _dataset(item: ast.Dataset, reader: Reader) -> DatasetSpec | None:
    spec = catalog.dataset(item.spec.text)
    if spec is None:
        hint = reader.did_you_mean(item.spec.text, catalog.DATASETS)
        reader.diagnostics.report("AIB103", item.spec.span, name=item.spec.text, hint=hint)
    return spec


# Requests


def _requests(items: Sequence[ast.Request], symbols: Symbols, specs: _Specs, reader: Reader) -> None:
    """Shares are of all requests: they add up to 100 %, or one of them is `share rest`."""
    if len(items) > MAX_CLASSES:
        way_out = "merge classes that take the same way"
        span = items[MAX_CLASSES].name.span
        reader.diagnostics.report("AIB237", span, limit=f"{MAX_CLASSES:,}", things="request classes", way_out=way_out)
    read = [_request(item, specs, reader) for item in items]
    rests = [each.item for each in read if each.rest]
    for rest in rests[1:]:
        reader.diagnostics.report("AIB209", rest.span)
    total = sum((each.share for each in read if each.share is not None), Decimal(0))
    shares_known = all(each.rest or each.share is not None for each in read)
    if items and shares_known and len(rests) <= 1 and not shares_fit(total, bool(rests), _last_share(items[-1]), reader):
        return
    for each in read:
        name = each.item.name
        where = symbols.declared.get(name.text)
        if each.source is None or (each.share is None and not each.rest) or where is None or where[1] is not name.span:
            continue
        dataset, source = each.source
        share = float(1 - total if each.rest else each.share or 0)
        symbols.requests[name.text] = RequestClass(name.text, share, dataset, source.name, source.ports, each.deadline_s, name.span)


def _last_share(item: ast.Request) -> Span:
    return next((setting.span for setting in item.settings if isinstance(setting, ast.Setting) and setting.name.text == "share"), item.span)


def _request(item: ast.Request, specs: _Specs, reader: Reader) -> _RequestRead:
    settings = block(f"request '{item.name.text}'", item.name.span, item.settings, ("share", "from", "deadline"), reader)
    share, rest = None, False
    value = settings.value(settings.need("share", "give it `share 10%`, or `share rest`"), "a share", "write `share 10%`, or `share rest`")
    if isinstance(value, ast.Ref) and value.text == "rest":
        rest = True
    elif value is not None:
        share = read_share(value, "`share`", reader)
    origin = settings.value(
        settings.need("from", "give it `from dataset.source`"), "a data set and its source", "write `from dataset.source`"
    )
    until = settings.value(settings.get("deadline"), "a time", "write `deadline 40 ms`")
    deadline_s = None if until is None else reader.number(until, "`deadline`", TIME, above=0)
    return _RequestRead(item, share, None if origin is None else _source(origin, specs, reader), rest, deadline_s)


def _source(origin: ast.Value, specs: _Specs, reader: Reader) -> tuple[str, RequestSource] | None:
    if not isinstance(origin, ast.Ref) or len(origin.parts) != 2:
        reader.mismatch(origin, "`from`", "a data set and its source", "write `from dataset.source`")
        return None
    dataset, source = origin.parts
    if dataset.text not in specs:
        hint = reader.did_you_mean(dataset.text, specs, f"declare it: `dataset {dataset.text} = …`")
        reader.diagnostics.report("AIB104", dataset.span, name=dataset.text, hint=hint)
        return None
    spec = specs[dataset.text]
    if spec is None:
        return None
    for known in spec.sources:
        if known.name == source.text:
            return dataset.text, known
    hint = reader.did_you_mean(source.text, [known.name for known in spec.sources])
    reader.diagnostics.report("AIB105", source.span, dataset=dataset.text, name=source.text, hint=hint)
    return None


# Tasks


def _task(item: ast.Task, reader: Reader) -> Task | None:
    spec = catalog.component(item.component.text)
    if spec is None:
        hint = reader.did_you_mean(item.component.text, catalog.COMPONENTS, "`aibenchc components` lists them")
        reader.diagnostics.report("AIB102", item.component.span, name=item.component.text, hint=hint)
        meant = catalog.component(nearest(item.component.text, catalog.COMPONENTS) or "")
        if meant is not None:
            _read_task(item, meant, reader)  # what else is wrong with it
        return None
    return _read_task(item, spec, reader)


def _read_task(item: ast.Task, spec: ComponentSpec, reader: Reader) -> Task:
    own = tuple(setting.name for setting in spec.settings)
    models = ("model",) if spec.models else ()
    quality = ("quality",) if spec.metrics else ()
    known = (*own, *models, *quality, *_OF_EVERY_TASK)
    settings = block(f"task '{item.name.text}' ({spec.name})", item.name.span, item.settings, known, reader)
    values = tuple((setting.name, value) for setting in spec.settings if (value := _setting(settings, setting, reader)) is not None)
    target = _quality(settings, spec, reader)
    candidates = _candidates(settings, spec, target, reader)
    service = settings.value(settings.get("service"), "a mean service time", "write `service 3 ms`")
    service_s = None if service is None else reader.number(service, "`service`", TIME, above=0)
    ports = spec.ports_for(dict(values))
    return Task(
        item.name.text,
        (Stage(item.name.text, spec.name, values, candidates, target),),
        ports.inputs,
        ports.outputs,
        auxiliary=settings.flag("auxiliary") or spec.auxiliary,
        effect=settings.flag("effect") or spec.effect,
        service_ms=None if service_s is None else service_s * 1000,
        span=item.name.span,
    )


def _setting(settings: Block, setting: Setting, reader: Reader) -> str | int | None:
    """The value set in the spec, otherwise the default."""
    given = settings.get(setting.name)
    expected = "a whole number" if setting.kind == "count" else (one_of(setting.choices) if setting.choices else "one word")
    meaning = f"`{setting.name}`: {setting.doc}"
    value = settings.value(given, expected, meaning)
    if value is None:
        return setting.default
    if setting.kind == "count":
        return reader.count(value, f"`{setting.name}`")
    word = reader.word(value, f"`{setting.name}`", expected, meaning)
    if word is None:
        return setting.default
    if setting.choices and word.text not in setting.choices:
        hint = reader.did_you_mean(word.text, setting.choices)
        reader.diagnostics.report("AIB109", word.span, name=word.text, setting=f"`{setting.name}`", hint=hint)
        return setting.default
    return word.text


def _quality(settings: Block, spec: ComponentSpec, reader: Reader) -> QualityTarget | None:
    """`quality metric >= x%`"""
    setting = settings.get("quality")
    if setting is None:
        return None
    example = f"write `quality {_example(spec)}`"
    if len(setting.words) != 1 or setting.comparison is None or setting.alternatives:
        reader.shape(setting.span, "`quality`", "a metric and its bound", "something else", example)
        return None
    metric = _metric(setting.words[0], spec, example, reader)
    bound = setting.comparison
    if metric is not None and not _bounds(bound, metric, f"write `quality {_example(spec, metric)}`", reader):
        return None
    value = reader.number(bound.value, "the quality target", SHARE, above=0, most=1)
    return None if metric is None or value is None else QualityTarget(metric, value)


def _example(spec: ComponentSpec, metric: str | None = None) -> str:
    """An example of a bound on this metric, otherwise on the component's first."""
    of = metric or spec.metrics[0]
    return f"{of} {bound_operator(of)} {'30' if lower_is_better(of) else '60'}%"


def _bounds(bound: ast.Comparison, metric: str, example: str, reader: Reader) -> bool:
    """Whether the operator bounds this metric on the side that matters; reported if not."""
    operator = bound_operator(metric)
    if bound.operator != operator:
        reader.diagnostics.report("AIB232", bound.span, operator=operator, found=bound.operator, example=example)
    return bound.operator == operator


def _metric(value: ast.Value, spec: ComponentSpec, example: str, reader: Reader) -> str | None:
    if not isinstance(value, ast.Ref | ast.MetricName):
        reader.mismatch(value, "`quality`", "a metric", example)
        return None
    if value.text not in spec.metrics:
        notes = (f"component '{spec.name}' is measured by {', '.join(spec.metrics)}",)
        hint = reader.did_you_mean(value.text, spec.metrics)
        reader.diagnostics.report("AIB116", value.span, name=value.text, hint=hint, notes=notes)
        return None
    return value.text


def _candidates(settings: Block, spec: ComponentSpec, target: QualityTarget | None, reader: Reader) -> tuple[Candidate, ...]:
    """`model a | b (metric >= x%)`; without `model` all that the catalogue has."""
    setting = settings.get("model")
    if setting is None:
        return tuple(Candidate(model.name, model.quality, model.cost, model.profile.value) for model in spec.models)
    alternatives: Sequence[ast.Alternative] = setting.alternatives
    if not alternatives:
        words = plain_words(setting, 1, "a model", "write `model a | b`", reader)
        name = reader.word(words[0], "`model`", "a model", "write `model a | b`") if words else None
        alternatives = () if name is None else (ast.Alternative(name, span=name.span),)
    candidates: dict[str, Candidate] = {}
    for alternative in alternatives:
        name = alternative.name
        if name.text in candidates:
            reader.diagnostics.report("AIB115", name.span, what=f"model '{name.text}'", first=place(alternatives[0].span))
            continue
        candidate = _candidate(alternative, spec, reader)
        if candidate is None:
            continue
        if target is not None and target.metric not in dict(candidate.quality):
            example = _example(spec, target.metric)
            reader.diagnostics.report("AIB219", name.span, model=name.text, metric=target.metric, example=example)
        candidates[name.text] = candidate
    return tuple(candidates.values())


def _candidate(alternative: ast.Alternative, spec: ComponentSpec, reader: Reader) -> Candidate | None:
    name = alternative.name
    model = next((known for known in spec.models if known.name == name.text), None)
    if model is None:
        hint = reader.did_you_mean(name.text, [known.name for known in spec.models])
        reader.diagnostics.report("AIB108", name.span, component=spec.name, name=name.text, hint=hint)
        return None
    quality = dict(model.quality)
    for stated in alternative.qualities:
        metric = _metric(stated.metric, spec, f"write `{name.text} ({_example(spec)})`", reader)
        if metric is not None and not _bounds(stated.comparison, metric, f"write `{name.text} ({_example(spec, metric)})`", reader):
            continue
        value = reader.number(stated.comparison.value, f"the quality of model '{name.text}'", SHARE, above=0, most=1)
        if metric is not None and value is not None:
            quality[metric] = value
    return Candidate(model.name, tuple(quality.items()), model.cost, model.profile.value)
