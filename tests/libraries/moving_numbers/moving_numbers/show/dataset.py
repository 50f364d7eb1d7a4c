"""The data set numbers_show: clips whose frames are their numbers. It has a synthetic variant alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from aibenchrt.datasets.cache import WorldCache, save_whole, whole_version
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.progress import Progress

from moving_numbers.library import CLIP

PACKAGES: tuple[SourcePackage, ...] = ()
CLIPS = {"train": 2, "validation": 1, "test": 6}
_PROVENANCE = (Provenance("frames", "composed", "their numbers", "Apache-2.0"),)


@dataclass(frozen=True)
class ShowWorld:
    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...] = _PROVENANCE


def sizes(world: ShowWorld) -> str:  # noqa: ARG001 - all worlds have one size
    return f"{CLIPS['test']} clips held out"


def payloads(world: ShowWorld, source: str, split: str) -> list[Payload]:  # noqa: ARG001 - every world shows the same
    if source not in ("frames", "gifts"):
        raise ValueError(f"numbers_show has no source {source!r}")
    frames = [(clip, frame) for clip in range(CLIPS[split]) for frame in range(CLIP)]
    return [
        Payload({"moment": {"stream": clip, "number": frame}, "text": {"text": f"{source} {clip} {frame}"}}, {}, number, "", split)
        for number, (clip, frame) in enumerate(frames)
    ]


def _compose(seed: int, progress: Progress) -> ShowWorld:
    progress("composing a show", 0.0)
    return ShowWorld("", "synthetic", seed)


def _save(world: ShowWorld, folder: Path) -> ShowWorld:
    return replace(world, version=save_whole(folder, lambda partial: (partial / "seed").write_text(f"{world.seed}\n", encoding="utf-8")))


def _stored(folder: Path) -> ShowWorld | None:
    version = whole_version(folder)
    return None if version is None else ShowWorld(version, "synthetic", int((folder / "seed").read_text(encoding="utf-8")))


WORLDS: WorldCache[ShowWorld] = WorldCache("numbers_show", __name__, {"synthetic": _compose}, _save, _stored)
