"""What a run was, as data (collect.run_info): hosts, versions, data, models, fingerprint."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import psutil

from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import (
    DataInfo,
    ErrorCurve,
    Fingerprint,
    GeneratorInfo,
    HostInfo,
    LoadInfo,
    MeasuredMetric,
    ModelInfo,
    Outcome,
    ProcessInfo,
    ProvenanceRow,
    RunInfo,
    StageEntry,
)
from aibenchrt.control.assets import Assets, baseline_of
from aibenchrt.control.code_version import code_info
from aibenchrt.control.options import RunOptions
from aibenchrt.datasets.specs import DATASETS
from aibenchrt.datasets.worlds import provenance_of
from aibenchrt.load.schedule import used_up
from aibenchrt.machine import cpu_model, limits, os_name
from aibenchrt.plan import Plan, PlanConstant, PlanLoad, PlanPoisson, PlanSessions, PlanStreams, PlanTrace, PlanUsers
from aibenchrt.train.repository import ModelVersion
from aibenchrt.wheel import Wheel, wheel_of

_SERVING = ("nvidia-pytriton", "onnxruntime", "grpcio", "numpy", "tantivy", "tritonclient")
_MEMORY_STEP_MIB = 256


def this_host() -> HostInfo:
    limited = limits()
    memory = round(psutil.virtual_memory().total / 2**20 / _MEMORY_STEP_MIB) * _MEMORY_STEP_MIB
    return HostInfo(
        name=platform.node(),
        cpu_model=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_mib=memory,
        kernel=platform.release(),
        os=os_name(),
        cpu_limit=limited.cpus,
        memory_limit_mib=None if limited.memory_bytes is None else limited.memory_bytes >> 20,
    )


def versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for package in ("aibenchc", *_SERVING):
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def fingerprint(
    plan: Plan,
    hosts: Sequence[HostInfo],
    data: Sequence[DataInfo],
    models: Sequence[ModelInfo],
    wheels: Sequence[Wheel],
    generator: GeneratorInfo | None,
) -> Fingerprint:
    """wheels: of the plan's libraries. generator: of the measured phase, None where no load was sent."""
    return Fingerprint(
        hosts=host_texts(hosts),
        deployment=plan.deployment,
        profile=plan.profile,
        graph_hash=plan.graph_hash,
        data="; ".join(f"{entry.name} {entry.variant} {entry.world_version}" for entry in data),
        models=tuple(
            f"{m.task}={m.component}/{m.model}:{m.version}" + (f" replaced by {m.override}" if m.override else "") for m in models
        ),
        replicas=tuple(f"{service.name}={len(service.endpoints)}" for service in plan.services),
        load=load_text(plan),
        packages=(
            *(f"{name}={version}" for name, version in versions().items() if name != "aibenchc"),
            *(f"{wheel.distribution}={wheel.version} sha256:{wheel.sha256[:16]}" for wheel in wheels),
        ),
        settings=(*settings_text(plan), *(("connections=mutual TLS",) if plan.tls else ())),
        generator=priority(generator),
    )


def host_texts(hosts: Sequence[HostInfo]) -> tuple[str, ...]:
    """'count × machine', followed by the parts that ran there if parts were placed. Host names are left out; the order is that of the first
    host of each kind."""
    texts = [f"{host.text}, {host.os}" + (f": {', '.join(host.parts)}" if host.parts else "") for host in hosts]
    return tuple(f"{texts.count(text)} × {text}" for text in dict.fromkeys(texts))


def priority(generator: GeneratorInfo | None) -> str:
    """The generator's scheduling priority, as in the fingerprint."""
    return "" if generator is None else "real-time" if generator.real_time else "normal"


def settings_text(plan: Plan) -> tuple[str, ...]:
    """'stage=component{key value, …}' of every stage that has settings, in plan order."""
    return tuple(
        f"{stage.name}={stage.component}{{{', '.join(f'{key} {value}' for key, value in sorted(stage.settings.items()))}}}"
        for step in plan.steps
        for stage in step.stages
        if stage.settings
    )


def load_text(plan: Plan) -> str:
    """The load in words, without its seed."""
    load = plan.load
    shares = ", ".join(f"{request.name} {100 * request.share:g} %" for request in plan.requests)
    return f"{load.arrival} {_arrivals_text(load)}, {shares}, {load.duration_s:g} s after {load.warmup_s:g} s"


def _arrivals_text(load: PlanLoad) -> str:
    match load:
        case PlanPoisson() | PlanConstant():
            return f"{load.rate:g}/s"
        case PlanSessions():
            return f"{load.rate:g}/s think {load.think_s:g} s"
        case PlanUsers():
            return f"{load.users} think {load.think_s:g} s"
        case PlanTrace():
            return load.trace
        case PlanStreams():
            return f"{load.streams} at {load.rate:g}/s"


