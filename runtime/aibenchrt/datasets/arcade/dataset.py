"""The data set `arcade`: one world for every component of online gaming, in a real and a synthetic variant.

    models   (Sweet Home 3D | boxes and cylinders) ─▶ bodies ─▶ pictures, voxels ───────────────┐
    textures (of the models | drawn by seed)       ─▶ parts ──▶ pairs of both looks, frames ────┴─▶ requests: a body, a camera led around it

README.md in the folder above says what is observed and what is composed. Truth is a frame of the model's own triangles, and its voxels.
"""

from __future__ import annotations

from collections.abc import Iterator

from aibenchrt.answers import Voxels
from aibenchrt.datasets.arcade import skins
from aibenchrt.datasets.arcade.bodies import SIDE
from aibenchrt.datasets.arcade.compose import Amounts, compose
from aibenchrt.datasets.arcade.world import PICTURE, SOLID, ArcadeWorld, load, save
from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.draws import choose, rng_of
from aibenchrt.datasets.furniture_pictures import solids
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rasteriser import Light, view
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources import furniture_textures, sweethome3d
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.progress import Progress
from aibenchrt.values import Value

PACKAGES = (SourcePackage("Sweet Home 3D furniture and its textures", sweethome3d.PACKAGE, sweethome3d.LICENCE),)
_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
FRAMES, SPOKEN = SOURCES = ("frames", "spoken")
REAL = Amounts(
    pictures={"train": 12, "validation": 6, "test": 6},
    pairs={"train": 4, "validation": 2, "test": 2},
    parts={"train": 24, "validation": 8, "test": 8},
    clips={"train": 2, "validation": 4, "test": 1000},
)
SYNTHETIC = Amounts(
    pictures={"train": 8, "validation": 4, "test": 4},
    pairs={"train": 4, "validation": 2, "test": 2},
    parts={"train": 8, "validation": 4, "test": 4},
    clips={"train": 1, "validation": 2, "test": 24},
)
EACH, TEXTURES = 20, 16  # synthetic models of each noun, and textures of each kind


def sizes(world: ArcadeWorld) -> str:
    held_out = sum(body.split == "test" for body in world.bodies)
    clips = sum(flight.split == "test" for flight in world.paths)
    return (
        f"{len(world.bodies):,} bodies of {len(world.nouns)} nouns, {len(world.textures):,} textures of {len(world.categories)} kinds; "
        f"{held_out:,} bodies with {clips:,} clips held out"
    )


def payloads(world: ArcadeWorld, source: str, split: str = "test") -> list[Payload]:
    """The frames that players ask for, clip by clip. image: the body's picture, from a side of its own; camera: where the frame is seen
    from; wish: the texture's kind, and the seed of its noise; moment: clip and frame; user: the player, one for each body.

    original: the frame of the model's own triangles in a texture of that kind that no model saw. solid: its voxels. Source "spoken": the
    same, with what a player says.
    """
    if source not in SOURCES:
        raise ValueError(f"arcade has no source {source!r}; it has {', '.join(SOURCES)}")
    said, rng = [one.wav for one in world.utterances(split)] if source == SPOKEN else [], rng_of(world.seed, f"{source} of {split}")
    pictures, voxels = dict(reversed(world.of(PICTURE, split))), dict(world.of(SOLID, split))
    asked: list[Payload] = []
    for clip, (flight, frames) in enumerate(world.flights(split)):
        body = world.body[flight.item_id]
        truth = Voxels(voxels[body.item_id], SIDE)
        for number, (camera, frame) in enumerate(zip(flight.cameras, frames, strict=True)):
            values: dict[str, Value] = {
                "image": {"png": pictures[body.item_id]},
                "camera": dict(zip(("azimuth", "elevation", "distance"), camera, strict=True)),
                "wish": {"label": flight.wish, "seed": flight.seed},
                "moment": {"stream": clip, "number": number},
                "user": {"user_id": body.item_id},
            }
            if source == SPOKEN:
                values |= {"audio": {"wav": choose(said, rng)}}
            note = f"{body.name} in {world.categories[flight.wish]}, frame {number}"
            asked.append(Payload(values, {"original": frame, "solid": truth}, len(asked), note, _PARTS[split]))
    return asked


def _real(seed: int, progress: Progress) -> ArcadeWorld:
    source = "Debian's sweethome3d-furniture 1.8-1"
    provenance = (
        Provenance("models, their names and authors", "observed", source, sweethome3d.LICENCE),
        Provenance("textures", "observed", f"{source}: pictures that the models' materials name", sweethome3d.LICENCE),
        Provenance("nouns of models, kinds of textures", "composed", "by words of their names", "Apache-2.0"),
        *_composed(),
    )
    textures = list(furniture_textures.load_textures(progress))
    nouns = tuple(sorted(sweethome3d.NOUNS))
    models = sweethome3d.load_models(progress)
    return compose("real", seed, models, nouns, textures, furniture_textures.NAMES, REAL, provenance, progress)


def _synthetic(seed: int, progress: Progress) -> ArcadeWorld:
    provenance = (
        Provenance("models", "composed", "boxes and cylinders, seeded", "Apache-2.0"),
        Provenance("textures", "composed", "four kinds of noise and stripes, seeded", "Apache-2.0"),
        *_composed(),
    )
    textures = list(skins.made(TEXTURES, seed))
    return compose("synthetic", seed, _made(seed), solids.NOUNS, textures, furniture_textures.NAMES, SYNTHETIC, provenance, progress)


def _made(seed: int) -> Iterator[FurnitureModel]:
    for number, piece in enumerate(solids.pieces(EACH, seed)):
        picture = view(piece.solid, -30.0, 20.0, Light((-0.5, 1.0, 1.0), 0.6), 16)
        name = f"{piece.noun.capitalize()} {number}"
        yield FurnitureModel(f"synthetic#{number}", name, piece.noun, piece.material, "Apache-2.0", "aibenchc", piece.solid, picture)


def _composed() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        "pictures of bodies: renderings in drawn pose and light",
        "voxels: what the triangles touch or enclose",
        "frames in both looks, camera paths, which texture is wished for: rendered and drawn",
        "players: one for each body; textures that they bought earlier, their prices, what players say",
        "truth: frames of the model's own triangles, and its voxels",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[ArcadeWorld] = WorldCache("arcade", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
