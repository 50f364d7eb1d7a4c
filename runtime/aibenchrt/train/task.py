"""Trains the models of a plan, or finds stored versions. Torch is imported only when something has to be trained."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.catalog import component as component_spec
from aibenchrt.catalog import component_module
from aibenchrt.code_key import code_key
from aibenchrt.component import Material, Profile
from aibenchrt.datasets.needs import SnapshotWorld
from aibenchrt.datasets.worlds import AnyWorld, payloads_of, world_name
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import locked
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.progress import Progress, silent
from aibenchrt.serve.prepare import makers_of, prepared_key
from aibenchrt.sizes import SIZES
from aibenchrt.train.device import description
from aibenchrt.train.events import Begun, Event, Tell
from aibenchrt.train.path_samples import PartRequest, collect
from aibenchrt.train.progress_text import rendered
from aibenchrt.train.repository import Key, ModelVersion, code_hash, find, models_folder, store
from aibenchrt.train.side_by_side import Piece, cores, side_by_side

if TYPE_CHECKING:
    from aibenchrt.train.samples import Samples
    from aibenchrt.train.trained import Trained


@dataclass(frozen=True)
class Most:
    """The most requests that train a model on the path and that measure it: the first `seen` test requests, and the `held_out` after
    them."""

    training: int
    seen: int
    held_out: int


# The settings of the models that train on the path were chosen while the figures of the first 2,000 of the real world's 4,080 test requests
# (in the order of `_requests`) were known, and no others.
_MOST = {"tiny": Most(600, 0, 300), "small": Most(100_000, 2000, 100_000), "full": Most(100_000, 2000, 100_000)}


@dataclass(frozen=True)
class _How:
    """How all models of a call are trained. models: the repository where they are looked up and stored. tell: also receives the events."""

    seed: int
    size: str
    progress: Progress
    device: str
    models: Path | None = None
    tell: Tell | None = None


def plan_models(
    plan: Plan,
    world: AnyWorld,
    seed: int = 7,
    size: str = "small",
    progress: Progress = silent,
    *,
    device: str = "cpu",
    models: Path | None = None,
) -> dict[str, ModelVersion]:
    """AI stage → the version that serves it, trained now if no version with this world, size, seed and code is stored: on the CPU, as many
    at a time as there are cores.

    Models that train on the path (`ComponentSpec.trains_on`) come last: the plan is run up to them with the other models. They need a world
    with snapshots. device: 'cpu' or 'cuda', for training; stored versions are used whatever they were trained on. models: the model
    repository; None: the one in home(). EnvironmentFailure AIB604, AIB605: as for storing and preparing; AIB677: the world has no
    snapshots; AIB710: it has no requests to train on. ValueError: an unknown size.
    """
    how = _How(seed, size, progress, device, models)
    stages = _ai_stages(plan)
    on_world = {stage.name: (stage.component, _model(stage)) for stage in stages if not _on_path(stage)}
    _train_missing(dict.fromkeys(on_world.values()), world, how)
    versions = {name: _train_on_world(component, model, world, how) for name, (component, model) in on_world.items()}
    return versions | _train_on_path(plan, world, versions, [(stage, _model(stage)) for stage in stages if _on_path(stage)], how)


def alternatives(
    plan: Plan,
    world: AnyWorld,
    chosen: Mapping[str, ModelVersion],
    seed: int = 7,
    size: str = "small",
    progress: Progress = silent,
    *,
    device: str = "cpu",
) -> list[ModelVersion]:
    """All other models that the plan's profile allows for its components, in the order of the catalogue.

    chosen: the result of `plan_models` with the same seed and size; models that train on the path are trained with these.
    """
    versions: list[ModelVersion] = []
    for stage in _ai_stages(plan):
        spec = component_spec(stage.component)
        assert spec is not None
        allowed = [m.name for m in spec.models if m.profile is Profile.SMALL or plan.profile == Profile.FULL.value]
        for model in [name for name in allowed if name != stage.model]:
            other = stage.model_copy(update={"model": model})
            versions.append(train_stage(plan, other, world, chosen, seed, size, progress, device=device))
    return list({version.folder: version for version in versions}.values())


def train_stage(
    plan: Plan,
    stage: PlanStage,
    world: AnyWorld,
    chosen: Mapping[str, ModelVersion],
    seed: int = 7,
    size: str = "small",
    progress: Progress = silent,
    *,
    device: str = "cpu",
    models: Path | None = None,
    tell: Tell | None = None,
) -> ModelVersion:
    """The version of one stage's model, as `plan_models` returns it. stage: a stage of the plan, with the model that it is to have.

    chosen: the versions of the other AI stages, with which a model that trains on the path is trained. models: the repository where this
    model is looked up and stored; None: the one in home(). tell: receives the events of its training, if it is trained, besides `progress`.
    """
    how = _How(seed, size, progress, device, models, tell)
    if _on_path(stage):
        return _train_on_path(plan, world, chosen, [(stage, _model(stage))], how)[stage.name]
    return _train_on_world(stage.component, _model(stage), world, how)


def train_task(
    component: str,
    model: str,
    world: AnyWorld,
    seed: int = 7,
    size: str = "small",
    progress: Progress = silent,
    *,
    context: str = "",
    samples: Callable[[], Samples] | None = None,
    device: str = "cpu",
    models: Path | None = None,
    tell: Tell | None = None,
) -> ModelVersion:
    """The stored version of this component's model, trained first if there is none. Another process that needs the same model waits.

    samples, context: for a model that trains on the path. models, tell: as for `train_stage`. ValueError: an unknown size.
    EnvironmentFailure: as for `store`.
    """
    if size not in SIZES:
        raise ValueError(f"no size '{size}'; there are {', '.join(SIZES)}")
    # Computed before training: code that is edited meanwhile must not count as the code that trained.
    key = Key(component, model, world.version, size, seed, context, code_hash(component))

    def stored() -> ModelVersion | None:
        return find(component, model, world.version, size, seed=seed, context=context, models=models)

    version = stored()
    if version is None:
        with locked((models or models_folder()) / component / f".{model}.lock"):
            heard = _both(rendered(progress, component, model), tell)
            version = stored() or _train(key, samples() if samples else world, world, heard, device, models)
    return version


def _both(tell: Tell, other: Tell | None) -> Tell:
    def told(event: Event) -> None:
        tell(event)
        if other is not None:
            other(event)

    return told


def _train(key: Key, material: AnyWorld | Samples, world: AnyWorld, tell: Tell, device: str, models: Path | None) -> ModelVersion:
    # Read when torch loads its OpenMP library: on a busy machine, threads that spin while waiting make a step take five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from aibenchrt.train.export import export

    start = time.monotonic()
    tell(Begun())
    trainer = component_module(key.component, "train")
    trained: Trained = trainer.train(material, key.model, key.seed, key.size, tell, device)
    files = export(trained)
    metadata = _metadata(trained, world, time.monotonic() - start) | {"trained_on": description(device)}
    return store(key, files, metadata, models)


def _metadata(trained: Trained, world: AnyWorld, seconds: float) -> dict[str, object]:
    from aibenchrt.train.export import parameters

    return {
        "parameters": parameters(trained.graphs),
        "serving": dict(trained.serving),
        "protocol": trained.protocol,
        "metrics": {name: asdict(value) for name, value in trained.metrics.items()},
        "baselines": {name: {m: asdict(value) for m, value in values.items()} for name, values in trained.baselines.items()},
        "gains": {name: asdict(value) for name, value in trained.gains.items()},
        "only_for_comparison": {
            name: value if isinstance(value, str | int | float) else asdict(value) for name, value in trained.only_for_comparison.items()
        },
        "epochs": trained.epochs,
        "data": {"variant": world.variant, "version": world.version, "provenance": [asdict(part) for part in world.provenance]},
        "cost": {"seconds": round(seconds, 1)},
    }


def _train_on_world(component: str, model: str, world: AnyWorld, how: _How) -> ModelVersion:
    return train_task(component, model, world, how.seed, how.size, how.progress, device=how.device, models=how.models, tell=how.tell)


def _train_missing(wanted: Iterable[tuple[str, str]], world: AnyWorld, how: _How) -> None:
    """Trains what is not stored side by side, if that is more than one. wanted: component and model."""
    if how.device != "cpu" or cores() < 2:
        return
    missing = [of for of in wanted if find(*of, world.version, how.size, seed=how.seed, context="", models=how.models) is None]
    if len(missing) > 1:
        pieces = [
            Piece(f"training {model}", _train_piece, (component, model, world, how.seed, how.size, how.models))
            for component, model in missing
        ]
        side_by_side(pieces, how.progress, min(len(pieces), cores()))


def _train_piece(component: str, model: str, world: AnyWorld, seed: int, size: str, models: Path | None, progress: Progress) -> None:
    train_task(component, model, world, seed, size, progress, models=models)


def _train_on_path(
    plan: Plan,
    world: AnyWorld,
    versions: Mapping[str, ModelVersion],
    stages: Sequence[tuple[PlanStage, str]],
    how: _How,
) -> dict[str, ModelVersion]:
    """Stage → version, for the models that train on the path. versions: of the AI stages that train on the world."""
    if not stages:
        return {}
    if not isinstance(world, SnapshotWorld):
        raise EnvironmentFailure("AIB677", stage=stages[0][0].name)
    earlier = world.snapshot(world.rank_start)
    before = _as_of_earlier(plan, earlier, versions, how)
    collected: dict[str, Samples] = {}

    def samples_of(stage: str) -> Samples:
        if not collected:
            collected.update(_collect(plan, world, earlier, versions, before, how))
        return collected[stage]

    def trained(stage: PlanStage, model: str) -> ModelVersion:
        return train_task(
            stage.component,
            model,
            world,
            how.seed,
            how.size,
            how.progress,
            context=_context(plan, stage, _MOST[how.size], (world, versions), (earlier, before)),
            samples=lambda: samples_of(stage.name),
            device=how.device,
            models=how.models,
            tell=how.tell,
        )

    return {stage.name: trained(stage, model) for stage, model in stages}


def _as_of_earlier(plan: Plan, earlier: AnyWorld, versions: Mapping[str, ModelVersion], how: _How) -> dict[str, ModelVersion]:
    """The versions, in which components that train on the whole training period are replaced by what would have been trained at the earlier
    time."""
    before = dict(versions)
    taken = code_key([type(earlier).__module__])  # the content of a snapshot depends on the code that makes it
    for stage in [stage for stage in _ai_stages(plan) if _material(stage) is Material.PERIOD]:
        seed = int(versions[stage.name].metadata["key"]["seed"])
        before[stage.name] = train_task(
            stage.component, _model(stage), earlier, seed, how.size, how.progress, context=taken, device=how.device
        )
    return before


def _collect(
    plan: Plan,
    world: AnyWorld,
    earlier: AnyWorld,
    versions: Mapping[str, ModelVersion],
    before: Mapping[str, ModelVersion],
    how: _How,
) -> dict[str, Samples]:
    from aibenchrt.train.samples import Samples

    most, stages = _MOST[how.size], [stage.name for stage in _ai_stages(plan) if _on_path(stage)]
    known = _requests(plan, world, "train", "rank")[: most.training]
    if not known:
        raise EnvironmentFailure("AIB710", stage=stages[0], world=world_name(plan))
    how.progress("running the path on training requests", 0.0)
    training = collect(plan, earlier, before, stages, known)
    how.progress("running the path on validation and test requests", 0.5)
    test = _requests(plan, world, "test", "test")
    seen = [replace(request, part="seen") for request in test[: most.seen]]
    requests = _requests(plan, world, "validation", "validation") + seen + test[most.seen :][: most.held_out]
    served = collect(plan, world, versions, stages, requests)
    return {
        stage: Samples(
            training=training[stage],
            choosing=[sample for sample in served[stage] if sample.part == "validation"],
            seen=[sample for sample in served[stage] if sample.part == "seen"],
            held_out=[sample for sample in served[stage] if sample.part == "test"],
        )
        for stage in stages
    }


def _requests(plan: Plan, world: AnyWorld, split: str, part: str) -> list[PartRequest]:
    """The requests of all classes from that part of the world, mixed so that every prefix has requests of all classes."""
    placed = []
    for request in plan.requests:
        payloads = [p for p in payloads_of(plan, request, world, split) if p.part == part]
        placed += [(place / len(payloads), request.name, payload) for place, payload in enumerate(payloads)]
    return [PartRequest(name, part, payload) for _, name, payload in sorted(placed, key=lambda row: row[:2])]


def _context(plan: Plan, stage: PlanStage, most: Most, *states: tuple[AnyWorld, Mapping[str, ModelVersion]]) -> str:
    """A hash of everything that can change the samples: their selection, the plan's wiring, the services' data and code, the other models,
    and the code that runs the path and makes the snapshot."""
    path = code_key(["aibenchrt.train.path_samples", *(type(world).__module__ for world, _ in states)])
    parts: list[object] = [path, plan.graph_hash, plan.seed, stage.name, astuple(most)]
    for step in plan.steps:
        for other in [s for s in step.stages if step.phase == "response" and not _on_path(s)]:
            for world, versions in states:
                if other.kind == "ai":
                    parts.append([other.name, sorted(other.settings.items()), versions[other.name].version])
                else:
                    makers = makers_of(plan, other, {name: version.folder for name, version in versions.items()})
                    parts.append([other.name, prepared_key(other.component, other.settings, world, makers)])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _ai_stages(plan: Plan) -> list[PlanStage]:
    return [stage for step in plan.steps for stage in step.stages if stage.kind == "ai"]


def _material(stage: PlanStage) -> Material:
    spec = component_spec(stage.component)
    return spec.trains_on if spec is not None else Material.WORLD


def _on_path(stage: PlanStage) -> bool:
    return _material(stage) is Material.PATH


def _model(stage: PlanStage) -> str:
    if stage.model is None:
        raise EnvironmentFailure("AIB678", stage=stage.name)
    return stage.model
