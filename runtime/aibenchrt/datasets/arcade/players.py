"""Who plays, which textures they bought in the game's shop earlier, and what they say to each other: composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.faces.history import VALIDATION_START, as_users, earlier_payments
from aibenchrt.datasets.interactions.said import Said, sentences
from aibenchrt.datasets.interactions.served import standing
from aibenchrt.datasets.rows import Interactions, Item

__all__ = ["VALIDATION_START", "Said", "as_users", "purchases", "said", "skins_as_items"]

# The wording differs between splits, so that no transcript is in two of them.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "train": (
        "meet me at the {0} in {1} seconds",
        "defend the {0} for {1} seconds",
        "i need {1} more for the {0}",
        "{1} of us go to the {0}",
    ),
    "validation": ("wait behind the {0} for {1} seconds",),
    "test": ("hide in the {0} for {1} seconds", "they have {1} at the {0}"),
}


def purchases(players: Sequence[int], skins: Sequence[int], seed: int) -> Interactions:
    """The textures that players bought in a year, and how content they were, 1 to 5."""
    return earlier_payments(players, skins, seed)


def skins_as_items(skins: Sequence[tuple[int, str, int]], kinds: Sequence[str], bought: Interactions, seed: int) -> tuple[Item, ...]:
    """Textures, given as (id, name, label), as what the game's shop sells, with their standing in the training period of `bought`."""
    rng = rng_of(seed, "prices of textures")
    ids, labels = np.array([one for one, _, _ in skins]), np.array([label for _, _, label in skins])
    found = standing(ids, labels, bought.of("train"))
    return tuple(
        Item(
            number, name, label, 0, (kinds[label],), tier, round(float(rng.uniform(0.5, 9.5)), 2), count, popularity, rating, (),
            f"{name}. A texture of {kinds[label]}.",
        )
        for (number, name, label), (tier, count, popularity, rating) in zip(skins, found, strict=True)
    )  # fmt: skip


def said(nouns: Sequence[str], split: str, seed: int) -> tuple[Said, ...]:
    """What players say, by synthetic_speech's sounds; no two of a split are alike."""

    def drawn(rng: Rng) -> str:
        return choose(SENTENCES[split], rng).format(choose(nouns, rng), int(rng.integers(2, 100)))

    return sentences(drawn, "players", split, seed)
