"""The world `furniture_pictures`: models of furniture, a catalogue picture of each, and photos of them with boxes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibenchrt.datasets.blobs import Blobs
from aibenchrt.datasets.cache import save_whole, whole_version
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.furniture_pictures.captions import caption
from aibenchrt.datasets.furniture_pictures.photos import cut_out
from aibenchrt.datasets.rows import SPLITS, Item, PhotoQuery, Photos, Provenance

CUT = 64  # pixels of the side of a picture of one thing
SMALL = 32  # of one for a classifier: what the networks of He et al. 2016, section 4.2, read


@dataclass(frozen=True)
class Piece:
    """A model. key: its record's id in the source; label: of its noun; colour: of its catalogue picture; material: '' if unknown."""

    item_id: int
    key: str
    name: str
    label: int
    colour: str
    material: str
    price: float
    split: str
    licence: str
    author: str


@dataclass(frozen=True)
class Box:
    """Where a thing is seen in a photo, in pixels; right and bottom are the first beyond. degrees: by which it is turned clockwise."""

    item_id: int
    label: int
    left: int
    top: int
    right: int
    bottom: int
    degrees: float


@dataclass(frozen=True)
class Shot:
    """A photo and who sends it how. source: of requests. boxes: of the things in it, first the one that is wanted. words: typed beside
    it. address: where it is kept. Those of a source that has none are empty."""

    split: str
    source: str
    item_id: int
    boxes: tuple[Box, ...]
    words: str
    address: str


@dataclass(frozen=True)
class Boxed:
    """A photo, and the boxes of all things in it."""

    png: bytes
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Cutting:
    """A square picture of one thing. degrees: by which it is turned clockwise. text: its caption."""

    png: bytes
    item_id: int
    label: int
    degrees: float
    text: str


@dataclass(frozen=True)
class CatalogueEntry:
    """A model as the catalogue shows it. png: on white. split: of the model."""

    item_id: int
    label: int
    png: bytes
    text: str
    split: str


@dataclass(frozen=True, eq=False)
class FurnitureWorld:
    """categories: nouns. pieces, pictures: models in order of their ids, and the catalogue's picture of each. shots, pngs: photos of
    them; each is in the split of its models. version: sha256 of all content."""

    version: str
    variant: str
    seed: int
    provenance: tuple[Provenance, ...]
    categories: tuple[str, ...]
    pieces: tuple[Piece, ...]
    pictures: Sequence[bytes]
    shots: tuple[Shot, ...]
    pngs: Sequence[bytes]

    @cached_property
    def piece(self) -> Mapping[int, Piece]:
        """Item id → model."""
        return {piece.item_id: piece for piece in self.pieces}

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The models as items to search and to show; nobody has opened any, and all belong to one tier."""
        return tuple(
            Item(
                piece.item_id, piece.name, piece.label, 0, (self.categories[piece.label],), "excellent", piece.price, 0, 0.0, 0.0, (),
                f"{piece.name}. {self.caption(piece.item_id)}",
            )
            for piece in self.pieces
        )  # fmt: skip

    @cached_property
    def catalogue(self) -> tuple[CatalogueEntry, ...]:
        """The catalogue's picture of every model, whatever its split: what is searched."""
        return tuple(
            CatalogueEntry(piece.item_id, piece.label, picture, self.caption(piece.item_id), piece.split)
            for piece, picture in zip(self.pieces, self.pictures, strict=True)
        )

    def caption(self, item_id: int) -> str:
        """'a brown wooden chair'. KeyError: no such model."""
        piece = self.piece[item_id]
        return caption(self.categories[piece.label], piece.colour, piece.material)

    def of_noun(self, label: int) -> tuple[int, ...]:
        """The ids of all models of a noun, ascending: what is of the right kind, if not the right one."""
        return tuple(piece.item_id for piece in self.pieces if piece.label == label)

    def shot(self, split: str, source: str | None = None) -> list[tuple[Shot, bytes]]:
        """The photos of "train", "validation" or "test", of one source or of all."""
        return [(shot, self.pngs[row]) for row, shot in enumerate(self.shots) if shot.split == split and source in (None, shot.source)]

    def boxed(self, split: str) -> Sequence[Boxed]:
        """The photos of a split with their boxes."""
        return [Boxed(png, shot.boxes) for shot, png in self.shot(split)]

    def turned(self, split: str) -> Sequence[Cutting]:
        """The wanted thing of each photo of a split, cut out by its box, turned as it is there."""
        return list(self._cuttings(split, upright=False))

    def views(self, split: str) -> Sequence[Cutting]:
        """The same things turned upright by their true angle: what a perfect detector and straightener would hand on."""
        return list(self._cuttings(split, upright=True))

    def captioned(self, split: str) -> Sequence[Cutting]:
        """`views`, to be described by their texts."""
        return self.views(split)

    @cached_property
    def photos(self) -> Photos:
        """`views` of all splits as pixels, (n, SMALL, SMALL, 3)."""
        cuttings = [(cut, split) for split in SPLITS for cut in self._cuttings(split, upright=True, side=SMALL)]
        return Photos(
            np.stack([pixels(cut.png) for cut, _ in cuttings]),
            np.array([cut.label for cut, _ in cuttings], dtype=np.int64),
            np.array([SPLITS.index(split) for _, split in cuttings], dtype=np.int8),
        )

    def photo_queries_of(self, split: str, part: str | None = None) -> tuple[PhotoQuery, ...]:
        """One request for each of `photos`; all of those of "train" are of its part "fit"."""
        own = "fit" if split == "train" else split
        rows = self.photos.rows(split).tolist() if part in (None, own) else []
        return tuple(
            PhotoQuery(number, split, own, shot.item_id, self.piece[shot.item_id].label, row, (shot.item_id,))
            for number, (row, (shot, _)) in enumerate(zip(rows, self.shot(split), strict=False))
        )

    @cached_property
    def hosted(self) -> Mapping[str, bytes]:
        """Address → the picture that is kept there: photos of all splits, and the catalogue's pictures."""
        photos = {shot.address: self.pngs[row] for row, shot in enumerate(self.shots) if shot.address}
        return photos | {catalogue_address(piece.item_id): png for piece, png in zip(self.pieces, self.pictures, strict=True)}

    def _cuttings(self, split: str, upright: bool, side: int = CUT) -> Iterator[Cutting]:
        for shot, png in self.shot(split):
            box = shot.boxes[0]
            cut = cut_out(pixels(png), (box.left, box.top, box.right, box.bottom), box.degrees if upright else 0.0, side)
            yield Cutting(colour_png(cut), box.item_id, box.label, 0.0 if upright else box.degrees, self.caption(box.item_id))