def data_info(plan: Plan, assets: Assets) -> tuple[DataInfo, ...]:
    world = assets.world
    variant: Literal["real", "synthetic"] = "real" if world.variant == "real" else "synthetic"
    return tuple(
        DataInfo(
            name=name,
            variant=variant,
            world_version=world.version,
            seed=world.seed,
            licence=DATASETS[name].licence,
            provenance=tuple(
                ProvenanceRow(part=p.part, origin="observed" if p.kind == "observed" else "composed", source=p.source, note=p.licence)
                for p in provenance_of(name, world)
            ),
        )
        for name in sorted({plan.datasets[request.dataset] for request in plan.requests})
    )


def model_infos(compiled: Plan, assets: Assets, options: RunOptions) -> tuple[ModelInfo, ...]:
    """compiled: the plan with its own models; overrides come from the options."""
    infos = []
    for step in compiled.steps:
        for stage in step.stages:
            if stage.kind != "ai":
                continue
            version = assets.models[stage.name]
            key = version.metadata.get("key", {})
            infos.append(
                ModelInfo(
                    task=step.task,
                    stage=stage.name,
                    component=stage.component,
                    model=version.model,
                    version=version.version,
                    size=str(key.get("size", options.size)),
                    parameters=version.metadata.get("parameters"),
                    seed=key.get("seed"),
                    metrics=_metrics(version),
                    error_curves=error_curves(version),
                    override=options.overrides.get(stage.name, options.overrides.get(step.task)),
                )
            )
    return tuple(infos)


def _metrics(version: ModelVersion) -> tuple[MeasuredMetric, ...]:
    metadata = version.metadata
    name = baseline_of(version.component)
    beside = (metadata.get("baselines") or {}).get(name, {}) if name else {}
    metrics = []
    for metric, measured in (metadata.get("metrics") or {}).items():
        other = beside.get(metric)
        metrics.append(
            MeasuredMetric(
                name=metric,
                value=measured["value"],
                low=measured.get("low"),
                high=measured.get("high"),
                protocol=str(metadata.get("protocol", "")),
                baseline=name if other else None,
                baseline_value=other["value"] if other else None,
            )
        )
    return tuple(metrics)


def error_curves(version: ModelVersion) -> tuple[ErrorCurve, ...]:
    """What training wrote of how a model that tells persons apart errs, and its baselines; () of others."""
    measured = (version.metadata.get("only_for_comparison") or {}).get("error_curves") or {}
    return tuple(ErrorCurve.model_validate(curve) for curve in measured.get("of", ()))


def load_info(plan: Plan, window: tuple[int, int], used_up: float = 0.0) -> LoadInfo:
    load = plan.load
    return LoadInfo(
        arrival=load.arrival,
        rate=None if isinstance(load, PlanUsers) else load.mean_rate,
        duration_s=load.duration_s,
        warmup_s=load.warmup_s,
        seed=load.seed,
        shares={request.name: request.share for request in plan.requests},
        window_start_ns=window[0],
        window_end_ns=window[1],
        used_up=used_up,
    )


def run_info(
    *,
    directory: Path,
    plan: Plan,
    compiled: Plan,
    options: RunOptions,
    started: datetime,
    outcome: Outcome,
    stages: Sequence[StageEntry],
    assets: Assets | None,
    rows: Sequence[ScheduleRecord],
    hosts: Sequence[HostInfo],
    processes: Sequence[ProcessInfo],
    window: tuple[int, int],
    generator: GeneratorInfo | None,
) -> RunInfo:
    """run.json of a run. compiled: the plan with the models as compiled; plan: as it ran; assets None: not prepared."""
    data = data_info(plan, assets) if assets else ()
    models = model_infos(compiled, assets, options) if assets else ()
    repeated = used_up(rows, {name: len(payloads) for name, payloads in assets.payloads.items()}) if assets else 0.0
    text = repr([(r.request_id, r.request_class, r.phase, r.payload, r.offset_s) for r in rows])
    file = directory / "plan.json"
    wheels = [wheel_of(library) for library in plan.libraries]
    return RunInfo(
        run_id=directory.name,
        deployment_id=directory.name,
        scenario=plan.scenario,
        title=plan.title,
        deployment=plan.deployment,
        profile=plan.profile,
        started_utc=started.isoformat(timespec="seconds"),
        outcome=outcome,
        commands=(options.command,) if options.command else (),
        versions=versions() | {library.distribution: library.version for library in plan.libraries},
        seeds={"plan": plan.seed, "load": plan.load.seed, "data": options.data_seed, "training": options.training_seed},
        hashes={
            "graph": plan.graph_hash,
            "plan": sha256(file) if file.is_file() else "",
            "schedule": hashlib.sha256(text.encode()).hexdigest(),
            **{f"library {wheel.library}": wheel.sha256 for wheel in wheels},
        },
        hosts=tuple(hosts),
        fingerprint=fingerprint(plan, hosts, data, models, wheels, generator),
        data=data,
        models=models,
        stages=tuple(stages),
        processes=tuple(processes),
        load=load_info(plan, window, repeated),
        generator=generator,
        code=code_info(),
    )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
