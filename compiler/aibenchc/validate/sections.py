"""Metrics, update, load and distill: what is measured, under which load, and what decides in distilling."""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt import catalog
from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES, shown_by
from aibenchrt.component import PORT_TYPES, DatasetSpec
from aibenchrt.metrics import metric

from aibenchc.build import Symbols
from aibenchc.diagnostics import one_of, place
from aibenchc.flow.wires import response_port
from aibenchc.graph import Task
from aibenchc.model import (
    MOST_STREAMS,
    Arrivals,
    Constant,
    DistillChoices,
    FrameMetric,
    Latency,
    Load,
    Poisson,
    Sessions,
    Streams,
    Trace,
    Update,
    Users,
)
from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.syntax.written import written
from aibenchc.validate.blocks import Block, block, plain_words, shown
from aibenchc.validate.loads import OpenFile, check_size, percentile_of, read_trace
from aibenchc.value_reader import RATE, SHARE, TIME, Reader

FREQUENCIES = ("high", "medium", "low")
DEFAULT_PERCENTILES = (50.0, 90.0, 99.0)
FRAME_METRICS: dict[str, FrameMetric] = {"missed": "missed", "dropped": "dropped", "jitter": "jitter"}
_ARRIVALS = ("poisson", "constant", "users", "trace", "sessions", "streams")
_DEEPEST = 1_000_000  # k of a metric @k


def percentile(value: ast.Value | ast.Name, reader: Reader) -> float | None:
    """`p99.9` → 99.9; AIB116 where it is none."""
    read = percentile_of(value)
    if read is None:
        text = value.text if isinstance(value, ast.Ref | ast.Name) else written(value)
        reader.diagnostics.report("AIB116", value.span, name=text, hint="write a percentile as p50, p99 or p99.9")
    return read


def metrics(
    section: ast.Section | None, symbols: Symbols, answers: frozenset[str] | None, reader: Reader
) -> tuple[tuple[str, ...], dict[FrameMetric, Span], Latency]:
    """The section `metrics`: quality metrics that the used data sets and the answers can yield, what is said of frames and where, and
    percentiles of latency.

    answers: the response's ports that are fed; None: unknown, since the permutation is wrong.
    """
    used = {request.dataset for request in symbols.requests.values()}
    names = dict.fromkeys(dataset.spec for dataset in symbols.datasets if dataset.name in used)
    specs = [spec for name in names if (spec := catalog.dataset(name)) is not None]
    quality: dict[str, Span] = {}
    told: set[str] = set()  # types of answers that are missing
    frames: dict[FrameMetric, Span] = {}
    percentiles: list[float] = []
    latency: ast.Setting | None = None
    for entry in section.settings if section else ():
        if isinstance(entry, ast.Setting) and entry.name.text == "latency":
            if latency is not None:
                reader.diagnostics.report("AIB115", entry.span, what="`latency`", first=place(latency.span))
                continue
            latency = entry
            if not entry.words or entry.comparison or entry.alternatives:
                reader.shape(
                    entry.span, "`latency`", "percentiles", f"`{shown(entry)}`", "write `latency p50 p90 p99`; bounds are written in `slo`"
                )
                continue
            read = [percentile(word, reader) for word in entry.words]
            percentiles = sorted({p for p in read if p is not None})
        elif isinstance(entry, ast.Setting) and (entry.words or entry.comparison or entry.alternatives):
            reader.shape(
                entry.span, "`metrics`", "names of metrics", f"`{shown(entry)}`", "write `metrics { precision@10, latency p50 p99 }`"
            )
        else:
            name = entry.text if isinstance(entry, ast.MetricName) else entry.name.text
            first = quality.get(name) or (frames.get(FRAME_METRICS[name]) if name in FRAME_METRICS else None)
            if first is not None:
                reader.diagnostics.report("AIB115", entry.span, what=f"the metric `{name}`", first=place(first))
            elif name in FRAME_METRICS:
                frames[FRAME_METRICS[name]] = entry.span
            elif (
                _has_depth(entry, reader)
                and _can_yield(name, entry.span, specs, reader)
                and _can_show(name, entry.span, answers, reader, told)
            ):
                quality[name] = entry.span
    return tuple(quality), frames, Latency(tuple(percentiles) or DEFAULT_PERCENTILES)


