"""The world `live_show`: goods with views of them, scenes in which they are shown, and who watches. Scenes are stored, not their frames."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.live_show.camera import Camera
from aibenchrt.datasets.live_show.scenes import SPRITE, VIEWS, WALL, Actor, Picture, Scene, Wave, drawn_frame
from aibenchrt.datasets.live_show.viewers import VALIDATION_START, Goods, Said, as_users, goods_as_items, purchases, said
from aibenchrt.datasets.rows import Interactions, Item, Provenance, User

FIRST_VIEWER = 100_001  # above all goods' numbers
PAIRS_APART = 5  # frames between two pairs of a clip: neighbours are alike


@dataclass(frozen=True)
class View:
    """Goods seen from one side on white, upright. png: 8-bit colour, square."""

    png: bytes
    item_id: int
    label: int


@dataclass(frozen=True)
class Pair:
    """A frame as the camera sees it, and as it is: 8-bit colour PNG. scene: of which it is a frame."""

    before: bytes
    after: bytes
    scene: int


class Frames(Sequence[bytes]):
    """The frames of a scene as PNG, each drawn when it is asked for."""

    def __init__(self, world: LiveShow, row: int) -> None:
        self._world, self._row = world, row

    def __len__(self) -> int:
        return self._world.clip

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, place: int | slice) -> bytes | tuple[bytes, ...]:
        numbers = range(len(self))[place]
        if isinstance(numbers, range):
            return tuple(self[number] for number in numbers)
        return colour_png(self._world.frame(self._row, numbers))


@dataclass(frozen=True)
class Clip:
    """frames: 8-bit colour PNG, all of the same size."""

    frames: Sequence[bytes]


@dataclass(frozen=True, eq=False)
class LiveShow:
    """nouns: in the order of their labels. goods: in order of their ids. views: (goods, PNG). scenes: of clips, each of `clip` frames.

    walls, sprites: zlib of the pixels, as scenes.py has them. reader: of gifts (aibenchrt/gifts.py). viewers: how many. version: sha256 of
    all content.
    """

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...]
    nouns: tuple[str, ...]
    goods: tuple[Goods, ...]
    view_of: tuple[int, ...]
    pngs: Sequence[bytes]
    scenes: tuple[Scene, ...]
    clip: int
    walls: Sequence[bytes]
    sprites: Sequence[bytes]
    viewers: int
    reader: bytes

    @property
    def categories(self) -> tuple[str, ...]:
        """The nouns of the goods: what a viewer may wish as a gift."""
        return self.nouns

    def scenes_of(self, split: str) -> list[int]:
        """The rows of the scenes of "train", "validation" or "test"."""
        return [row for row, scene in enumerate(self.scenes) if scene.split == split]

    def __getstate__(self) -> dict[str, object]:
        """Without what is kept unpacked: models are trained in processes of their own, to which the world is sent."""
        return {name: value for name, value in self.__dict__.items() if name != "_parts"}

    def frame(self, row: int, number: int) -> Picture:
        """(HEIGHT, WIDTH, 3): frame `number`, from 0, of a scene."""
        return drawn_frame(self.scenes[row], number, *self._parts(row))

    @cached_property
    def _parts(self) -> Callable[[int], tuple[Picture, tuple[Picture, ...]]]:
        """Row of a scene → its wall and its sprites; those of the last few scenes are kept unpacked."""

        def parts(row: int) -> tuple[Picture, tuple[Picture, ...]]:
            scene = self.scenes[row]
            rows = [actor.first + number for actor in scene.actors for number in range(VIEWS)]
            sprites = tuple(_pixels(self.sprites[one], (SPRITE, SPRITE, 4)) for one in rows)
            return _pixels(self.walls[scene.wall], (*WALL, 3)), sprites

        return lru_cache(maxsize=4)(parts)

    def clips(self, split: str) -> Sequence[Clip]:
        """The scenes of a split, frame by frame."""
        return [Clip(Frames(self, row)) for row in self.scenes_of(split)]

    def changed(self, split: str) -> Sequence[Pair]:
        """Every PAIRS_APART-th frame of a split, seen by a camera of that split's own."""
        camera = Camera(self.seed, f"pairs of {split}")
        pairs = []
        for row in self.scenes_of(split):
            for number in range(0, self.clip, PAIRS_APART):
                frame = self.frame(row, number)
                pairs.append(Pair(colour_png(camera.seen(frame, row, number)), colour_png(frame), row))
        return pairs

    def views(self, split: str) -> Sequence[View]:
        """Every one of the goods of a split from several sides."""
        one = {goods.item_id: goods for goods in self.goods}
        rows = [row for row, item_id in enumerate(self.view_of) if one[item_id].split == split]
        return [View(self.pngs[row], self.view_of[row], one[self.view_of[row]].label) for row in rows]

    @cached_property
    def viewer_ids(self) -> range:
        return range(FIRST_VIEWER, FIRST_VIEWER + self.viewers)

    @cached_property
    def interactions(self) -> Interactions:
        """What viewers bought earlier."""
        return purchases(self.viewer_ids, self.goods, self.seed)

    @property
    def validation_start(self) -> int:
        """The end of the training period of `interactions`, in Unix seconds."""
        return VALIDATION_START

    @cached_property
    def items(self) -> tuple[Item, ...]:
        return goods_as_items(self.goods, self.nouns, self.interactions)

    @cached_property
    def users(self) -> tuple[User, ...]:
        """The viewers."""
        return as_users(self.viewer_ids, {one.item_id: one.label for one in self.goods}, self.interactions, self.seed)

    def utterances(self, split: str) -> Sequence[Said]:
        """What the host says of the goods of a split; made whenever it is asked for."""
        return said([one for one in self.goods if one.split == split], self.nouns, split, self.seed)


