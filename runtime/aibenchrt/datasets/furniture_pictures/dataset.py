"""The data set `furniture_pictures`: one world for every component of content-based image retrieval, in a real and a synthetic variant.

    models of furniture (Sweet Home 3D | boxes and cylinders) ─┬─ pictures, captions ─────────────▶ catalogue
    backgrounds         (wallpapers    | clouds of colour)    ─┴─ renderings ─▶ photos with boxes ─▶ requests

README.md in the folder above says what is observed and what is composed. Truth is the model that a photo shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from aibenchrt.answers import Boxes
from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.draws import choose, rng_of
from aibenchrt.datasets.furniture_pictures import solids
from aibenchrt.datasets.furniture_pictures.compose import ADDRESSES, SOURCES, WITH_WORDS, Amounts, Background, compose
from aibenchrt.datasets.furniture_pictures.photos import Conditions, Picture, clouds, frame_of, part_of
from aibenchrt.datasets.furniture_pictures.world import Box, FurnitureWorld, Shot, catalogue_address, load, pixels, save
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rasteriser import Light, view
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources import sweethome3d, wallpapers
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.progress import Progress
from aibenchrt.values import Value

PACKAGES = (
    SourcePackage("Sweet Home 3D furniture", sweethome3d.PACKAGE, sweethome3d.LICENCE),
    SourcePackage("Lomiri wallpapers", wallpapers.LOMIRI, wallpapers.LICENCES[wallpapers.LOMIRI.name]),
    SourcePackage("MATE backgrounds", wallpapers.MATE, wallpapers.LICENCES[wallpapers.MATE.name]),
)
_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
REAL = Amounts(6, {"train": (6, 1, 1), "validation": (4, 2, 1), "test": (5, 2, 1)}, catalogue=96)
SYNTHETIC = Amounts(4, {"train": (6, 1, 1), "validation": (4, 2, 1), "test": (14, 4, 2)}, catalogue=64)
CONDITIONS = {
    "real": Conditions(
        side=128, render=128, wanted=(0.45, 0.7), other=(0.24, 0.34), yaw=60.0, pitch=(5.0, 35.0), turned=45.0, grain=6.0, step=4
    ),
    "synthetic": Conditions(
        side=96, render=80, wanted=(0.5, 0.7), other=(0.25, 0.35), yaw=40.0, pitch=(10.0, 30.0), turned=45.0, grain=3.0, step=8
    ),
}
EACH = 15  # synthetic models of each noun


def sizes(world: FurnitureWorld) -> str:
    held_out = sum(shot.split == "test" for shot in world.shots)
    return (
        f"{len(world.pieces):,} models of {len(world.categories)} nouns, {len(world.shots):,} photos of them; "
        f"{sum(piece.split == 'test' for piece in world.pieces):,} models with {held_out:,} photos held out"
    )


def payloads(world: FurnitureWorld, source: str, split: str = "test") -> list[Payload]:
    """The requests of one source ("photos", "photos_with_words" or "addresses") and split, in order of their ids.

    relevant: the id of the model that is wanted, the larger one. same_class: those of all models of its noun. label: its noun. reference:
    its caption. boxes: of all things in the photo. angle: by which the wanted one is turned. user: who wants it; each model has a user of
    its own, who takes all of its photos, so that intervals over users are intervals over models.
    """
    if source not in SOURCES:
        raise ValueError(f"furniture_pictures has no source {source!r}; it has {', '.join(SOURCES)}")
    asked = [*world.shot(split, source), *(_of_catalogue(world, split) if source == ADDRESSES else ())]
    return [_payload(world, shot, png, number) for number, (shot, png) in enumerate(asked)]


def _of_catalogue(world: FurnitureWorld, split: str) -> Iterator[tuple[Shot, bytes]]:
    """Users also name the address of a picture that they saw in the catalogue itself, which shows one thing upright on white."""
    for piece, png in zip(world.pieces, world.pictures, strict=True):
        if piece.split == split:
            frame = frame_of((pixels(png) != 255).any(axis=2))
            box = Box(piece.item_id, piece.label, *frame, 0.0)
            yield Shot(split, ADDRESSES, piece.item_id, (box,), "", catalogue_address(piece.item_id)), png


def _payload(world: FurnitureWorld, shot: Shot, png: bytes, number: int) -> Payload:
    values: dict[str, Value] = {"user": {"user_id": shot.item_id}}
    if shot.source == ADDRESSES:
        values["text"] = {"text": shot.address}
    else:
        values["image"] = {"png": png}
    if shot.source == WITH_WORDS:
        values["text"] = {"text": shot.words}
    piece, said = world.piece[shot.item_id], world.caption(shot.item_id)
    truth = {
        "relevant": (piece.item_id,),
        "same_class": world.of_noun(piece.label),
        "label": piece.label,
        "reference": said,
        "boxes": _true(shot.boxes),
        "angle": shot.boxes[0].degrees,
    }
    return Payload(values, truth, number, f"{piece.name}: {said}", _PARTS[shot.split])


def _true(boxes: Sequence[Box]) -> Boxes:
    corners = tuple((float(box.left), float(box.top), float(box.right), float(box.bottom)) for box in boxes)
    return Boxes(corners, tuple(box.label for box in boxes), (1.0,) * len(boxes))


def _real(seed: int, progress: Progress) -> FurnitureWorld:
    how = CONDITIONS["real"]
    walls = wallpapers.load_wallpapers(progress)
    provenance = (
        Provenance("models, their names and authors", "observed", "Debian's sweethome3d-furniture 1.8-1", sweethome3d.LICENCE),
        Provenance("catalogue pictures", "observed", "the same", sweethome3d.LICENCE),
        Provenance("backgrounds", "observed", "Debian's lomiri-wallpapers-16.04 and mate-backgrounds",
                   "; ".join(sorted(wallpapers.LICENCES.values()))),
        Provenance("nouns", "composed", "by words of the models' names (the catalogues' categories are rooms)", "Apache-2.0"),
        *_composed(),
    )  # fmt: skip
    nouns = tuple(sorted(sweethome3d.NOUNS))
    return compose("real", seed, sweethome3d.load_models(progress), nouns, _walls(walls, how.side, seed), REAL, how, provenance, progress)


def _walls(walls: list[Picture], side: int, seed: int) -> dict[str, Background]:
    """Wallpapers by split: none is behind things of two splits. Six are held out for test, and three for validation."""
    order = rng_of(seed, "wallpapers").permutation(len(walls))
    shares = {"test": order[:6], "validation": order[6:9], "train": order[9:]}

    def drawn(rows: list[int], rng: np.random.Generator) -> Picture:
        return part_of(walls[choose(rows, rng)], side, rng)

    return {split: partial(drawn, rows.tolist()) for split, rows in shares.items()}


def _synthetic(seed: int, progress: Progress) -> FurnitureWorld:
    how = CONDITIONS["synthetic"]
    provenance = (
        Provenance("models and catalogue pictures", "composed", "boxes and cylinders, seeded", "Apache-2.0"),
        Provenance("backgrounds", "composed", "clouds of colour, seeded", "Apache-2.0"),
        *_composed(),
    )
    backgrounds: dict[str, Background] = {split: partial(clouds, how.side) for split in SPLITS}
    return compose("synthetic", seed, _made(seed), solids.NOUNS, backgrounds, SYNTHETIC, how, provenance, progress)


def _made(seed: int) -> Iterator[FurnitureModel]:
    """The synthetic models; the catalogue shows each from the same side, in the same light."""
    for number, piece in enumerate(solids.pieces(EACH, seed)):
        picture = view(piece.solid, -30.0, 20.0, Light((-0.5, 1.0, 1.0), 0.6), 96)
        name = f"{piece.noun.capitalize()} {number}"
        yield FurnitureModel(f"synthetic#{number}", name, piece.noun, piece.material, "Apache-2.0", "aibenchc", piece.solid, picture)


def _composed() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        "photos: renderings in drawn pose and light, turned, on backgrounds, with their boxes",
        "captions: colour of the catalogue picture, material by names of surfaces, noun",
        "words beside photos, addresses, prices",
        "users: one for each model",
        "truth: the model that was rendered",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[FurnitureWorld] = WorldCache("furniture_pictures", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