def _has_depth(entry: ast.Setting | ast.MetricName, reader: Reader) -> bool:
    """Whether the k of a metric @k is a number that ranks can have; reported if not."""
    if not isinstance(entry, ast.MetricName) or "." in entry.at:
        return True
    return reader.count(ast.Number(entry.at, span=entry.span), f"the depth of `{entry.name}`", most=_DEEPEST) is not None


def _can_yield(name: str, span: Span, specs: Sequence[DatasetSpec], reader: Reader) -> bool:
    """specs: the data sets of the requests."""
    known = sorted({metric for spec in specs for metric in spec.metrics})
    if name in known:
        return True
    if not specs:
        return False  # the requests are wrong, which has been reported
    yields = f"the data sets of the requests yield {', '.join(known) or 'none'}"
    row = metric(name)
    if row is not None and not any(row.truth in spec.truth_types for spec in specs):
        hint = f"it needs {TRUTH_TYPES[row.truth].needs} of a request; {yields}"
    else:
        hint = reader.did_you_mean(name, [*known, *FRAME_METRICS], yields)
    reader.diagnostics.report("AIB117", span, name=name, hint=hint)
    return False


def _can_show(name: str, span: Span, answers: frozenset[str] | None, reader: Reader, told: set[str]) -> bool:
    """Whether the answers are of the type that the metric scores. told: the types of which it has been reported that they are missing."""
    row = metric(name)
    if answers is None or row is None:
        return True
    reached = [t.name for t in PORT_TYPES.values() if t.answer and response_port(t.name) in answers]
    if row.answer in shown_by(reached):
        return True
    able = " or ".join(t.name for t in PORT_TYPES.values() if t.answer and row.answer in shown_by([t.name]))
    gets = ", ".join(reached) or "nothing"
    if row.answer not in told:
        told.add(row.answer)
        hint = f"it needs {ANSWER_TYPES[row.answer].needs}: lead {able} to the response, which gets {gets}"
        reader.diagnostics.report("AIB117", span, name=name, hint=hint)
    return False


def updates(items: Sequence[ast.Item], symbols: Symbols, reader: Reader) -> tuple[Update, ...]:
    rows = []
    for item in items:
        if not isinstance(item, ast.Update):
            continue
        if item.frequency.text not in FREQUENCIES:
            hint = reader.did_you_mean(item.frequency.text, FREQUENCIES)
            reader.diagnostics.report(
                "AIB109", item.frequency.span, name=item.frequency.text, setting="the frequency of an update", hint=hint
            )
        every = reader.number(item.every, "the interval of the update", TIME, above=0)
        tasks = dict.fromkeys(task.name for ref in item.tasks if (task := task_named(ref, symbols, reader)) and _trains(task, ref, reader))
        if every is not None:
            rows.append(Update(item.frequency.text, every, tuple(tasks), item.span))
    return tuple(rows)


def _trains(task: Task, ref: ast.Ref, reader: Reader) -> bool:
    spec = catalog.component(task.stages[0].component)
    if spec is None or spec.trains:
        return spec is not None
    reader.diagnostics.report("AIB220", ref.span, name=task.name, component=f"component '{spec.name}'")
    return False


def task_named(ref: ast.Value, symbols: Symbols, reader: Reader, parts: int = 1) -> Task | None:
    """The task that a reference, an update or a ratio names; AIB101 where it is none."""
    name = ref.parts[0] if isinstance(ref, ast.Ref) else None
    if name is None or not isinstance(ref, ast.Ref) or len(ref.parts) != parts:
        reader.mismatch(
            ref, "this", "a task" if parts == 1 else "a task and a percentile", "write `task`" if parts == 1 else "write `task.p99`"
        )
        return None
    if name.text in symbols.tasks:
        return symbols.tasks[name.text]
    what = symbols.declared.get(name.text, ("", name.span))[0]
    if what != "task":  # a task whose declaration is wrong has been reported
        hint = f"it is a {what}" if what else reader.did_you_mean(name.text, symbols.tasks)
        reader.diagnostics.report("AIB101", name.span, name=name.text, hint=hint)
    return None


# Load


def load(section: ast.Section, reader: Reader, open_trace: OpenFile) -> Load | None:
    declared = _load(section, reader, open_trace)
    return declared if declared and check_size(declared, reader) else None


