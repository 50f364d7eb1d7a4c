"""The catalogue as text: what a spec may name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import Enum
from typing import cast

from aibenchrt import catalog
from aibenchrt.component import ComponentSpec, DatasetSpec, Need, Port, Ports, Profile, RequestSource
from aibenchrt.libraries import library_of
from aibenchrt.metrics import SHARE, value_shown
from aibenchrt.metrics import metric as metric_of
from aibenchrt.train.listing import trained_versions

from aibenchc.diagnostics import did_you_mean


def table() -> str:
    """Components in catalogue order, each with its ports, metrics, configurations and which of them are trained here; then data sets."""
    width = max(map(len, _names()))
    lines = ["components (task NAME : COMPONENT)"]
    for spec in catalog.COMPONENTS.values():
        lines.append(f"  {spec.name:<{width}}  {spec.kind.value:<7}  {_one_line(spec)}")
        lines += [f"  {'':<{width}}           {line}" for line in _at_a_glance(spec)]
    lines += ["", "data sets (dataset NAME = DATASET)"]
    lines += [f"  {spec.name:<{width}}  {_one_line(spec)}" for spec in catalog.DATASETS.values()]
    return "\n".join(lines)


def document(name: str | None = None) -> dict[str, object]:
    """What the catalogue declares, of all or of one component or data set, for JSON."""
    components = [asdict(spec) for spec in catalog.COMPONENTS.values() if name in (None, spec.name)]
    datasets = [asdict(spec) for spec in catalog.DATASETS.values() if name in (None, spec.name)]
    written = json.dumps({"components": components, "datasets": datasets}, default=_plain)
    return cast("dict[str, object]", json.loads(written))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, type):  # what a component needs of its world
        return value.__name__
    raise TypeError(f"{value!r} has no form in JSON")


def details(name: str) -> tuple[str | None, str]:
    """Everything about one component or data set; (None, a hint) if there is none of that name."""
    spec = catalog.component(name)
    if spec is not None:
        return "\n".join(_component(spec)), ""
    dataset = catalog.dataset(name)
    if dataset is not None:
        return "\n".join(_dataset(dataset)), ""
    owners = [spec.name for spec in catalog.COMPONENTS.values() if name in (model.name for model in spec.models)]
    if owners:
        return None, f"it is a model of component {' and '.join(owners)}: `aibenchc components {owners[0]}`"
    return None, did_you_mean(name, _names(), "`aibenchc components` lists all")


def _names() -> list[str]:
    return [*catalog.COMPONENTS, *catalog.DATASETS]


def _one_line(spec: ComponentSpec | DatasetSpec) -> str:
    library = library_of(spec)
    doc = f"{spec.doc} (library {library})" if library is not None else spec.doc
    return doc if spec.implemented or "specification only" in doc else f"{doc} (specification only)"


def _at_a_glance(spec: ComponentSpec) -> Iterator[str]:
    ways = dict.fromkeys(f"{_types(ports.inputs)} → {_types(ports.outputs)}" for ports in (spec.ports, *(p for _, p in spec.variants)))
    yield " or ".join(ways) + (f"; {', '.join(spec.metrics)}" if spec.metrics else "")
    if spec.models:
        sizes = [(profile.value, [model.name for model in spec.models if model.profile is profile]) for profile in Profile]
        trained = dict.fromkeys(version.model for version in trained_versions(spec.name))
        named = "; ".join(f"{size}: {', '.join(models) or 'none'}" for size, models in sizes)
        yield f"{named}; trained here: {', '.join(trained) or 'none'}"


def _types(ports: Sequence[Port]) -> str:
    return ", ".join(port.type + ("?" if port.optional else "") for port in ports) or "nothing"


def _component(spec: ComponentSpec) -> Iterator[str]:
    words = [spec.kind.value, f"family {spec.family}"]
    words += [word for word, holds in (("auxiliary", spec.auxiliary), ("effect", spec.effect), ("can train", spec.trains)) if holds]
    words += [] if spec.implemented else ["specification only: distilling must remove it"]
    yield f"{spec.name}: {spec.doc}"
    yield from _owner(spec)
    yield f"  {', '.join(words)}"
    variants: Sequence[tuple[str, Ports]] = [(f" ({spec.varies_by} {value})", ports) for value, ports in spec.variants] or [
        ("", spec.ports)
    ]
    for label, ports in variants:
        yield f"  takes{label}: {_ports(ports.inputs)}"
        yield f"  gives{label}: {_ports(ports.outputs)}"
    if spec.by_stream:
        yield f"  keeps a state for each stream, told apart by {spec.by_stream}: one replica takes all frames of a stream"
    if spec.needs:
        yield f"  needs of the world: {_needs(spec.needs)}"
    for name, value, needs in spec.needs_if:
        yield f"  needs of the world ({name} {value}): {_needs(needs)}"
    for setting in spec.settings:
        values = " | ".join(setting.choices) if setting.choices else f"a {setting.kind}"
        yield f"  setting {setting.name}: {values} (default {setting.default}): {setting.doc}"
    for model in spec.models:
        quality = ", ".join(f"{metric} {_declared(metric, value)}" for metric, value in model.quality)
        yield f"  model {model.name}: profile {model.profile.value}, declared {quality}; {model.cost:g} M multiply-adds; {model.paper}"
    if spec.metrics:
        yield f"  quality metrics: {', '.join(spec.metrics)}"
    if spec.baseline:
        yield f"  baseline: {spec.baseline}"
    yield from _trained(spec)


def _declared(metric: str, value: float) -> str:
    row = metric_of(metric)
    return f"{value * 100:g}%" if row is None or row.unit == SHARE else f"{value:g} {row.unit}"


def _trained(spec: ComponentSpec) -> Iterator[str]:
    """The latest version for every model, data variant, size and seed. Which version serves is decided when a run is prepared."""
    if not spec.models:
        return
    versions = trained_versions(spec.name)
    latest = {(v.model, v.variant, v.size, v.seed): v for v in versions}  # in the order in which they were trained
    for version in latest.values():
        quality = ", ".join(f"{m.name} {value_shown(m.name, m.value, m.low, m.high)}" for m in version.metrics)
        what = f"{version.model} {version.version}: {version.variant} data, size {version.size}, seed {version.seed}"
        yield f"  trained {what}: {quality}; {version.parameters:,} parameters"
    if not latest:
        yield f"  trained: none in this home; {_training(spec)}"
    elif len(versions) > len(latest):
        yield f"  earlier versions: {len(versions) - len(latest)}"


def _training(spec: ComponentSpec) -> str:
    """How to train it. The specs that `bench component` looks through by itself are ours; of a library's component it must be told one."""
    command = f"`aibenchc train SPEC`, or `aibenchc bench component {spec.name} --train"
    library = library_of(spec)
    return f"{command}`" if library is None else f'{command} --spec SPEC`, with a SPEC that says `library "{library}"`'