def catalogue_address(item_id: int) -> str:
    """Where the catalogue's picture of a model is kept."""
    return f"/catalogue/{item_id}.png"


def pixels(png: bytes) -> NDArray[np.uint8]:
    """A picture as (height, width, 3) uint8. OSError: it is not one."""
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


def save(world: FurnitureWorld, folder: Path) -> FurnitureWorld:
    """Writes the world with `save_whole`, and returns it with its version. OSError: it could not be written."""

    def write(partial: Path) -> None:
        document = {
            "variant": world.variant,
            "seed": world.seed,
            "provenance": [asdict(part) for part in world.provenance],
            "categories": world.categories,
            "pieces": [astuple(piece) for piece in world.pieces],
            "shots": [astuple(shot) for shot in world.shots],
            "pictures": np.cumsum([len(picture) for picture in world.pictures]).tolist(),
            "photos": np.cumsum([len(png) for png in world.pngs]).tolist(),
        }
        (partial / "world.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        (partial / "pictures.bin").write_bytes(b"".join(world.pictures))
        (partial / "photos.bin").write_bytes(b"".join(world.pngs))

    return replace(world, version=save_whole(folder, write))


def load(folder: Path) -> FurnitureWorld | None:
    """The world that save() wrote there; None if there is none, or if a file's content has changed since."""
    version = whole_version(folder)
    if version is None:
        return None
    document = json.loads((folder / "world.json").read_bytes())
    return FurnitureWorld(
        version=version,
        variant=document["variant"],
        seed=document["seed"],
        provenance=tuple(Provenance(**part) for part in document["provenance"]),
        categories=tuple(document["categories"]),
        pieces=tuple(Piece(*piece) for piece in document["pieces"]),
        pictures=Blobs(folder / "pictures.bin", np.array(document["pictures"], dtype=np.int64)),
        shots=tuple(
            Shot(split, source, item_id, tuple(Box(*box) for box in boxes), words, address)
            for split, source, item_id, boxes, words, address in document["shots"]
        ),
        pngs=Blobs(folder / "photos.bin", np.array(document["photos"], dtype=np.int64)),
    )
