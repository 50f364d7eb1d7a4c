"""The world from models and textures: splits by model and by texture, then everything that is drawn of each.

models ──▶ bodies ─┬─ in their own colours ─▶ pictures, and voxels
textures ─▶ parts ─┴─ in a texture ─────────▶ pairs of both looks, clips of the occluded one
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from aibenchrt.datasets.arcade.bodies import PART, Body, body_of, hidden_sky, lowest, smooth_normals, surface_of
from aibenchrt.datasets.arcade.drawing import Picture, seen
from aibenchrt.datasets.arcade.skins import part_of
from aibenchrt.datasets.arcade.world import AFTER, BEFORE, CLIP, FRAME, PICTURE, SOLID, VIEW, ArcadeWorld, Flight, Stored, Thing
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.looks import BACKGROUND, Camera, packed
from aibenchrt.datasets.rasteriser import Light, view
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.datasets.sources.furniture_textures import Texture
from aibenchrt.progress import Progress

PIXELS = 64  # of a side of every picture but the textures
FEWEST = 30  # voxels of a body
HELD_OUT = {"test": 0.30, "validation": 0.10}  # shares of the models and of the textures
YAW, PITCH = (-60.0, 60.0), (5.0, 35.0)  # degrees, of the pictures from which a body is to be reconstructed


@dataclass(frozen=True)
class Amounts:
    """Each by split. pictures, pairs: of each body; parts: of each texture; clips: bodies that have one."""

    pictures: Mapping[str, int]
    pairs: Mapping[str, int]
    parts: Mapping[str, int]
    clips: Mapping[str, int]


@dataclass
class _Drawn:
    stored: list[Stored] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)

    def add(self, kind: str, thing: Thing, content: bytes) -> None:
        self.stored.append(Stored(kind, thing.split, thing.item_id))
        self.contents.append(content)


def compose(
    variant: str,
    seed: int,
    models: Iterable[FurnitureModel],
    nouns: Sequence[str],
    textures: Sequence[Texture],
    kinds: Sequence[str],
    amounts: Amounts,
    provenance: tuple[Provenance, ...],
    progress: Progress,
) -> ArcadeWorld:
    """The world. models: taken one by one, since they are large. nouns, kinds: in the order of labels."""
    drawn = _Drawn()
    skins, parts = _skins(textures, kinds, amounts, seed, drawn)
    bodies: list[Thing] = []
    flights: list[Flight] = []
    for model in models:
        body = body_of(model.solid)
        if body is None or body.voxels.sum() < FEWEST:
            continue  # glass all over, or as flat as paper
        split, number = split_of(model.key), len(bodies) + 1
        progress(f"drawing {model.noun} {number}", 0.0)
        thing = Thing(number, model.key, model.name, nouns.index(model.noun), split, model.licence, model.author)
        bodies.append(thing)
        rng = rng_of(seed, f"drawings of {model.key}")
        drawn.add(SOLID, thing, packed(body.voxels))
        for _ in range(amounts.pictures[split]):
            drawn.add(PICTURE, thing, colour_png(_picture(model, rng)))
        for before, after in _pairs(body, parts[split], amounts.pairs[split], rng):
            drawn.add(BEFORE, thing, colour_png(before))
            drawn.add(AFTER, thing, colour_png(after))
        if sum(flight.split == split for flight in flights) < amounts.clips[split]:
            wish = int(rng.integers(len(kinds)))
            flight = Flight(split, number, wish, int(rng.integers(1 << 31)), _cameras(rng))
            flights.append(flight)
            for frame in _frames(body, flight, choose([part for label, part in parts[split] if label == wish], rng)):
                drawn.add(FRAME, thing, colour_png(frame))
    return ArcadeWorld(
        "", variant, seed, provenance, tuple(kinds), tuple(nouns), tuple(bodies), tuple(skins), tuple(flights),
        tuple(drawn.stored), tuple(drawn.contents),
    )  # fmt: skip


def split_of(key: str) -> str:
    """Of a model: by a hash of its key."""
    place = _hash(key) / 2**64
    if place < HELD_OUT["test"]:
        return "test"
    return "validation" if place < HELD_OUT["test"] + HELD_OUT["validation"] else "train"


def splits_of(textures: Sequence[Texture]) -> dict[str, str]:
    """Key → split: by a hash within its kind, of which every split has some."""
    split: dict[str, str] = {}
    for kind in sorted({texture.kind for texture in textures}):
        keys = sorted((texture.key for texture in textures if texture.kind == kind), key=_hash)
        test, validation = (max(1, round(HELD_OUT[part] * len(keys))) for part in ("test", "validation"))
        split |= {key: "test" if n < test else "validation" if n < test + validation else "train" for n, key in enumerate(keys)}
    return split


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])


def _skins(
    textures: Sequence[Texture], kinds: Sequence[str], amounts: Amounts, seed: int, drawn: _Drawn
) -> tuple[list[Thing], dict[str, list[tuple[int, Picture]]]]:
    """The textures, and by split the parts of them with their labels."""
    skins: list[Thing] = []
    parts: dict[str, list[tuple[int, Picture]]] = {split: [] for split in SPLITS}
    splits = splits_of(textures)
    for number, texture in enumerate(textures, start=1):
        split, label = splits[texture.key], kinds.index(texture.kind)
        skin = Thing(number, texture.key, texture.name, label, split, "", "")
        skins.append(skin)
        rng = rng_of(seed, f"parts of {texture.key}")
        for _ in range(amounts.parts[split]):
            part = part_of(texture.pixels, rng)
            parts[split].append((label, part))
            drawn.add(VIEW, skin, colour_png(part))
    return skins, parts


def _picture(model: FurnitureModel, rng: Rng) -> Picture:
    """The model in its own colours, as large as the frame allows, in drawn pose and light, before the background."""
    light = Light(
        (float(rng.uniform(-1.2, 1.2)), float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.6, 1.4))), float(rng.uniform(0.45, 0.75))
    )
    shown = view(model.solid, float(rng.uniform(*YAW)), float(rng.uniform(*PITCH)), light, PIXELS).astype(np.float64)
    share = shown[:, :, 3:] / 255.0
    levels: Picture = np.rint(shown[:, :, :3] * share + np.array(BACKGROUND) * (1 - share)).astype(np.uint8)
    return levels


def _pairs(body: Body, parts: Sequence[tuple[int, Picture]], count: int, rng: Rng) -> Iterator[tuple[Picture, Picture]]:
    """Frames in both looks from drawn cameras, of the body's voxels and of its triangles in turn."""
    voxels = body.voxels
    coarse = np.repeat(np.repeat(np.repeat(voxels, PART, axis=0), PART, axis=1), PART, axis=2)
    surface, smooth = surface_of(voxels), partial(smooth_normals, voxels)
    skies = ((hidden_sky(coarse), lowest(surface)), (hidden_sky(body.fine), lowest(body.triangles)))
    for number in range(count):
        azimuth, elevation, distance = (round(float(rng.uniform(*span)), 3) for span in ((-180, 180), (0, 50), (2.9, 3.6)))
        camera = Camera(azimuth, elevation, distance)
        _, texture = choose(parts, rng)
        there = seen(surface, camera, PIXELS, smooth) if number % 2 == 0 else seen(body.triangles, camera, PIXELS)
        yield there.raster(texture), there.occluded(texture, *skies[number % 2])


def _cameras(rng: Rng) -> tuple[tuple[float, float, float], ...]:
    """A camera that is led around a body: from somewhere in front of it, up to once around, rising and sinking."""
    start, turn = float(rng.uniform(-60, 60)), float(rng.uniform(90, 360)) * (1 if rng.random() < 0.5 else -1)
    middle, sway, phase = float(rng.uniform(15, 30)), float(rng.uniform(3, 12)), float(rng.uniform(0, 2 * math.pi))
    near = float(rng.uniform(2.9, 3.5))
    steps = [k / CLIP for k in range(CLIP)]
    return tuple(
        (
            round((start + turn * step + 180.0) % 360.0 - 180.0, 3),
            round(middle + sway * math.sin(phase + 2 * math.pi * step), 3),
            round(near + 0.1 * math.cos(phase + 2 * math.pi * step), 3),
        )
        for step in steps
    )


def _frames(body: Body, flight: Flight, texture: Picture) -> Iterator[Picture]:
    hidden, floor = hidden_sky(body.fine), lowest(body.triangles)
    for camera in flight.cameras:
        yield seen(body.triangles, Camera(*camera), PIXELS).occluded(texture, hidden, floor)
