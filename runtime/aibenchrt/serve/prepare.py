"""Prepares what a plan's services read: databases, indexes, dictionaries. Built once per content, kept in home()/prepared.

    prepared/<component>/<hash of world version, settings and the component's code>/     complete, never changed afterwards

What is made with a model (`ComponentSpec.made_with`) has that model's version in its hash, and `prepare` is given the open model as well.

`prepare_services` builds or finds them; `lay_out` makes the folder that the service hosts are given, one link per stage.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from aibenchrt.catalog import COMPONENTS, component_module
from aibenchrt.code_key import code_key
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.values import Work
from aibenchrt.workload import Workload

if TYPE_CHECKING:
    from aibenchrt.datasets.worlds import AnyWorld


Settings = Mapping[str, str | int]


@dataclass(frozen=True)
class Maker:
    """The model that a service's data are made with (`ComponentSpec.made_with`). folder: of the version of the AI stage's model."""

    stage: PlanStage
    folder: Path


def prepare_services(
    plan: Plan, world: AnyWorld, models: Mapping[str, Path], progress: Callable[[str], None] = lambda _: None
) -> dict[str, Path]:
    """Stage name → its prepared folder, for every service stage of the plan.

    models: AI stage → folder of its version, for those that services are prepared with. progress: called with the name of each stage that
    has to be built. EnvironmentFailure: as the components raise; AIB605: no space left; AIB707: as `maker_of`.
    """
    folders = {}
    for stage in service_stages(plan):
        maker = maker_of(plan, stage, models)
        folders[stage.name] = prepare_component(stage.component, stage.settings, world, partial(progress, stage.name), maker)
    return folders


def maker_of(plan: Plan, stage: PlanStage, models: Mapping[str, Path]) -> Maker | None:
    """What the stage's data are made with; None: no model. EnvironmentFailure AIB707: no single AI stage feeds the port that names it."""
    port = COMPONENTS[stage.component].made_with if stage.component in COMPONENTS else ""
    if not port:
        return None
    step = next(step for step in plan.steps if any(other.name == stage.name for other in step.stages))
    entering = next((feed.port for feed in stage.feeds if feed.input == port and feed.stage is None), "" if stage.feeds else port)
    feeding = {source.task for entry in step.inputs if entry.port.name == entering for source in entry.sources}
    makers = [other.stages[-1] for other in plan.steps if other.task in feeding and other.kind == "ai"]
    if len(makers) != 1 or len(feeding) != 1:
        raise EnvironmentFailure("AIB707", stage=stage.name, port=port, feeding=", ".join(sorted(feeding)) or "nothing")
    return Maker(makers[0], models[makers[0].name])


def service_stages(plan: Plan) -> tuple[PlanStage, ...]:
    return tuple(stage for step in plan.steps for stage in step.stages if stage.kind == "service")


def prepare_component(
    component: str, settings: Settings, world: AnyWorld, building: Callable[[], None] = lambda: None, maker: Maker | None = None
) -> Path:
    """The component's prepared folder under these settings, built if it does not exist. Safe to call from several processes."""
    service = component_module(component, "service")
    store = home() / "prepared" / component
    store.mkdir(parents=True, exist_ok=True)
    folder = store / prepared_key(component, settings, world, maker)
    with locked(store / f"{folder.name}.lock"):
        if not folder.is_dir() or not _still_there(service, folder, settings):
            building()
            _build(service, world, settings, folder, maker)
    return folder


def prepared_key(component: str, settings: Settings, world: AnyWorld, maker: Maker | None = None) -> str:
    """16 hex digits: the same for the same data, settings, model and code, including that of the world's class."""
    modules = [f"{COMPONENTS[component].package}.service", type(world).__module__]
    made = []
    if maker is not None:
        modules.append(f"{COMPONENTS[maker.stage.component].package}.serve")
        made = [maker.folder.name, maker.stage.model, sorted(maker.stage.settings.items())]
    return hashlib.sha256(json.dumps([world.version, sorted(settings.items()), code_key(modules), *made]).encode()).hexdigest()[:16]


def lay_out(folders: Mapping[str, Path], into: Path) -> Path:
    """Makes `into` with one link per stage, as `service_host --prepared` expects; returns it."""
    into.mkdir(parents=True, exist_ok=True)
    for stage, folder in folders.items():
        link = into / stage
        link.unlink(missing_ok=True)
        link.symlink_to(folder, target_is_directory=True)
    return into


class WorkloadModule(Protocol):
    """<package>.workload of a component: what its figures are measured with. It may have FIGURES: tuple[Figures, ...], too."""

    @property
    def WORKLOADS(self) -> tuple[Workload, ...]: ...  # noqa: N802


def workload_module(component: str) -> WorkloadModule | None:
    """None: the component has none, and is only measured in runs."""
    name = f"{COMPONENTS[component].package}.workload"
    if importlib.util.find_spec(name) is None:
        return None
    module: WorkloadModule = importlib.import_module(name)
    return module


def _work_of(maker: Maker | None) -> tuple[Work, ...]:
    if maker is None:
        return ()
    from aibenchrt.serve.models import open_stage  # imports ONNX Runtime, which most preparations do not need

    return (open_stage(maker.stage, maker.folder),)


def _still_there(service: ModuleType, folder: Path, settings: Settings) -> bool:
    """Whether what was built outside the folder, such as tables of a database server, still exists."""
    check = getattr(service, "still_prepared", None)
    return check is None or bool(check(folder, settings))


def _build(service: ModuleType, world: AnyWorld, settings: Settings, folder: Path, maker: Maker | None) -> None:
    """Builds beside the folder and renames, so that a folder of this name is always complete."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that died; we hold the lock
    unfinished.mkdir()
    try:
        if hasattr(service, "prepare"):
            with disk_guard(folder.parent):
                service.prepare(world, settings, unfinished, *_work_of(maker))
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    if folder.is_dir():
        shutil.rmtree(folder)
    unfinished.rename(folder)
