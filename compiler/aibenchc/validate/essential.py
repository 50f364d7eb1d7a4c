"""What the partner of a scenario holds essential: `essential { tasks query_parsing, data query, metrics ndcg@10, update high }`."""

from __future__ import annotations

from collections.abc import Collection

from aibenchrt import catalog

from aibenchc.diagnostics import one_of
from aibenchc.model import Essential
from aibenchc.syntax import ast
from aibenchc.validate.blocks import Block, block, shown
from aibenchc.validate.sections import FRAME_METRICS, FREQUENCIES
from aibenchc.value_reader import Reader

LATENCY = "latency"
_EXAMPLES = {
    "tasks": "write `tasks query_parsing indexing`, the types of components",
    "data": "write `data product query`, the classes of data sets",
    "metrics": "write `metrics ndcg@10 latency`",
}


def essential(section: ast.Section | None, reader: Reader) -> Essential | None:
    """None where the spec has no such block. Names that nothing in the catalogue has are reported: AIB102, AIB116, AIB126, AIB109."""
    if section is None:
        return None
    settings = block("`essential`", section.span, section.settings, (*_EXAMPLES, "update"), reader)
    if not section.settings:
        reader.diagnostics.report("AIB123", section.span, owner="`essential`", name="tasks", example=_EXAMPLES["tasks"])
    components = list(catalog.COMPONENTS)
    classes = sorted({known for spec in catalog.DATASETS.values() for known in spec.data_class})
    full = {metric for spec in catalog.DATASETS.values() for metric in spec.metrics}
    metrics = sorted(full | {metric.partition("@")[0] for metric in full} | {LATENCY, *FRAME_METRICS})

    def known(setting: str, code: str, names: Collection[str], hint: str) -> tuple[str, ...]:
        values = _names(settings, setting, reader)
        for name, value in values.items():
            if name not in names:
                reader.diagnostics.report(code, value.span, name=name, hint=reader.did_you_mean(name, names, hint))
        return tuple(values)

    return Essential(
        tasks=known("tasks", "AIB102", components, "`aibenchc components` lists them"),
        data=known("data", "AIB126", classes, one_of(classes)),
        metrics=known("metrics", "AIB116", metrics, "`aibenchc data` lists what each data set yields"),
        update=_update(settings, reader),
        span=section.span,
    )


def _names(settings: Block, name: str, reader: Reader) -> dict[str, ast.Value]:
    """The words of a setting, each of which is a name, a metric or a text."""
    setting = settings.get(name)
    if setting is None:
        return {}
    if not setting.words or setting.comparison or setting.alternatives:
        reader.shape(setting.span, f"`{name}`", "names", f"`{shown(setting)}`", _EXAMPLES[name])
        return {}
    values = {}
    for value in setting.words:
        match reader.resolved(value):
            case ast.Ref(parts=(ast.Name(text=text),)) | ast.MetricName(text=text) | ast.Text(value=text):
                values[text] = value
            case None:  # an unknown parameter, which has been reported
                pass
            case _:
                reader.mismatch(value, f"`{name}`", "names", _EXAMPLES[name])
    return values


def _update(settings: Block, reader: Reader) -> str | None:
    value = settings.value(settings.get("update"), "a class of updates", "write `update high`")
    name = None if value is None else reader.word(value, "`update`", "a class of updates", "write `update high`")
    if name is None:
        return None
    if name.text not in FREQUENCIES:
        hint = reader.did_you_mean(name.text, FREQUENCIES, one_of(FREQUENCIES))
        reader.diagnostics.report("AIB109", name.span, name=name.text, setting="`update`", hint=hint)
        return None
    return name.text
