"""The data set `live_show`: one world for every component of live streaming, in a real and a synthetic variant.

    models of things (Sweet Home 3D | boxes and cylinders) ─┬─ views on white ───────────────────▶ gifts
    walls            (wallpapers    | clouds of colour)    ─┴─ scenes ─▶ clips ─▶ camera model ─▶ frames

README.md in the folder above says what is observed and what is composed. Truth is the frame as it is before the camera.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from aibenchrt.answers import Gift
from aibenchrt.datasets.cache import WorldCache
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.furniture_pictures import solids
from aibenchrt.datasets.furniture_pictures.dataset import PACKAGES
from aibenchrt.datasets.furniture_pictures.photos import clouds
from aibenchrt.datasets.live_show.compose import Amounts, Wallpaper, compose
from aibenchrt.datasets.live_show.scenes import HEIGHT, WALL, WIDTH, Picture
from aibenchrt.datasets.live_show.world import LiveShow, load, save
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rasteriser import Light, view
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources import sweethome3d, wallpapers
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.gifts import gift_box
from aibenchrt.progress import Progress
from aibenchrt.values import Value

__all__ = ["PACKAGES", "WORLDS", "payloads", "sizes"]

_PARTS = {"train": "fit", "validation": "validation", "test": "test"}
CLIP = 125  # frames, five seconds
NOUNS = (
    "cabinet",
    "chair",
    "lamp",
    "plant",
    "sofa",
    "table",
    "vehicle",
    "vessel",
)  # of the real variant: many models, and shapes that differ
REAL = Amounts(12, {"train": 24, "validation": 4, "test": 12}, (1, 2), CLIP, 300)
SYNTHETIC = Amounts(6, {"train": 8, "validation": 2, "test": 6}, (1, 2), CLIP, 60)
EACH = 12  # synthetic models of each noun
HELD = {"test": 12, "validation": 4}  # wallpapers that are in no scene of another split
FRAMES, GIFTS, SPOKEN = SOURCES = ("frames", "gifts", "spoken")


def sizes(world: LiveShow) -> str:
    shown = f"{len(world.goods):,} goods of {len(world.nouns)} nouns with {len(world.pngs):,} views, {len(world.scenes):,} clips"
    return f"{shown} of {world.clip} frames; {len(world.scenes_of('test')):,} clips held out"


def payloads(world: LiveShow, source: str, split: str = "test") -> list[Payload]:
    """The requests of one source ("frames", "gifts" or "spoken") and split: clip after clip, frame after frame, the same in each source.

    original: the frame as it is, PNG; where a gift is drawn over it, with an alpha channel that is 0 there. gift: the noun that was
    wished, and who reads it.
    """
    if source not in SOURCES:
        raise ValueError(f"live_show has no source {source!r}; it has {', '.join(SOURCES)}")
    said = [one.wav for one in world.utterances(split)] if source == SPOKEN else []
    rng = rng_of(world.seed, f"{source} of {split}")
    asked: list[Payload] = []
    for clip, row in enumerate(world.scenes_of(split)):
        for number in range(world.clip):
            values: dict[str, Value] = {"shot": {"clip": clip, "frame": number}, "moment": {"stream": clip, "number": number}}
            frame, note = world.frame(row, number), f"clip {clip}, frame {number}"
            truth: dict[str, object] = {}
            if source == GIFTS:
                label, noise = int(rng.integers(len(world.nouns))), int(rng.integers(1 << 31))
                values |= {"wish": {"label": label, "seed": noise}, "user": {"user_id": choose(world.viewer_ids, rng)}}
                truth["gift"] = Gift(label, world.reader)
                frame, note = without_gift(frame), f"{note}; a {world.nouns[label]} for a gift"
            if source == SPOKEN:
                values["audio"] = {"wav": choose(said, rng)}
            truth["original"] = colour_png(frame)
            asked.append(Payload(values, truth, len(asked), note, _PARTS[split]))
    return asked


def without_gift(frame: Picture) -> Picture:
    """(height, width, 3) → (height, width, 4): alpha 0 where a gift lies, which then does not count, and 255 elsewhere."""
    left, top, right, bottom = gift_box(frame.shape[1], frame.shape[0])
    alpha = np.full((*frame.shape[:2], 1), 255, dtype=np.uint8)
    alpha[top:bottom, left:right] = 0
    masked = np.concatenate([frame, alpha], axis=2)
    masked[top:bottom, left:right] = 0
    return np.asarray(masked, dtype=np.uint8)


def _real(seed: int, progress: Progress) -> LiveShow:
    licences = "; ".join(sorted(wallpapers.LICENCES.values()))
    provenance = (
        Provenance("models, their names and authors", "observed", "Debian's sweethome3d-furniture 1.8-1", sweethome3d.LICENCE),
        Provenance("walls", "observed", "Debian's lomiri-wallpapers-16.04 and mate-backgrounds", licences),
        Provenance("nouns", "composed", "by words of the models' names (the catalogues' categories are rooms)", "Apache-2.0"),
        *_composed(),
    )
    pictures = wallpapers.load_wallpapers(progress)
    order = rng_of(seed, "wallpapers").permutation(len(pictures)).tolist()
    test, both = HELD["test"], HELD["test"] + HELD["validation"]
    shares = {"test": order[:test], "validation": order[test:both], "train": order[both:]}
    walls: dict[str, Wallpaper] = {split: partial(_part, [pictures[row] for row in rows]) for split, rows in shares.items()}
    return compose("real", seed, sweethome3d.load_models(progress), NOUNS, walls, REAL, provenance, progress)


def _part(pictures: list[Picture], number: int, rng: Rng) -> Picture:
    """A part of one of the wallpapers, which take turns, made as large as a wall."""
    picture = pictures[number % len(pictures)]
    height, width = picture.shape[:2]
    scale = float(rng.uniform(0.7, 1.0)) * min(height / WALL[0], width / WALL[1])
    high, wide = round(WALL[0] * scale), round(WALL[1] * scale)
    top, left = int(rng.integers(0, height - high + 1)), int(rng.integers(0, width - wide + 1))
    part = Image.fromarray(picture[top : top + high, left : left + wide])
    return np.asarray(part.resize((WALL[1], WALL[0]), Image.Resampling.BILINEAR), dtype=np.uint8)


def _synthetic(seed: int, progress: Progress) -> LiveShow:
    provenance = (
        Provenance("models", "composed", "boxes and cylinders, seeded", "Apache-2.0"),
        Provenance("walls", "composed", "clouds of colour, seeded", "Apache-2.0"),
        *_composed(),
    )
    walls: dict[str, Wallpaper] = dict.fromkeys(SPLITS, _cloud)
    return compose("synthetic", seed, _made(seed), solids.NOUNS, walls, SYNTHETIC, provenance, progress)


def _cloud(_number: int, rng: Rng) -> Picture:
    whole: Picture = clouds(max(WALL), rng)[: WALL[0], : WALL[1]]
    return whole


def _made(seed: int) -> Iterator[FurnitureModel]:
    for number, piece in enumerate(solids.pieces(EACH, seed)):
        picture = view(piece.solid, -30.0, 20.0, Light((-0.5, 1.0, 1.0), 0.6), 48)
        name = f"{piece.noun.capitalize()} {number}"
        yield FurnitureModel(f"synthetic#{number}", name, piece.noun, piece.material, "Apache-2.0", "aibenchc", piece.solid, picture)


def _composed() -> tuple[Provenance, ...]:
    composed = "composed by aibenchc, seeded"
    parts = (
        f"clips: renderings of the models that swing before a panning wall, {WIDTH} × {HEIGHT} pixels, {CLIP} frames; nothing was filmed",
        "what the camera makes of them: a model of exposure, vignette and noise",
        "views: renderings on white",
        "viewers, their wishes and earlier purchases; prices; what the host says",
        "truth: the frame before the camera; the noun that was wished",
    )
    return tuple(Provenance(part, "composed", composed, "Apache-2.0") for part in parts)


WORLDS: WorldCache[LiveShow] = WorldCache("live_show", __name__, {"real": _real, "synthetic": _synthetic}, save, load)
