"""Prepares what a plan's services read: databases, indexes, dictionaries. Built once per content, kept in home()/prepared.

    prepared/<component>/<hash of world version, settings and the component's code>/     complete, never changed afterwards

`prepare_services` builds or finds them; `lay_out` makes the folder that the service hosts are given, one link per stage.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from aibenchrt.catalog import COMPONENTS, component_module
from aibenchrt.code_key import code_key
from aibenchrt.home import disk_guard, home, locked
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.workload import Workload

if TYPE_CHECKING:
    from aibenchrt.datasets.worlds import AnyWorld


Settings = Mapping[str, str | int]


def prepare_services(plan: Plan, world: AnyWorld, progress: Callable[[str], None] = lambda _: None) -> dict[str, Path]:
    """Stage name → its prepared folder, for every service stage of the plan.

    progress: called with the name of each stage that has to be built. EnvironmentFailure: as the components raise; AIB605: no space left.
    """
    folders = {}
    for stage in service_stages(plan):
        folders[stage.name] = prepare_component(stage.component, stage.settings, world, partial(progress, stage.name))
    return folders


def service_stages(plan: Plan) -> tuple[PlanStage, ...]:
    return tuple(stage for step in plan.steps for stage in step.stages if stage.kind == "service")


def prepare_component(component: str, settings: Settings, world: AnyWorld, building: Callable[[], None] = lambda: None) -> Path:
    """The component's prepared folder under these settings, built if it does not exist. Safe to call from several processes."""
    service = component_module(component, "service")
    store = home() / "prepared" / component
    store.mkdir(parents=True, exist_ok=True)
    folder = store / prepared_key(component, settings, world)
    with locked(store / f"{folder.name}.lock"):
        if not folder.is_dir() or not _still_there(service, folder, settings):
            building()
            _build(service, world, settings, folder)
    return folder


def prepared_key(component: str, settings: Settings, world: AnyWorld) -> str:
    """16 hex digits: the same for the same data, settings and code, including that of the world's class."""
    code = code_key([f"{COMPONENTS[component].package}.service", type(world).__module__])
    return hashlib.sha256(json.dumps([world.version, sorted(settings.items()), code]).encode()).hexdigest()[:16]


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


def _still_there(service: ModuleType, folder: Path, settings: Settings) -> bool:
    """Whether what was built outside the folder, such as tables of a database server, still exists."""
    check = getattr(service, "still_prepared", None)
    return check is None or bool(check(folder, settings))


def _build(service: ModuleType, world: AnyWorld, settings: Settings, folder: Path) -> None:
    """Builds beside the folder and renames, so that a folder of this name is always complete."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that died; we hold the lock
    unfinished.mkdir()
    try:
        if hasattr(service, "prepare"):
            with disk_guard(folder.parent):
                service.prepare(world, settings, unfinished)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    if folder.is_dir():
        shutil.rmtree(folder)
    unfinished.rename(folder)
