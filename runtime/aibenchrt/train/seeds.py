"""Summarises training over several seeds: every model's quality for each seed, and the mean and range over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aibenchrt.train.repository import ModelVersion

KEPT = ("metrics", "baselines", "gains", "only_for_comparison", "protocol", "epochs", "parameters", "trained_on", "cost")


def summary(trained: Mapping[int, Sequence[ModelVersion]]) -> list[dict[str, Any]]:
    """One entry per model, in the order of the first seed's versions. trained: seed → versions, the same models for every seed.

    `seeds`: for each seed, the version and the quality from its metadata. `over_seeds`: mean, lowest and highest value of each figure, but
    no interval, which over so few seeds would be misleading.
    """
    first = next(iter(trained.values()))
    return [_of_model(version.component, version.model, trained) for version in {(v.component, v.model): v for v in first}.values()]


def _of_model(component: str, model: str, trained: Mapping[int, Sequence[ModelVersion]]) -> dict[str, Any]:
    seeds = []
    for seed, versions in trained.items():
        version = next(v for v in versions if (v.component, v.model) == (component, model))
        seeds.append({"seed": seed, "version": version.version, **{name: version.metadata[name] for name in KEPT}})
    return {"component": component, "model": model, "seeds": seeds, "over_seeds": _over(seeds)}


def _over(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = seeds[0]
    return {
        "metrics": {name: _spread(seed["metrics"][name]["value"] for seed in seeds) for name in first["metrics"]},
        "gains": {name: _spread(seed["gains"][name]["value"] for seed in seeds) for name in first["gains"]},
        "baselines": {
            baseline: {name: _spread(seed["baselines"][baseline][name]["value"] for seed in seeds) for name in values}
            for baseline, values in first["baselines"].items()
        },
    }


def _spread(values: Iterable[float]) -> dict[str, float]:
    numbers = list(values)
    return {"mean": round(sum(numbers) / len(numbers), 6), "lowest": min(numbers), "highest": max(numbers)}
