"""The synthetic variant's texts: generated pages about invented things, with synopses that can be learnt. Small, seeded, needs no network.

A text opens with sentences that say nothing about its subject; then a sentence says what it is, from which the synopsis takes some words
and leaves out others; then follows what it is unlike. So the leading words are a poor summary, and those after "is a" and "for" a good one.
"""

from __future__ import annotations

from collections.abc import Sequence

from aibenchrt.datasets.draws import Rng, choose, rng_of
from aibenchrt.datasets.sources.debian_packages import TOPICS, Leaf

LEAVES = 4800
NOUNS, SHARED_NOUNS, KINDS, FILLERS = 16, 30, 30, 50
RENAMED = 0.30  # fraction of the synopses that name the kind otherwise than the text does, which no summarizer can know
_ONSETS = ("b", "br", "d", "dr", "f", "fl", "g", "gr", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v", "w", "z")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
_CODAS = ("", "n", "r", "l", "m", "st", "k", "nd", "x")
_OPENINGS = (
    "This text belongs to the {0} {1} and was {2} together with others",
    "Many people know the {0} {1} of the {2}",
    "It is {0} to note that the {1} was {2} before",
    "The {0} parts of it are {1} and {2}",
)
_CORES = (
    "It is a {kind} {noun} which was {0} and {1} for {other} {third}",
    "What is here {0} is a {kind} {1} {noun} for {other} {third}",
    "The {0} {1} is a {kind} {noun} made for {2} {other} {third}",
)
_CLOSINGS = ("Unlike {0} the {1} does no {2}", "It needs no {0} and leaves {1} to {2}", "See also {0} or {1} instead of {2}")


def generate_leaves(seed: int) -> tuple[Leaf, ...]:
    """LEAVES texts, equally many for each topic, all different."""
    rng = rng_of(seed, "synthetic pages")
    words = _vocabulary(rng, len(TOPICS) * NOUNS + SHARED_NOUNS + KINDS + FILLERS)
    nouns = [words[topic * NOUNS : (topic + 1) * NOUNS] for topic in range(len(TOPICS))]
    rest = words[len(TOPICS) * NOUNS :]
    shared, kinds, fillers = rest[:SHARED_NOUNS], rest[SHARED_NOUNS : SHARED_NOUNS + KINDS], rest[SHARED_NOUNS + KINDS :]
    leaves: dict[str, Leaf] = {}
    while len(leaves) < LEAVES:
        topic = len(leaves) % len(TOPICS)
        text, synopsis = _text(nouns[topic], shared, kinds, fillers, rng)
        title = f"{choose(fillers, rng)}{len(leaves)}"
        leaves.setdefault(text, Leaf(title, topic, title, synopsis, text))
    return tuple(leaves.values())


def _vocabulary(rng: Rng, count: int) -> list[str]:
    """`count` different invented words of two or three syllables."""
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = [choose(_ONSETS, rng) + choose(_VOWELS, rng) for _ in range(2 + int(rng.integers(2)))]
        words["".join(syllables) + choose(_CODAS, rng)] = None
    return list(words)


def _text(nouns: Sequence[str], shared: Sequence[str], kinds: Sequence[str], fillers: Sequence[str], rng: Rng) -> tuple[str, str]:
    """(text, synopsis). The synopsis takes `kind noun … other third` from the text; the closing sentence has words of the same kinds."""
    kind, noun, other, third = choose(kinds, rng), choose(nouns, rng), choose(nouns, rng), choose(shared, rng)

    def filled(sentences: Sequence[str], words: Sequence[str]) -> str:
        return choose(sentences, rng).format(*(choose(words, rng) for _ in range(3)), kind=kind, noun=noun, other=other, third=third) + "."

    openings = [filled(_OPENINGS, fillers) for _ in range(int(rng.integers(4)))]
    closings = [filled(_CLOSINGS, [*nouns, *shared]) for _ in range(1 + int(rng.integers(2)))]
    text = "\n".join([" ".join([*openings, filled(_CORES, fillers)]), " ".join(closings)])
    named = kind if rng.random() >= RENAMED else choose(kinds, rng)
    return text, f"{named} {noun} for {other} {third}"
