"""Options of one run that override the plan, and the resulting plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aibenchrt.catalog import MOST_REQUESTS
from aibenchrt.collect.records import ScheduleRecord
from aibenchrt.collect.run_info import Override
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanConstant, PlanLoad, PlanPoisson, PlanService, PlanSessions, PlanStreams, PlanTrace, PlanUsers
from aibenchrt.progress import Progress, silent

LAST_PORT = 65535


@dataclass(frozen=True)
class RunOptions:
    """variant: of the data; size: of the models (tiny, small, full). rate, streams, duration_s, warmup_s, seed: instead of the plan's
    load; rate: of each stream where there are streams.

    ports_from: first port, instead of the plan's. overrides: AI task or stage → "random" or "baseline", for an ablation. supplement:
    labelled runs of rare classes, each at most supplement_s long. data_seed: of the world; training_seed: of the models. command: what the
    user typed. ready_s: how long a part may take to become ready. answer_s: how long a model may answer no inference before it counts as
    dead. wait_quiet_s: how long the load may wait until the machine has no other work; 0: it begins at once, and stderr says so. progress:
    called during everything that takes time. rows: what is sent, instead of what the load draws; () for that.
    """

    variant: str = "real"
    size: str = "small"
    rate: float | None = None
    streams: int | None = None
    duration_s: float | None = None
    warmup_s: float | None = None
    seed: int | None = None
    ports_from: int | None = None
    overrides: Mapping[str, Override] = field(default_factory=dict)
    supplement: bool = True
    supplement_s: float = 75.0
    data_seed: int = 7
    training_seed: int = 7
    timeout_s: float = 10.0
    ready_s: float = 120.0
    answer_s: float = 10.0
    wait_quiet_s: float = 0.0
    command: str = ""
    rows: tuple[ScheduleRecord, ...] = ()
    progress: Progress = silent


@dataclass(frozen=True)
class ClusterOptions:
    """Options of a run on the hosts of an inventory. resume: the directory of an interrupted run. fault: what the user breaks on purpose.

    teardown: remove everything from the hosts once the records are collected; not after a failed run, which may be resumed. prepare_only:
    end before the hosts are touched, for a control host that cannot reach the registries and the hosts from the same network.
    trusted: the inventory may run programs on this machine. renew: make new keys and certificates, though the last ones still hold.
    """

    run: RunOptions
    teardown: bool = False
    resume: Path | None = None
    fault: str = ""
    prepare_only: bool = False
    trusted: bool = False
    renew: bool = False


def effective(plan: Plan, options: RunOptions) -> Plan:
    """The plan of this run. EnvironmentFailure AIB652: too high a first port; AIB637: too large a load; AIB638: an override names no AI
    task or stage of the plan; AIB694: a rate for a load that has none; AIB713: streams, likewise."""
    changed: dict[str, Any] = {"load": _changed(plan.load, options)}
    if options.ports_from is not None:
        changed["services"] = _moved(plan, options.ports_from)
    return overridden(plan.model_copy(update=changed), options.overrides)


def _changed(load: PlanLoad, options: RunOptions) -> PlanLoad:
    names = ("rate", "streams", "duration_s", "warmup_s", "seed")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.streams is not None and not isinstance(load, PlanStreams):
        raise EnvironmentFailure("AIB713", arrival=load.arrival)
    match load:
        case PlanUsers() | PlanTrace():  # the rate of users depends on the answers, and a trace is fixed
            if options.rate is not None:
                raise EnvironmentFailure("AIB694", arrival=load.arrival)
            return load.model_copy(update=given)
        case PlanPoisson() | PlanConstant() | PlanSessions() | PlanStreams():
            changed = load.model_copy(update=given)
            count = changed.mean_rate * (changed.warmup_s + changed.duration_s)
            if count > MOST_REQUESTS:
                raise EnvironmentFailure("AIB637", count=f"{count:,.0f}", limit=f"{MOST_REQUESTS:,}")
            return changed


def ports(plan: Plan) -> tuple[tuple[str, str], ...]:
    """(name, endpoint) of everything that listens."""
    return tuple((service.name, endpoint) for service in plan.services for endpoint in service.endpoints)


def _moved(plan: Plan, first: int) -> tuple[PlanService, ...]:
    ports_used = [int(endpoint.rsplit(":", 1)[1]) for _, endpoint in ports(plan)]
    lowest, last = min(ports_used), max(ports_used) - min(ports_used) + first
    if first < 1 or last > LAST_PORT:
        raise EnvironmentFailure("AIB652", first=first, last=last, highest=first - last + LAST_PORT)

    def moved(endpoint: str) -> str:
        host, port = endpoint.rsplit(":", 1)
        return f"{host}:{int(port) - lowest + first}"

    return tuple(service.model_copy(update={"endpoints": tuple(map(moved, service.endpoints))}) for service in plan.services)


def overridden(plan: Plan, overrides: Mapping[str, Override]) -> Plan:
    known = {stage.name for step in plan.steps for stage in step.stages if stage.kind == "ai"}
    known |= {step.task for step in plan.steps if step.kind == "ai"}
    unknown = sorted(set(overrides) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise EnvironmentFailure("AIB638", task=unknown[0], known=names)
    steps = []
    for step in plan.steps:
        stages = tuple(
            stage.model_copy(update={"model": overrides.get(stage.name, overrides.get(step.task))})
            if stage.kind == "ai" and (stage.name in overrides or step.task in overrides)
            else stage
            for stage in step.stages
        )
        steps.append(step.model_copy(update={"stages": stages}))
    return plan.model_copy(update={"steps": tuple(steps)})
