"""Trains the models of a plan, or finds them: the offline module. Torch is imported only when something has to be trained."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from typing import TYPE_CHECKING

from aibenchrt.catalog import component as component_spec
from aibenchrt.component import Profile
from aibenchrt.datasets.interactions.snapshot import as_of
from aibenchrt.datasets.interactions.world import World
from aibenchrt.datasets.sources.fetch import locked
from aibenchrt.datasets.worlds import AnyWorld, payloads_of
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanStage
from aibenchrt.progress import Progress, silent
from aibenchrt.serve.prepare import prepared_key
from aibenchrt.sizes import SIZES
from aibenchrt.train.device import description
from aibenchrt.train.path_samples import RANKER, Asked, collect
from aibenchrt.train.repository import Key, ModelVersion, code_hash, find, models_folder, store

if TYPE_CHECKING:
    from aibenchrt.train.path_samples import Samples
    from aibenchrt.train.trained import Trained


@dataclass(frozen=True)
class Most:
    """How many requests at most train a ranker, and measure it: `seen` first test requests apart from the next `held_out`."""

    training: int
    seen: int
    held_out: int


# Of the real world's 4,080 test requests, in the order of `_requests`, the rankers' settings were chosen with the figures of the first
# 2,000 in view, and of no other.
_MOST = {"tiny": Most(600, 0, 300), "small": Most(100_000, 2000, 100_000), "full": Most(100_000, 2000, 100_000)}


@dataclass(frozen=True)
class _How:
    """How every model of a call trains."""

    seed: int
    size: str
    progress: Progress
    device: str


def plan_models(
    plan: Plan, world: AnyWorld, seed: int = 7, size: str = "small", progress: Progress = silent, *, device: str = "cpu"
) -> dict[str, ModelVersion]:
    """AI stage → the version that serves it, trained now if no version of this world, size, seed and code is stored.

    Rankers come last: they train on what the plan's own path gives them, with the other models, and need a world with a time split.
    device: 'cpu' or 'cuda'; where a stored version trained does not matter. EnvironmentFailure AIB604, AIB605 as stored and prepared,
    AIB677: a world without a time split; ValueError for an unknown size.
    """
    stages = [stage for step in plan.steps for stage in step.stages if stage.kind == "ai"]
    models = {
        stage.name: train_task(stage.component, _model(stage), world, seed, size, progress, device=device)
        for stage in stages
        if stage.component != RANKER
    }
    rankers = [(stage, _model(stage)) for stage in stages if stage.component == RANKER]
    return models | _train_rankers(plan, world, models, rankers, _How(seed, size, progress, device))


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
    """Every other model that the plan's profile allows of the components that it uses, in the order of the catalogue.

    chosen: what `plan_models` found with the same seed and size; a ranker trains on what these give it.
    """
    found: list[ModelVersion] = []
    for stage in [stage for step in plan.steps for stage in step.stages if stage.kind == "ai"]:
        spec = component_spec(stage.component)
        assert spec is not None
        allowed = [m.name for m in spec.models if m.profile is Profile.SMALL or plan.profile == Profile.FULL.value]
        for model in [name for name in allowed if name != stage.model]:
            if stage.component == RANKER:
                found += _train_rankers(plan, world, chosen, [(stage, model)], _How(seed, size, progress, device)).values()
            else:
                found.append(train_task(stage.component, model, world, seed, size, progress, device=device))
    return list({version.folder: version for version in found}.values())


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
) -> ModelVersion:
    """The stored version of this component's model, trained first if there is none; another process that wants it too waits.

    `samples` and `context`: for a ranker. ValueError: an unknown size. EnvironmentFailure: as `store` does.
    """
    if size not in SIZES:
        raise ValueError(f"no size '{size}'; there are {', '.join(SIZES)}")
    # Before training: an edit of the code meanwhile must not pass for what trained.
    key = Key(component, model, world.version, size, seed, context, code_hash(component))

    def found() -> ModelVersion | None:
        return find(component, model, world.version, size, seed=seed, context=context)

    version = found()
    if version is None:
        with locked(models_folder() / component / f".{model}.lock"):
            version = found() or _train(key, samples() if samples else world, world, progress, device)
    return version


def _train(key: Key, material: AnyWorld | Samples, world: AnyWorld, progress: Progress, device: str) -> ModelVersion:
    # Read when torch loads its OpenMP: on a busy machine threads that spin while they wait make a step five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from aibenchrt.train.export import export

    start = time.monotonic()
    trainer = importlib.import_module(f"aibenchrt.components.{key.component}.train")
    trained: Trained = trainer.train(material, key.model, key.seed, key.size, progress, device)
    return store(key, export(trained), _metadata(trained, world, time.monotonic() - start) | {"trained_on": description(device)})


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
        "data": {"form": world.form, "version": world.version, "provenance": [asdict(part) for part in world.provenance]},
        "cost": {"seconds": round(seconds, 1)},
    }


def _train_rankers(
    plan: Plan,
    world: AnyWorld,
    models: Mapping[str, ModelVersion],
    rankers: Iterable[tuple[PlanStage, str]],
    how: _How,
) -> dict[str, ModelVersion]:
    wanted = list(rankers)
    if not wanted:
        return {}
    if not isinstance(world, World):
        raise EnvironmentFailure("AIB677", stage=wanted[0][0].name)
    earlier = as_of(world, world.rank_start)
    before = dict(models)
    for stage in [stage for step in plan.steps for stage in step.stages if stage.component == "recommendation"]:
        before[stage.name] = train_task(stage.component, _model(stage), earlier, how.seed, how.size, how.progress, device=how.device)
    collected: dict[str, Samples] = {}

    def samples_of(stage: str) -> Samples:
        if not collected:
            collected.update(_collect(plan, world, earlier, models, before, how))
        return collected[stage]

    found: dict[str, ModelVersion] = {}
    for stage, model in wanted:
        context = _context(plan, stage, _MOST[how.size], (world, models), (earlier, before))
        found[stage.name] = train_task(
            RANKER,
            model,
            world,
            how.seed,
            how.size,
            how.progress,
            context=context,
            samples=lambda name=stage.name: samples_of(name),  # type: ignore[misc]
            device=how.device,
        )
    return found


def _collect(
    plan: Plan,
    world: World,
    earlier: World,
    models: Mapping[str, ModelVersion],
    before: Mapping[str, ModelVersion],
    how: _How,
) -> dict[str, Samples]:
    from aibenchrt.train.path_samples import Samples

    most = _MOST[how.size]
    how.progress("running the path on training requests", 0.0)
    training = collect(plan, earlier, before, _requests(plan, world, "train", "rank")[: most.training])
    how.progress("running the path on validation and test requests", 0.5)
    test = _requests(plan, world, "test", "test")
    seen = [replace(one, part="seen") for one in test[: most.seen]]
    asked = _requests(plan, world, "validation", "validation") + seen + test[most.seen :][: most.held_out]
    served = collect(plan, world, models, asked)
    return {
        stage: Samples(
            training=training[stage],
            choosing=[sample for sample in served[stage] if sample.part == "validation"],
            seen=[sample for sample in served[stage] if sample.part == "seen"],
            held_out=[sample for sample in served[stage] if sample.part == "test"],
        )
        for stage in training
    }


def _requests(plan: Plan, world: World, split: str, part: str) -> list[Asked]:
    """The requests of every class that come from that part of the world, classes mixed so that any first piece has all of them."""
    placed = []
    for request in plan.requests:
        payloads = [p for p in payloads_of(plan, request, world, split) if p.part == part]
        placed += [(place / len(payloads), request.name, payload) for place, payload in enumerate(payloads)]
    return [Asked(name, part, payload) for _, name, payload in sorted(placed, key=lambda one: one[:2])]


def _context(plan: Plan, stage: PlanStage, most: Most, *states: tuple[World, Mapping[str, ModelVersion]]) -> str:
    """Changes with whatever can change a ranker's samples: which they are, the plan's wiring, services' data and code, other models."""
    parts: list[object] = [plan.graph_hash, plan.seed, stage.name, astuple(most)]
    for step in plan.steps:
        for other in [s for s in step.stages if step.phase == "response" and s.component != RANKER]:
            for world, models in states:
                if other.kind == "ai":
                    parts.append([other.name, sorted(other.settings.items()), models[other.name].version])
                else:
                    parts.append([other.name, prepared_key(other.component, other.settings, world)])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _model(stage: PlanStage) -> str:
    if stage.model is None:
        raise EnvironmentFailure("AIB678", stage=stage.name)
    return stage.model
