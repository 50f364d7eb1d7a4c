"""Makes the world `live_show` from models of things and backgrounds.

models ──▶ splits ──┬─▶ views on white
                    └─▶ sprites of some ──▶ scenes before walls of the same split
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.furniture_pictures.captions import colour_of
from aibenchrt.datasets.live_show.reading import trained_reader
from aibenchrt.datasets.live_show.scenes import PITCH, SPRITE, SWING, VIEWS, Picture, Scene, drawn_scene
from aibenchrt.datasets.live_show.viewers import Goods
from aibenchrt.datasets.live_show.world import LiveShow, decoded, packed
from aibenchrt.datasets.rasteriser import Light, Solid, view
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.progress import Progress

HELD_OUT = {"test": 0.25, "validation": 0.10}  # shares of each noun's models; at least one of each
VIEW = 32  # pixels of a view's side
LEAST = 0.02  # the share of a view that a model must cover: what is glass all over shows nothing

Wallpaper = Callable[[int, Rng], Picture]  # (number of the scene in its split, draws) → a wall, (*WALL, 3)


@dataclass(frozen=True)
class Amounts:
    """views: of each of the goods. scenes: by split; goods: in a scene, from and to. clip: frames of a scene. viewers: how many."""

    views: int
    scenes: Mapping[str, int]
    goods: tuple[int, int]
    clip: int
    viewers: int


def compose(
    variant: str,
    seed: int,
    models: Iterable[FurnitureModel],
    nouns: Sequence[str],
    walls: Mapping[str, Wallpaper],
    amounts: Amounts,
    provenance: tuple[Provenance, ...],
    progress: Progress,
) -> LiveShow:
    """The world. models: taken one by one; those of other nouns are passed over. nouns: in the order of their labels. walls: by split."""
    goods: list[Goods] = []
    pngs: list[bytes] = []
    solids: list[Solid] = []
    for model in models:
        if model.noun not in nouns:
            continue
        progress(f"rendering {model.noun} {len(goods) + 1}", 0.0)
        rng = rng_of(seed, f"views of {model.key}")
        price = round(float(np.exp(rng.uniform(1.5, 6.0))), 2)
        drawn = [_view(model.solid, rng) for _ in range(amounts.views)]
        if min(covered for _, covered in drawn) < LEAST:
            continue
        pngs += [colour_png(picture) for picture, _ in drawn]
        solids.append(model.solid)
        goods.append(
            Goods(
                len(goods) + 1, model.key, model.name, nouns.index(model.noun), colour_of(model.picture), price, "", model.licence,
                model.author,
            )
        )  # fmt: skip
    placed = _with_splits(goods)
    progress("setting scenes", 0.7)
    scenes, backs, sprites = _scenes(seed, placed, solids, walls, amounts, progress)
    view_of = tuple(one.item_id for one in placed for _ in range(amounts.views))
    world = LiveShow(
        "", variant, seed, provenance, tuple(nouns), tuple(placed), view_of, tuple(pngs), tuple(scenes), amounts.clip, tuple(backs),
        tuple(sprites), amounts.viewers, b"",
    )  # fmt: skip
    known = [*world.views("train"), *world.views("validation")]
    labels = np.array([one.label for one in known], dtype=np.int64)
    return replace(world, reader=trained_reader(np.stack([decoded(one.png) for one in known]), labels, len(nouns)).to_bytes())


def _view(solid: Solid, rng: Rng) -> tuple[Picture, float]:
    """Goods on white from a drawn side, in drawn light, drawn at twice the size; and the share of the picture that they cover."""
    light = Light((float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.7, 1.4))), float(rng.uniform(0.5, 0.7)))
    picture = view(solid, float(rng.uniform(-SWING, SWING)), float(rng.uniform(8.0, 25.0)), light, 2 * VIEW).astype(np.int32)
    alpha = picture[:, :, 3:]
    white = (picture[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255
    small = (white.reshape(VIEW, 2, VIEW, 2, 3).sum(axis=(1, 3)) + 2) >> 2
    return small.astype(np.uint8), float((alpha >= 96).mean())


def _with_splits(goods: Sequence[Goods]) -> list[Goods]:
    """Each with its split, by a hash of its key within its noun: a model is in one split, and every noun in each."""
    split: dict[str, str] = {}
    for label in sorted({one.label for one in goods}):
        keys = sorted((one.key for one in goods if one.label == label), key=lambda key: hashlib.sha256(key.encode()).hexdigest())
        test, validation = (max(1, round(share * len(keys))) for share in (HELD_OUT["test"], HELD_OUT["validation"]))
        split |= {key: "test" if n < test else "validation" if n < test + validation else "train" for n, key in enumerate(keys)}
    return [replace(one, split=split[one.key]) for one in goods]


def _scenes(
    seed: int,
    goods: Sequence[Goods],
    solids: Sequence[Solid],
    walls: Mapping[str, Wallpaper],
    amounts: Amounts,
    progress: Progress,
) -> tuple[list[Scene], list[bytes], list[bytes]]:
    """The scenes of all splits, their walls, and the sprites of the goods in them, each once."""
    scenes: list[Scene] = []
    backs: list[bytes] = []
    sprites: list[bytes] = []
    first: dict[int, int] = {}
    for split in SPLITS:
        own = [one for one in goods if one.split == split]
        for number in range(amounts.scenes[split]):
            progress(f"setting scene {len(scenes) + 1}", 0.8)
            rng = rng_of(seed, f"scene {number} of {split}")
            shown = [choose(own, rng).item_id for _ in range(int(rng.integers(amounts.goods[0], amounts.goods[1] + 1)))]
            for item_id in shown:
                if item_id not in first:
                    first[item_id] = len(sprites)
                    sprites += [packed(sprite) for sprite in _swinging(solids[item_id - 1], rng)]
            backs.append(packed(walls[split](number, rng)))
            scenes.append(drawn_scene(split, len(backs) - 1, [(item_id, first[item_id]) for item_id in shown], rng))
    return scenes, backs, sprites


def _swinging(solid: Solid, rng: Rng) -> list[Picture]:
    """VIEWS of goods, from one side to the other, in the same light."""
    light = Light((float(rng.uniform(-1.0, 1.0)), float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.7, 1.4))), float(rng.uniform(0.5, 0.7)))
    return [view(solid, -SWING + 2 * SWING * number / (VIEWS - 1), PITCH, light, SPRITE) for number in range(VIEWS)]