def _load(section: ast.Section, reader: Reader, open_trace: OpenFile) -> Load | None:
    settings = block("`load`", section.span, section.settings, (*_ARRIVALS, "at", "for", "warmup", "seed"), reader)
    given = [name for name in _ARRIVALS if name in settings.settings]
    if not given:
        reader.diagnostics.report("AIB123", section.span, owner="`load`", name="poisson", example="give the arrivals: `poisson 20/s`")
    for extra in given[1:]:
        first = settings.settings[given[0]][0].span
        reader.diagnostics.report("AIB115", settings.settings[extra][0].span, what="the way in which requests arrive", first=place(first))
    if "streams" not in settings.settings and (at := settings.get("at")) is not None and given:
        example = "write `streams 4, at 25/s`, or give the rate with the arrivals: `poisson 20/s`"
        reader.diagnostics.report("AIB208", at.span, what="`at` without `streams`", example=example)
    lasts = settings.value(settings.need("for", "state how long: `for 60 s`"), "a time", "write `for 60 s`")
    duration = None if lasts is None else reader.number(lasts, "`for`", TIME, above=0)
    warm = settings.value(settings.get("warmup"), "a time", "write `warmup 10 s`")
    warmup = 0.0 if warm is None else reader.number(warm, "`warmup`", TIME, least=0)
    seed_value = settings.value(settings.get("seed"), "a whole number", "write `seed 7`")
    seed = 1 if seed_value is None else reader.count(seed_value, "`seed`", least=0, most=2**32 - 1)
    if not given or duration is None or warmup is None or seed is None:
        return None
    arrivals = _arrivals(settings.settings[given[0]][0], settings, reader, open_trace)
    return None if arrivals is None else Load(arrivals, duration, warmup, seed, section.span)


def _arrivals(setting: ast.Setting, settings: Block, reader: Reader, open_trace: OpenFile) -> Arrivals | None:
    match setting.name.text:
        case "poisson":
            rate = _rate(setting, settings, reader)
            return None if rate is None else Poisson(rate)
        case "constant":
            rate = _rate(setting, settings, reader)
            return None if rate is None else Constant(rate)
        case "trace":
            offsets = _trace(setting, settings, reader, open_trace)
            return None if offsets is None else Trace(offsets)
        case "users":
            return _users(setting, reader)
        case "streams":
            return _streams(setting, settings, reader)
        case _:
            return _sessions(setting, reader)


def _streams(setting: ast.Setting, settings: Block, reader: Reader) -> Streams | None:
    """`streams 4, at 25/s`: that many, each with so many frames a second."""
    number = settings.value(setting, "a whole number", "write `streams 4, at 25/s`")
    streams = None if number is None else reader.count(number, "`streams`", most=MOST_STREAMS)
    each = settings.value(settings.need("at", "state how many frames each stream sends: `at 25/s`"), "a rate", "write `at 25/s`")
    rate = None if each is None else reader.number(each, "`at`", RATE, above=0, most=1e6)
    return None if streams is None or rate is None else Streams(streams, rate)


def _rate(setting: ast.Setting, settings: Block, reader: Reader) -> float | None:
    value = settings.value(setting, "a rate", f"write `{setting.name.text} 20/s`")
    return None if value is None else reader.number(value, f"`{setting.name.text}`", RATE, above=0, most=1e6)


def _trace(setting: ast.Setting, settings: Block, reader: Reader, open_trace: OpenFile) -> tuple[float, ...] | None:
    value = settings.value(setting, "a file", 'write `trace "file"`')
    text = None if value is None else reader.text(value, "`trace`", 'write `trace "file"`')
    return read_trace(text, value.span, open_trace, reader) if text is not None and value is not None else None


def _users(setting: ast.Setting, reader: Reader) -> Users | None:
    """`users 200 think 30 s`"""
    example = "write `users 200 think 30 s`"
    words = _think(setting, example, reader)
    if words is None:
        return None
    users = reader.count(words[0], "the number of users", most=10**6)
    think = reader.number(words[1], "the think time", TIME, least=0)
    if users is None or think is None:
        return None
    return Users(users, think)


def _sessions(setting: ast.Setting, reader: Reader) -> Sessions | None:
    """`sessions 2/s think 10 s`: users that arrive, ask, think and ask again."""
    words = _think(setting, "write `sessions 2/s think 10 s`", reader)
    if words is None:
        return None
    rate = reader.number(words[0], "the request rate", RATE, above=0, most=1e6)
    think = reader.number(words[1], "the think time", TIME, least=0)
    if rate is None or think is None:
        return None
    return Sessions(rate, think)


