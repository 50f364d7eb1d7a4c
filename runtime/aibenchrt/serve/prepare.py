"""Prepares what a plan's services read: databases, indexes, dictionaries. Built once per content, kept in home()/prepared.

    prepared/<component>/<hash of world version, settings and the component's code>/     complete, never changed afterwards

What is made with models (`ComponentSpec.made_with`) has their versions in its hash, and `prepare(world, settings, folder, *works)` is given
the open models as well, one for each port. In an ablation these are the rules that take the models' places. What a service learns once,
such as a threshold, must not follow them there: it has `learn(world, settings, folder, *works)` too, which is always given the models
themselves, and whose folder is copied to `folder / LEARNT` before `prepare` is called.

`prepare_services` builds or finds them; `lay_out` makes the folder that the service hosts are given, one link per stage.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
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
Making = Callable[[Path], None]  # fills an empty folder

LEARNT = "learnt"  # in a prepared folder, what the service learnt, and in a component's store, the folders of what it learns


@dataclass(frozen=True)
class Maker:
    """A model that a service's data are made with (`ComponentSpec.made_with`). folder: of the version of the AI stage's model."""

    stage: PlanStage
    folder: Path

    @property
    def itself(self) -> Maker:
        """The version's own model, where an ablation has put a rule in its place."""
        from aibenchrt.serve.models import RULES, read_metadata  # imports ONNX Runtime, which most preparations do not need

        if self.stage.model not in RULES:
            return self
        return Maker(self.stage.model_copy(update={"model": str(read_metadata(self.folder)["model"])}), self.folder)


def prepare_services(
    plan: Plan, world: AnyWorld, models: Mapping[str, Path], progress: Callable[[str], None] = lambda _: None
) -> dict[str, Path]:
    """Stage name → its prepared folder, for every service stage of the plan.

    models: AI stage → folder of its version, for those that services are prepared with. progress: called with the name of each stage that
    has to be built. EnvironmentFailure: as the components raise; AIB605: no space left; AIB707: as `makers_of`.
    """
    folders = {}
    for stage in service_stages(plan):
        makers = makers_of(plan, stage, models)
        folders[stage.name] = prepare_component(stage.component, stage.settings, world, partial(progress, stage.name), makers)
    return folders


def makers_of(plan: Plan, stage: PlanStage, models: Mapping[str, Path]) -> tuple[Maker, ...]:
    """What the stage's data are made with, in the order of `made_with`. EnvironmentFailure AIB707: no single model feeds such a port."""
    ports = COMPONENTS[stage.component].made_with if stage.component in COMPONENTS else ()
    return tuple(_maker(plan, stage, port, models) for port in ports)


def _maker(plan: Plan, stage: PlanStage, port: str, models: Mapping[str, Path]) -> Maker:
    step = next(step for step in plan.steps if any(other.name == stage.name for other in step.stages))
    entering = next((feed.port for feed in stage.feeds if feed.input == port and feed.stage is None), "" if stage.feeds else port)
    feeding = {source.task for entry in step.inputs if entry.port.name == entering for source in entry.sources}
    makers = [other.stages[-1] for other in plan.steps if other.task in feeding and other.kind == "ai"]
    same = {(models[maker.name], tuple(sorted(maker.settings.items()))) for maker in makers}  # both arms of an experiment may feed it
    if len(same) != 1 or len(makers) != len(feeding):
        raise EnvironmentFailure("AIB707", stage=stage.name, port=port, feeding=", ".join(sorted(feeding)) or "nothing")
    return Maker(makers[0], models[makers[0].name])


def service_stages(plan: Plan) -> tuple[PlanStage, ...]:
    return tuple(stage for step in plan.steps for stage in step.stages if stage.kind == "service")


def prepare_component(
    component: str, settings: Settings, world: AnyWorld, building: Callable[[], None] = lambda: None, makers: Sequence[Maker] = ()
) -> Path:
    """The component's prepared folder under these settings, built if it does not exist. Safe to call from several processes."""
    service = component_module(component, "service")
    folder = home() / "prepared" / component / prepared_key(component, settings, world, makers)

    def fill(unfinished: Path) -> None:
        if hasattr(service, "learn"):
            shutil.copytree(_learnt(service, component, settings, world, makers), unfinished / LEARNT)
        if hasattr(service, "prepare"):
            service.prepare(world, settings, unfinished, *_works_of(makers))

    with _of_one_process(folder):
        if not folder.is_dir() or not _still_there(service, folder, settings):
            building()
            _build(folder, fill)
    return folder


def _learnt(service: ModuleType, component: str, settings: Settings, world: AnyWorld, makers: Sequence[Maker]) -> Path:
    """The folder of what the service learns with the models themselves."""
    true = [maker.itself for maker in makers]
    folder = home() / "prepared" / component / LEARNT / prepared_key(component, settings, world, true)
    with _of_one_process(folder):
        if not folder.is_dir():
            _build(folder, lambda unfinished: service.learn(world, settings, unfinished, *_works_of(true)))
    return folder


def prepared_key(component: str, settings: Settings, world: AnyWorld, makers: Sequence[Maker] = ()) -> str:
    """16 hex digits: the same for the same data, settings, models and code, including that of the world's class."""
    modules = [f"{COMPONENTS[component].package}.service", type(world).__module__]
    made: list[object] = []
    for maker in makers:
        modules.append(f"{COMPONENTS[maker.stage.component].package}.serve")
        made += [maker.folder.name, maker.stage.model, sorted(maker.stage.settings.items())]
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


def _works_of(makers: Sequence[Maker]) -> list[Work]:
    if not makers:
        return []
    from aibenchrt.serve.models import open_stage

    return [open_stage(maker.stage, maker.folder) for maker in makers]


def _still_there(service: ModuleType, folder: Path, settings: Settings) -> bool:
    """Whether what was built outside the folder, such as tables of a database server, still exists."""
    check = getattr(service, "still_prepared", None)
    return check is None or bool(check(folder, settings))


def _of_one_process(folder: Path) -> AbstractContextManager[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return locked(folder.with_name(f"{folder.name}.lock"))


def _build(folder: Path, fill: Making) -> None:
    """Builds beside the folder and renames, so that a folder of this name is always complete."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a process that died; we hold the lock
    unfinished.mkdir()
    try:
        with disk_guard(folder.parent):
            fill(unfinished)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    if folder.is_dir():
        shutil.rmtree(folder)
    unfinished.rename(folder)
