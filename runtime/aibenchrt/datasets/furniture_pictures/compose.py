"""The world from models and backgrounds: splits by model, then photos of each.

models ──▶ splits ──▶ catalogue pictures, captions
               └────▶ renderings ──▶ photos, a second thing of the same split in some ──▶ shots with boxes
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.furniture_pictures.captions import colour_of, words
from aibenchrt.datasets.furniture_pictures.photos import Conditions, Picture, photo, rendering
from aibenchrt.datasets.furniture_pictures.world import Box, FurnitureWorld, Piece, Shot
from aibenchrt.datasets.rows import SPLITS, Provenance
from aibenchrt.datasets.sources.furniture_model import FurnitureModel
from aibenchrt.progress import Progress

Background = Callable[[Rng], Picture]  # draws a (side, side, 3) picture
PHOTOS, WITH_WORDS, ADDRESSES = SOURCES = ("photos", "photos_with_words", "addresses")
# The share of photos in which a second thing stands; who types words needs them.
ACCOMPANIED: Mapping[str, float] = {PHOTOS: 0.35, WITH_WORDS: 1.0, ADDRESSES: 0.35}
SMALLEST = 64  # pixels of a rendering
HELD_OUT = {"test": 0.35, "validation": 0.10}  # shares of each noun's models; at least one of each


@dataclass(frozen=True)
class Amounts:
    """renderings: of each model. shots: photos of each model, by split and then in the order of SOURCES; its renderings take turns.
    catalogue: pixels of the side of a catalogue picture."""

    renderings: int
    shots: Mapping[str, tuple[int, int, int]]
    catalogue: int


def compose(
    variant: str,
    seed: int,
    models: Iterable[FurnitureModel],
    nouns: Sequence[str],
    backgrounds: Mapping[str, Background],
    amounts: Amounts,
    how: Conditions,
    provenance: tuple[Provenance, ...],
    progress: Progress,
) -> FurnitureWorld:
    """The world. models: taken one by one, since solids are large. nouns: in the order of their labels. backgrounds: by split."""
    pieces: list[Piece] = []
    pictures: list[bytes] = []
    drawn: list[list[Picture]] = []
    for model in models:
        progress(f"rendering {model.noun} {len(pieces) + 1}", 0.0)
        rng = rng_of(seed, f"renderings of {model.key}")
        price = round(float(np.exp(rng.uniform(1.5, 7.0))), 2)
        renderings = [rendering(model.solid, how, rng) for _ in range(amounts.renderings)]
        if min(picture.shape[0] * picture.shape[1] for picture in renderings) < SMALLEST:
            continue  # glass all over, or as flat as paper
        drawn.append(renderings)
        pieces.append(
            Piece(
                len(pieces) + 1, model.key, model.name, nouns.index(model.noun), colour_of(model.picture), model.material, price, "",
                model.licence, model.author,
            )
        )  # fmt: skip
        pictures.append(colour_png(_on_white(model.picture, amounts.catalogue)))
    progress("composing photos", 0.8)
    placed = _with_splits(pieces)
    shots, photos = _photos(seed, placed, nouns, drawn, backgrounds, amounts, how)
    return FurnitureWorld("", variant, seed, provenance, tuple(nouns), tuple(placed), tuple(pictures), tuple(shots), tuple(photos))


def _with_splits(pieces: Sequence[Piece]) -> list[Piece]:
    """Each model with its split, by a hash of its key within its noun: a model is in one split, and every noun in each."""
    split: dict[str, str] = {}
    for label in sorted({piece.label for piece in pieces}):
        keys = sorted((piece.key for piece in pieces if piece.label == label), key=lambda key: hashlib.sha256(key.encode()).hexdigest())
        test, validation = (max(1, round(share * len(keys))) for share in (HELD_OUT["test"], HELD_OUT["validation"]))
        split |= {key: "test" if n < test else "validation" if n < test + validation else "train" for n, key in enumerate(keys)}
    return [replace(piece, split=split[piece.key]) for piece in pieces]


def _photos(
    seed: int,
    pieces: Sequence[Piece],
    nouns: Sequence[str],
    drawn: Sequence[Sequence[Picture]],
    backgrounds: Mapping[str, Background],
    amounts: Amounts,
    how: Conditions,
) -> tuple[list[Shot], list[bytes]]:
    """The photos of all splits, source by source; the models take turns, so that any number of them has about as many of each."""
    shots: list[Shot] = []
    photos: list[bytes] = []
    rng = rng_of(seed, "photos")
    for split in SPLITS:
        own = [row for row, piece in enumerate(pieces) if piece.split == split]
        mine = [pieces[row] for row in own]
        taken = 0
        for source, times in zip(SOURCES, amounts.shots[split], strict=True):
            for _ in range(times):
                for row in map(own.__getitem__, rng.permutation(len(own))):
                    piece = pieces[row]
                    things = [(piece, drawn[row][taken // len(own) % amounts.renderings])]
                    if rng.random() < ACCOMPANIED[source]:
                        other = _other(piece, mine, rng)
                        things.append((other, choose(drawn[other.item_id - 1], rng)))
                    image, frames = photo(backgrounds[split](rng), [picture for _, picture in things], how, rng)
                    boxes = tuple(
                        Box(thing.item_id, thing.label, *frame, degrees)
                        for (thing, _), (frame, degrees) in zip(things, frames, strict=False)
                    )
                    typed = words(nouns[piece.label], piece.colour, piece.material, rng) if source == WITH_WORDS else ""
                    address = f"/kept/{split}/{piece.item_id}-{taken}.png" if source == ADDRESSES else ""
                    shots.append(Shot(split, source, piece.item_id, boxes, typed, address))
                    photos.append(colour_png(image))
                    taken += 1
    return shots, photos


def _other(piece: Piece, own: Sequence[Piece], rng: Rng) -> Piece:
    """A model of the same split and another noun."""
    return choose([other for other in own if other.label != piece.label], rng)


def _on_white(picture: Picture, side: int) -> Picture:
    image = Image.fromarray(picture, "RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, image).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), dtype=np.uint8)
