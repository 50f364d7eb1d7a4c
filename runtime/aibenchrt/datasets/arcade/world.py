"""The world `arcade`: bodies with their voxels and pictures, textures, pairs of frames in both looks, and clips of frames."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from aibenchrt.datasets.arcade.bodies import SIDE
from aibenchrt.datasets.arcade.players import VALIDATION_START, Said, as_users, purchases, said, skins_as_items
from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.rows import Interactions, Item, Provenance, User

SOLID, PICTURE, VIEW, BEFORE, AFTER, FRAME = KINDS = ("solid", "picture", "view", "before", "after", "frame")
CLIP = 60  # frames of a clip


@dataclass(frozen=True)
class Thing:
    """A body, or a texture. key: its record's id in the source. label: of a body its noun, of a texture its kind."""

    item_id: int
    key: str
    name: str
    label: int
    split: str
    licence: str
    author: str


@dataclass(frozen=True)
class Stored:
    """What a stored byte string is: one of KINDS, of which body or texture."""

    kind: str
    split: str
    item_id: int


@dataclass(frozen=True)
class Flight:
    """The cameras around a body, as (azimuth, elevation, distance), one a frame; what its texture is to be, and the seed of its noise."""

    split: str
    item_id: int
    wish: int
    seed: int
    cameras: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class ModelledBody:
    """A picture of a body, and its voxels."""

    png: bytes
    solid: bytes
    item_id: int
    label: int
    side: int = SIDE


@dataclass(frozen=True)
class TextureView:
    """A part of a texture."""

    png: bytes
    item_id: int
    label: int


@dataclass(frozen=True)
class Pair:
    """A frame in the raster look, and in the occluded one. scene: the body."""

    scene: int
    before: bytes
    after: bytes


@dataclass(frozen=True, eq=False)
class ArcadeWorld:
    """categories: kinds of textures; nouns: of bodies. stored, contents: what was drawn, row by row. version: sha256 of all content."""

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...]
    categories: tuple[str, ...]
    nouns: tuple[str, ...]
    bodies: tuple[Thing, ...]
    textures: tuple[Thing, ...]
    paths: tuple[Flight, ...]
    stored: tuple[Stored, ...]
    contents: Sequence[bytes]

    @cached_property
    def body(self) -> dict[int, Thing]:
        """Item id → body."""
        return {body.item_id: body for body in self.bodies}

    @cached_property
    def texture(self) -> dict[int, Thing]:
        """Item id → texture."""
        return {texture.item_id: texture for texture in self.textures}

    def of(self, kind: str, split: str) -> list[tuple[int, bytes]]:
        """(item id, content) of one of KINDS in "train", "validation" or "test", in the order of drawing."""
        return [(one.item_id, self.contents[row]) for row, one in enumerate(self.stored) if one.kind == kind and one.split == split]

    def solids(self, split: str) -> Sequence[ModelledBody]:
        """Several pictures of each body of a split, with its voxels."""
        voxels = dict(self.of(SOLID, split))
        return [ModelledBody(png, voxels[item], item, self.body[item].label) for item, png in self.of(PICTURE, split)]

    def views(self, split: str) -> Sequence[TextureView]:
        """Parts of the textures of a split."""
        return [TextureView(png, item, self.texture[item].label) for item, png in self.of(VIEW, split)]

    def changed(self, split: str) -> Sequence[Pair]:
        """Frames of the bodies of a split in both looks, of their voxels and of their triangles in turn."""
        pairs = zip(self.of(BEFORE, split), self.of(AFTER, split), strict=True)
        return [Pair(item, before, after) for (item, before), (_, after) in pairs]

    @cached_property
    def player_ids(self) -> tuple[int, ...]:
        """One for each body."""
        return tuple(body.item_id for body in self.bodies)

    @cached_property
    def interactions(self) -> Interactions:
        """The textures that players bought earlier."""
        return purchases(self.player_ids, [one.item_id for one in self.textures], self.seed)

    @property
    def validation_start(self) -> int:
        """The end of the training period of `interactions`, in Unix seconds."""
        return VALIDATION_START

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The textures, as the game's shop sells them."""
        skins = [(one.item_id, one.name, one.label) for one in self.textures]
        return skins_as_items(skins, self.categories, self.interactions, self.seed)

    @cached_property
    def users(self) -> tuple[User, ...]:
        """The players."""
        return as_users(self.player_ids, {one.item_id: one.label for one in self.textures}, self.interactions, self.seed)

    def utterances(self, split: str) -> Sequence[Said]:
        """What players say to each other; made whenever it is asked for."""
        return said(self.nouns, split, self.seed)

    def flights(self, split: str) -> list[tuple[Flight, list[bytes]]]:
        """Each path of a split with its frames, in the occluded look."""
        frames = [png for _, png in self.of(FRAME, split)]
        own = [path for path in self.paths if path.split == split]
        return [(path, frames[k * CLIP : (k + 1) * CLIP]) for k, path in enumerate(own)]


def save(world: ArcadeWorld, folder: Path) -> ArcadeWorld:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        document = {
            "variant": world.variant,
            "seed": world.seed,
            "provenance": [asdict(part) for part in world.provenance],
            "categories": world.categories,
            "nouns": world.nouns,
            "bodies": [astuple(body) for body in world.bodies],
            "textures": [astuple(texture) for texture in world.textures],
            "paths": [astuple(path) for path in world.paths],
            "stored": [astuple(one) for one in world.stored],
            "ends": np.cumsum([len(content) for content in world.contents]).tolist(),
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        (partial / "contents.bin").write_bytes(b"".join(world.contents))

    return replace(world, version=save_whole(folder, write))


def _flight(split: str, item_id: int, wish: int, seed: int, cameras: list[list[float]]) -> Flight:
    return Flight(split, item_id, wish, seed, tuple((azimuth, elevation, distance) for azimuth, elevation, distance in cameras))


def load(folder: Path) -> ArcadeWorld | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    return ArcadeWorld(
        version=version,
        variant=document["variant"],
        seed=document["seed"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        categories=tuple(document["categories"]),
        nouns=tuple(document["nouns"]),
        bodies=tuple(Thing(*body) for body in document["bodies"]),
        textures=tuple(Thing(*texture) for texture in document["textures"]),
        paths=tuple(_flight(*path) for path in document["paths"]),
        stored=tuple(Stored(*one) for one in document["stored"]),
        contents=Blobs(folder / "contents.bin", np.array(document["ends"], dtype=np.int64)),
    )
