"""Lists the model repository on this machine. Standard library only: no model is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchrt.home import home_folder


@dataclass(frozen=True)
class VersionMetric:
    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TrainedVersion:
    """A trained version of a model. variant, size, seed: of its training. metrics: measured on held-out data."""

    model: str
    version: str
    variant: str
    size: str
    seed: int
    parameters: int
    metrics: tuple[VersionMetric, ...]


def trained_versions(component: str, models: Path | None = None) -> list[TrainedVersion]:
    """Every readable version of the component's models, in the order in which they were trained. models: the repository, if it is
    not the default one."""
    folder = (models or home_folder() / "models") / component
    made = []
    for path in folder.glob("[!.]*/[!.]*/metadata.json"):
        try:
            made.append((path.stat().st_mtime_ns, path.parent.name, _version(path.parent.name, json.loads(path.read_bytes()))))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # an incomplete version is ignored; training will write it again
    return [version for _, _, version in sorted(made, key=lambda entry: entry[:2])]


def _version(name: str, metadata: Mapping[str, Any]) -> TrainedVersion:
    key = metadata["key"]
    return TrainedVersion(
        model=str(metadata["model"]),
        version=name,
        variant=str(metadata["data"]["variant"]),
        size=str(key["size"]),
        seed=int(key["seed"]),
        parameters=int(metadata["parameters"]),
        metrics=tuple(
            VersionMetric(metric, float(value["value"]), value.get("low"), value.get("high"))
            for metric, value in metadata["metrics"].items()
        ),
    )
