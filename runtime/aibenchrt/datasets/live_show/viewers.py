"""Who watches the show, what they bought in it earlier, and what its host says of the goods: composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aibenchrt.datasets.draws import Rng, choose
from aibenchrt.datasets.faces.history import VALIDATION_START, as_users, earlier_payments
from aibenchrt.datasets.interactions.said import Said, sentences
from aibenchrt.datasets.interactions.served import standing
from aibenchrt.datasets.rows import Interactions, Item

__all__ = ["VALIDATION_START", "Goods", "Said", "as_users", "goods_as_items", "purchases", "said"]

# The wording differs between splits, so that no transcript is in two of them.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "train": ("this {} costs {} euros", "look at this {} for {} euros", "only today the {} for {} euros", "a {} for {} euros"),
    "validation": ("who wants a {} for {} euros",),
    "test": ("you see a {} for {} euros", "this is a {} for just {} euros"),
}


@dataclass(frozen=True)
class Goods:
    """What the show sells. key: unique in its source. label: its noun. split: of the clips and views that show it."""

    item_id: int
    key: str
    name: str
    label: int
    colour: str
    price: float
    split: str
    licence: str
    author: str


def purchases(viewers: Sequence[int], goods: Sequence[Goods], seed: int) -> Interactions:
    """What viewers bought in a year, and how content they were, 1 to 5."""
    return earlier_payments(viewers, [one.item_id for one in goods], seed)


def goods_as_items(goods: Sequence[Goods], nouns: Sequence[str], bought: Interactions) -> tuple[Item, ...]:
    """Goods as items, with their standing in the training period of `bought`."""
    found = standing(np.array([one.item_id for one in goods]), np.array([one.label for one in goods]), bought.of("train"))
    return tuple(
        Item(
            one.item_id, one.name, one.label, 0, (nouns[one.label],), tier, one.price, count, popularity, rating, (),
            f"{one.name}. A {one.colour} {nouns[one.label]}.",
        )
        for one, (tier, count, popularity, rating) in zip(goods, found, strict=True)
    )  # fmt: skip


def said(goods: Sequence[Goods], nouns: Sequence[str], split: str, seed: int) -> tuple[Said, ...]:
    """Sentences of the host, by synthetic_speech's sounds; no two of a split are alike."""

    def drawn(rng: Rng) -> str:
        one = choose(goods, rng)
        return choose(SENTENCES[split], rng).format(f"{one.colour} {nouns[one.label]}", int(rng.integers(2, 500)))

    return sentences(drawn, "host", split, seed)
