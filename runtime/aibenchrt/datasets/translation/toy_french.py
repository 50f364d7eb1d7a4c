"""A small subset of French with its English, for the synthetic translation world: simple sentences, composed by seed. Ours, Apache-2.0.

Word order differs (French adjectives follow their nouns), and articles and adjectives agree, so that there is something to learn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# (French, English, feminine)
NOUNS = (
    ("chat", "cat", False), ("chien", "dog", False), ("cheval", "horse", False), ("lapin", "rabbit", False), ("renard", "fox", False),
    ("canard", "duck", False), ("pigeon", "pigeon", False), ("mouton", "sheep", False), ("lion", "lion", False), ("tigre", "tiger", False),
    ("vache", "cow", True), ("souris", "mouse", True), ("poule", "hen", True), ("tortue", "turtle", True), ("grenouille", "frog", True),
    ("fille", "girl", True), ("dame", "lady", True), ("reine", "queen", True), ("roi", "king", False), ("marin", "sailor", False),
)  # fmt: skip
# (masculine, feminine, English)
ADJECTIVES = (
    ("noir", "noire", "black"), ("blanc", "blanche", "white"), ("vert", "verte", "green"), ("gris", "grise", "grey"),
    ("rouge", "rouge", "red"), ("jeune", "jeune", "young"), ("triste", "triste", "sad"), ("lent", "lente", "slow"),
    ("rapide", "rapide", "fast"), ("malade", "malade", "sick"),
)  # fmt: skip
VERBS = (("mange", "eats"), ("dort", "sleeps"), ("chante", "sings"), ("nage", "swims"), ("court", "runs"), ("tombe", "falls"))
SEEING = (("voit", "sees"), ("aime", "likes"), ("suit", "follows"), ("cherche", "seeks"))
ARTICLES = (("un", "une", "a"), ("le", "la", "the"), ("ce", "cette", "this"))


def sentences(count: int, rng: np.random.Generator) -> tuple[tuple[str, str], ...]:
    """`count` different pairs (French, English), in random order."""
    everything = sorted(set(_all()))
    order = rng.permutation(len(everything))[:count]
    return tuple(everything[place] for place in order)


def _all() -> Iterator[tuple[str, str]]:
    subjects = list(_subjects())
    for subject, english in subjects:
        yield subject, english
        for verb, does in VERBS:
            yield f"{subject} {verb}", f"{english} {does}"
    plain = [pair for pair in subjects if " " in pair[0] and len(pair[0].split()) == 2]
    for subject, english in plain:
        for verb, does in SEEING:
            for seen, shown in plain:
                yield f"{subject} {verb} {seen}", f"{english} {does} {shown}"


def _subjects() -> Iterator[tuple[str, str]]:
    for masculine, feminine, the in ARTICLES:
        for noun, animal, female in NOUNS:
            article = feminine if female else masculine
            yield f"{article} {noun}", f"{the} {animal}"
            for his, her, adjective in ADJECTIVES:
                yield f"{article} {noun} {her if female else his}", f"{the} {adjective} {animal}"
