"""Who watches, what they watched earlier, and what is said in a programme: composed. Nothing in a clip depends on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aibenchrt.datasets.draws import Rng, choose
from aibenchrt.datasets.faces.history import VALIDATION_START, as_users, earlier_payments
from aibenchrt.datasets.interactions.said import Said, sentences
from aibenchrt.datasets.interactions.served import standing
from aibenchrt.datasets.rows import Interactions, Item

__all__ = ["KINDS", "VALIDATION_START", "VIEWERS", "Said", "as_users", "kind_of", "programmes", "said", "watched"]

KINDS = ("crafts", "nature", "travel", "town")
_ABOUT: Mapping[str, tuple[str, ...]] = {
    "crafts": ("boats", "bread", "chairs", "clocks", "glass", "paper", "pottery", "violins"),
    "nature": ("birds", "forests", "leaves", "meadows", "rivers", "snow", "stones", "storms"),
    "travel": ("bridges", "coasts", "islands", "mountains", "railways", "roads", "ruins", "valleys"),
    "town": ("crossings", "gardens", "houses", "lamps", "markets", "squares", "stations", "towers"),
}
_TITLES = ("A Year of {}", "All About {}", "{} at Night", "{} in Spring", "Old {}")
VIEWERS = range(7001, 7161)

# The wording differs between splits, so that no transcript is in two of them.
_SENTENCES: Mapping[str, tuple[str, ...]] = {
    "train": ("here we see {} {}", "these are {} {}", "nobody counts the {} {}", "we came for {} {}"),
    "validation": ("look at the {} {}",),
    "test": ("there are {} {} here", "it took {} {} to begin"),
}
_HOW_MANY = ("two", "three", "nine", "old", "new", "grey", "green", "tall", "small", "quiet", "many", "few", "our", "their")


def _catalogue() -> list[tuple[int, str, int]]:
    """(id, title, kind) of every programme."""
    titles = [(form.format(about.capitalize()), label) for label, kind in enumerate(KINDS) for about in _ABOUT[kind] for form in _TITLES]
    return [(number, title, label) for number, (title, label) in enumerate(titles, start=1)]


def kind_of() -> dict[int, int]:
    """Programme → its kind."""
    return {number: label for number, _, label in _catalogue()}


def watched(seed: int) -> Interactions:
    """What viewers watched in a year, and how content they were, 1 to 5."""
    return earlier_payments(VIEWERS, [number for number, _, _ in _catalogue()], seed)


def programmes(seen: Interactions) -> tuple[Item, ...]:
    """Programmes as items, with their standing in the training period of `seen`. price: of seeing one, in euros."""
    rows = _catalogue()
    found = standing(np.array([number for number, _, _ in rows]), np.array([label for _, _, label in rows]), seen.of("train"))
    return tuple(
        Item(
            number, title, label, 1990 + number % 30, (KINDS[label],), tier, 2.5, count, popularity, rating, (),
            f"{title}. A programme of {KINDS[label]}.",
        )
        for (number, title, label), (tier, count, popularity, rating) in zip(rows, found, strict=True)
    )  # fmt: skip


def said(split: str, seed: int) -> tuple[Said, ...]:
    """Sentences of a narrator, by synthetic_speech's sounds; no two of a split are alike."""
    things: Sequence[str] = [about for kind in KINDS for about in _ABOUT[kind]]

    def drawn(rng: Rng) -> str:
        return choose(_SENTENCES[split], rng).format(choose(_HOW_MANY, rng), choose(things, rng))

    return sentences(drawn, "narrator", split, seed)
