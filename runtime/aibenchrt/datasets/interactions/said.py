"""Sentences that somebody says in a composed world, by synthetic_speech's sounds. It is not a voice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aibenchrt.datasets.draws import Rng, rng_of
from aibenchrt.datasets.sources.synthetic_speech import speak

MOST: Mapping[str, int] = {"train": 400, "validation": 24, "test": 40}  # each takes some milliseconds of CPU time to speak


@dataclass(frozen=True)
class Said:
    """wav: 16 kHz mono, 16-bit. text: what is said."""

    wav: bytes
    text: str


def spoken(text: str, seed: int) -> Said:
    return Said(speak(text, rng_of(seed, f"speech: {text}")), text)


def sentences(drawn: Callable[[Rng], str], who: str, split: str, seed: int) -> tuple[Said, ...]:
    """As many as MOST says; no two of a split are alike. drawn: a sentence of that split; who: says them, which seeds the draws."""
    rng = rng_of(seed, f"{who} in {split}")
    texts: dict[str, None] = {}
    while len(texts) < MOST[split]:
        texts[drawn(rng)] = None
    return tuple(spoken(text, seed) for text in texts)
