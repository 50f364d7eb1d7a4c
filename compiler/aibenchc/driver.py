"""compile_spec: the phases in their order. Pure: it reads no file, writes none and knows no clock."""

from __future__ import annotations

import gc
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from posixpath import dirname, relpath

from aibenchrt.plan import Plan

from aibenchc import planning
from aibenchc.diagnostics import Diagnostics
from aibenchc.distill import RULES, Distilled, Measurements, Rule, distill, report, settings
from aibenchc.distill.fidelity import predict
from aibenchc.emit import Artifact, emit
from aibenchc.emit.artifact import manifest
from aibenchc.emit.grpc import proto_path
from aibenchc.emit.load import emit_trace
from aibenchc.flow import analyse
from aibenchc.model import AS_DECLARED, LoadChange, Scenario
from aibenchc.placement.inventory import Inventory
from aibenchc.placement.search import Placement
from aibenchc.protoc import stubs
from aibenchc.show.draw import draw
from aibenchc.source import SourceFile, Span
from aibenchc.syntax.parse import parse
from aibenchc.validate import validate
from aibenchc.validate.proto_names import check_proto_names

OpenFile = Callable[[str, Span], SourceFile | None]


@dataclass(frozen=True)
class CompileSettings:
    """What the command line sets. params: override the spec's; deployment: None for the spec's first; inventory: None for this machine;
    tls: whether connections between hosts are mutual TLS; change: what a run changes of the load, for the warnings about it."""

    params: Mapping[str, str] = field(default_factory=dict)
    deployment: str | None = None
    rules: tuple[Rule, ...] = RULES
    measurements: Measurements | None = None
    ports_from: int = planning.PORTS_FROM
    inventory: Inventory | None = None
    tls: bool = True
    change: LoadChange = AS_DECLARED


@dataclass(frozen=True)
class Compiled:
    """sources: every file that was read, the spec first. artifacts: without stubs and manifest, which `complete` adds. placement: with
    an inventory."""

    sources: tuple[SourceFile, ...]
    settings: CompileSettings
    scenario: Scenario
    distilled: Distilled
    plan: Plan
    artifacts: tuple[Artifact, ...]
    placement: Placement | None = None


def compile_spec(
    source: SourceFile, settings_: CompileSettings, diagnostics: Diagnostics, open_include: OpenFile, open_trace: OpenFile
) -> Compiled | None:
    """None if an error was reported. open_include and open_trace read the files that the spec names; they report what they do not find."""
    with collector_off():
        return phases(source, settings_, diagnostics, open_include, open_trace)


@contextmanager
def collector_off() -> Iterator[None]:
    """Switches Python's cyclic garbage collector off: a compile makes next to no cycles, and the search for them grows faster than the
    spec."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def phases(
    source: SourceFile, settings_: CompileSettings, diagnostics: Diagnostics, open_include: OpenFile, open_trace: OpenFile
) -> Compiled | None:
    sources = [source]

    def noted(open_file: OpenFile) -> OpenFile:
        def opened(name: str, span: Span) -> SourceFile | None:
            file = open_file(name, span)
            if file is not None:
                sources.append(file)
            return file

        return opened

    spec = parse(source, diagnostics, noted(open_include))
    if spec is None or diagnostics.failed:
        return None
    scenario = validate(spec, diagnostics, settings_.params, noted(open_trace), settings_.change)
    if scenario is None:
        return None
    deployment = planning.find_deployment(scenario, settings_.deployment or scenario.deployments[0].name, diagnostics)
    if deployment is None:
        return None
    distilled = distill(scenario.graph, settings(scenario, deployment.name, settings_.measurements), settings_.rules)
    report(distilled, diagnostics)
    if diagnostics.failed:
        return None
    where = planning.Where(settings_.ports_from, settings_.inventory, settings_.tls)
    planned = planning.plan(scenario, distilled, deployment.name, diagnostics, where)
    if planned is None:
        return None
    plan = planned.plan
    plan = plan.model_copy(update={"prediction": predict(distilled)})
    graph = distilled.graph
    check_proto_names({t.name: t.span for t in graph.tasks}, {r.name: r.span for r in graph.requests}, diagnostics)
    if diagnostics.failed:
        return None
    artifacts = (*emit(plan), picture(distilled, scenario.title), *emit_trace(scenario.load))
    return Compiled(tuple(sources), settings_, scenario, distilled, plan, artifacts, planned.placement)


def picture(distilled: Distilled, title: str) -> Artifact:
    return Artifact(PurePosixPath("distilled.svg"), draw(analyse(distilled.graph), title).encode())


def complete(compiled: Compiled, with_stubs: bool = True) -> tuple[Artifact, ...]:
    """All artifacts of a generated folder: with the stubs, which a protoc process makes, and the manifest.

    EnvironmentFailure AIB504: there is no protoc.
    """
    proto = next(a for a in compiled.artifacts if a.path == proto_path(compiled.plan.scenario))
    artifacts = (*compiled.artifacts, *(stubs(proto) if with_stubs else ()))
    spec = compiled.sources[0].name
    inputs = {relpath(s.name, dirname(spec) or "."): hashlib.sha256(s.text.encode()).hexdigest() for s in compiled.sources}
    return (*artifacts, manifest(artifacts, inputs, shown(compiled), importlib.metadata.version("aibenchc")))


def shown(compiled: Compiled) -> dict[str, object]:
    """The settings as the manifest has them."""
    chosen = compiled.settings
    return {
        "deployment": compiled.plan.deployment,
        "params": dict(sorted(chosen.params.items())),
        "ports_from": chosen.ports_from,
        "rules": [rule.id for rule in chosen.rules],
        "measurements": chosen.measurements.sha256 if chosen.measurements else None,
    }