def _ports(ports: Sequence[Port]) -> str:
    def said(port: Port) -> str:
        marks = [word for word, holds in (("optional", port.optional), ("many", port.many)) if holds]
        return f"{port.name}: {port.type}" + (f" ({', '.join(marks)})" if marks else "")

    return ", ".join(said(port) for port in ports) or "nothing"


def _needs(needs: Sequence[Need]) -> str:
    return "; ".join(need.doc for need in needs)


def _sending(source: RequestSource) -> str:
    apart = source.pair_apart_s
    pairs = "" if apart is None else "; in pairs, both at once" if not apart else f"; in pairs, {apart:g} s apart"
    clips = f"; in clips of {source.clip}, which streams send" if source.clip else ""
    return f"{pairs}{'; each payload once in a run' if source.once else ''}{clips}"


def _owner(spec: ComponentSpec | DatasetSpec) -> Iterator[str]:
    if (library := library_of(spec)) is not None:
        yield f'  of library {library}: a spec that names it says `library "{library}"`'


def _dataset(spec: DatasetSpec) -> Iterator[str]:
    yield f"{spec.name}: {spec.doc}"
    yield from _owner(spec)
    yield f"  licence: {spec.licence}"
    for source in spec.sources:
        yield f"  source {source.name}: {_ports(source.ports)}; {source.doc}{_sending(source)}"
    if spec.gives:
        yield f"  its world gives: {_needs(spec.gives)}"
    if spec.made_from:
        yield f"  made from {' or '.join(spec.made_from)}, and belongs to that world"
    yield f"  yields: {', '.join(spec.metrics) or 'no quality metric'}"
    if not spec.implemented:
        yield "  specification only: distilling must remove the requests that use it"