def _think(setting: ast.Setting, example: str, reader: Reader) -> tuple[ast.Value, ast.Value] | None:
    words = plain_words(setting, 3, "a number, `think` and a time", example, reader)
    if words is None:
        return None
    if not (isinstance(words[1], ast.Ref) and words[1].text == "think"):
        reader.mismatch(words[1], f"`{setting.name.text}`", "`think`", example)
        return None
    return words[0], words[2]


# Distilling


def distill(section: ast.Section | None, symbols: Symbols, reader: Reader) -> DistillChoices:
    if section is None:
        return DistillChoices()
    known = ("branches", "similarity", "keep", "use", "confirm")
    settings = block("`distill`", section.span, section.settings, known, reader, repeated=("keep", "use"))
    confirm = settings.get("confirm")
    tail = confirm is not None and _is_word(
        settings.value(confirm, "`tail`", "write `confirm tail`"), "tail", confirm, "write `confirm tail`", reader
    )
    return DistillChoices(
        threshold=_threshold(settings.get("branches"), "below", 0.02, reader),
        similarity=_threshold(settings.get("similarity"), "above", 0.8, reader),
        keep=_keep(settings.settings.get("keep", ()), symbols, reader),
        use=_use(settings.settings.get("use", ()), symbols, reader),
        confirm_tail=tail,
    )


def _is_word(value: ast.Value | None, expected: str, setting: ast.Setting, example: str, reader: Reader) -> bool:
    if value is None:
        return False
    if isinstance(value, ast.Ref) and value.text == expected:
        return True
    reader.mismatch(value, f"`{setting.name.text}`", f"`{expected}`", example)
    return False


def _threshold(setting: ast.Setting | None, word: str, default: float, reader: Reader) -> float:
    """`branches below 2%`, `similarity above 80%`"""
    if setting is None:
        return default
    name = setting.name.text
    example = f"write `{name} {word} {default * 100:g}%`"
    words = plain_words(setting, 2, f"`{word}` and a share", example, reader)
    if words is None or not _is_word(words[0], word, setting, example, reader):
        return default
    fraction = reader.number(words[1], f"the bound of `{name}`", SHARE, least=0, most=1)
    return default if fraction is None else fraction


def _keep(settings: Sequence[ast.Setting], symbols: Symbols, reader: Reader) -> tuple[str, ...]:
    """Request classes and tasks."""
    names: dict[str, None] = {}
    for setting in settings:
        words = plain_words(setting, 1, "a task or a request", "write `keep name`", reader)
        name = reader.word(words[0], "`keep`", "a task or a request", "write `keep name`") if words else None
        if name is None:
            continue
        if symbols.declared.get(name.text, ("",))[0] in ("task", "request"):
            names[name.text] = None
        else:
            candidates = [known for known, (what, _) in symbols.declared.items() if what != "data set"]
            hint = reader.did_you_mean(name.text, candidates, "name a task or a request class")
            reader.diagnostics.report("AIB304", name.span, setting="keep", name=name.text, done="kept", hint=hint)
    return tuple(names)


def _use(settings: Sequence[ast.Setting], symbols: Symbols, reader: Reader) -> tuple[tuple[str, str], ...]:
    """`use task.model`: the model must be one of the task's alternatives."""
    models_of: dict[str, str] = {}
    for setting in settings:
        words = plain_words(setting, 1, "a task and its model", "write `use task.model`", reader)
        if not words:
            continue
        ref = words[0]
        if not isinstance(ref, ast.Ref) or len(ref.parts) != 2:
            reader.mismatch(ref, "`use`", "a task and its model", "write `use task.model`")
            continue
        task, model = (part.text for part in ref.parts)
        if symbols.declared.get(task, ("",))[0] == "task" and task not in symbols.tasks:
            continue
        models = [candidate.model for candidate in symbols.tasks[task].stages[0].candidates] if task in symbols.tasks else []
        if model not in models:
            hint = reader.did_you_mean(model, models, one_of(models)) if task in symbols.tasks else reader.did_you_mean(task, symbols.tasks)
            reader.diagnostics.report("AIB304", ref.span, setting="use", name=ref.text, done="used", hint=hint)
        elif models_of.setdefault(task, model) != model:
            reader.diagnostics.report("AIB233", ref.span, model=model, other=models_of[task], task=task)
    return tuple(models_of.items())