def packed(pixels: Picture) -> bytes:
    return zlib.compress(pixels.tobytes(), 6)


def _pixels(content: bytes, shape: tuple[int, ...]) -> Picture:
    return np.frombuffer(zlib.decompress(content), dtype=np.uint8).reshape(shape)


def decoded(png: bytes) -> Picture:
    """A picture as (height, width, 3) uint8. OSError: it is not one."""
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


_STORES = ("pngs", "walls", "sprites")
_READER = "reader.npy"


def save(world: LiveShow, folder: Path) -> LiveShow:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        stores = {name: list[bytes](getattr(world, name)) for name in _STORES}
        document = {
            "variant": world.variant,
            "seed": world.seed,
            "provenance": [asdict(part) for part in world.provenance],
            "nouns": world.nouns,
            "goods": [astuple(one) for one in world.goods],
            "view_of": world.view_of,
            "scenes": [astuple(scene) for scene in world.scenes],
            "clip": world.clip,
            "viewers": world.viewers,
            "ends": {name: np.cumsum([len(content) for content in contents]).tolist() for name, contents in stores.items()},
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        for name, contents in stores.items():
            (partial / f"{name}.bin").write_bytes(b"".join(contents))
        (partial / _READER).write_bytes(world.reader)

    return replace(world, version=save_whole(folder, write))


def load(folder: Path) -> LiveShow | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    pngs, walls, sprites = (Blobs(folder / f"{name}.bin", np.array(document["ends"][name], dtype=np.int64)) for name in _STORES)
    return LiveShow(
        version=version,
        variant=document["variant"],
        seed=document["seed"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        nouns=tuple(document["nouns"]),
        goods=tuple(Goods(*one) for one in document["goods"]),
        view_of=tuple(document["view_of"]),
        pngs=pngs,
        scenes=tuple(
            Scene(split, wall, Wave(*pan_x), Wave(*pan_y), tuple(map(_actor, actors)))
            for split, wall, pan_x, pan_y, actors in document["scenes"]
        ),
        clip=document["clip"],
        walls=walls,
        sprites=sprites,
        viewers=document["viewers"],
        reader=(folder / _READER).read_bytes(),
    )


def _actor(stored: Sequence[Any]) -> Actor:
    item_id, first, x, y, turn = stored
    return Actor(item_id, first, Wave(*x), Wave(*y), Wave(*turn))
