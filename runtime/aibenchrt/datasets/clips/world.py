"""The world `clips`: clips of consecutive frames, and their groups of frames as a video service stores them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.clips.viewers import KINDS, VALIDATION_START, VIEWERS, Said, as_users, kind_of, programmes, said, watched
from aibenchrt.datasets.rows import Interactions, Item, Provenance, User

GROUP = 8  # frames of a group
GROUPS = 6  # of a clip
LENGTH = GROUP * GROUPS


@dataclass(frozen=True)
class Kept:
    """A clip of a split. scene: what it shows; two clips of one scene are not independent."""

    split: str
    scene: str


@dataclass(frozen=True)
class Clip:
    """frames: LENGTH of them, PNG. packets: its GROUPS groups, each an H.264 stream (Annex B) that is decoded alone."""

    scene: str
    frames: Sequence[bytes]
    packets: Sequence[bytes]


@dataclass(frozen=True, eq=False)
class ClipsWorld:
    """kept: the clips, in the order of pngs (LENGTH each) and packets (GROUPS each). version: sha256 of all content."""

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...]
    kept: tuple[Kept, ...]
    pngs: Sequence[bytes]
    packets: Sequence[bytes]

    @property
    def categories(self) -> tuple[str, ...]:
        """The kinds of programmes."""
        return KINDS

    @cached_property
    def interactions(self) -> Interactions:
        """What viewers watched earlier."""
        return watched(self.seed)

    @property
    def validation_start(self) -> int:
        """The end of the training period of `interactions`, in Unix seconds."""
        return VALIDATION_START

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The programmes."""
        return programmes(self.interactions)

    @cached_property
    def users(self) -> tuple[User, ...]:
        """The viewers."""
        return as_users(VIEWERS, kind_of(), self.interactions, self.seed)

    def utterances(self, split: str) -> Sequence[Said]:
        """What a narrator says; made whenever it is asked for."""
        return said(split, self.seed)

    def clips(self, split: str) -> Sequence[Clip]:
        """The clips of "train", "validation" or "test", in order."""
        return [
            Clip(
                kept.scene,
                tuple(self.pngs[row] for row in range(place * LENGTH, (place + 1) * LENGTH)),
                tuple(self.packets[row] for row in range(place * GROUPS, (place + 1) * GROUPS)),
            )
            for place, kept in enumerate(self.kept)
            if kept.split == split
        ]


def save(world: ClipsWorld, folder: Path) -> ClipsWorld:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        document = {
            "variant": world.variant,
            "seed": world.seed,
            "provenance": [asdict(part) for part in world.provenance],
            "kept": [[kept.split, kept.scene] for kept in world.kept],
            "frames": np.cumsum([len(png) for png in world.pngs]).tolist(),
            "packets": np.cumsum([len(packet) for packet in world.packets]).tolist(),
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        (partial / "frames.bin").write_bytes(b"".join(world.pngs))
        (partial / "packets.bin").write_bytes(b"".join(world.packets))

    return replace(world, version=save_whole(folder, write))


def load(folder: Path) -> ClipsWorld | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    return ClipsWorld(
        version=version,
        variant=document["variant"],
        seed=document["seed"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        kept=tuple(Kept(*kept) for kept in document["kept"]),
        pngs=Blobs(folder / "frames.bin", np.array(document["frames"], dtype=np.int64)),
        packets=Blobs(folder / "packets.bin", np.array(document["packets"], dtype=np.int64)),
    )
