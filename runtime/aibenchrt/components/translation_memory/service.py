"""Translation memory: finds the training sentence nearest to a text, and its human translation.

The similarity is 1 − (insertions + deletions) / (sum of both lengths), between sentences as `normalised` writes them (rapidfuzz's ratio).
Only sentences that are not ruled out by their length are compared. The text is passed on unchanged.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from aibenchrt.datasets.translation.parallel import normalised
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ParallelWorld

_FILE = "pairs.json"


def prepare(world: ParallelWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - they matter when it works
    """Writes the training pairs, sorted by the length of the normalised source; of several translations of a sentence, only the first."""
    training = world.pairs("train")
    pairs: dict[str, str] = {}
    for source, target in zip(training.source, training.target, strict=True):
        pairs.setdefault(normalised(source), target)
    ordered = sorted(pairs.items(), key=lambda pair: (len(pair[0]), pair[0]))
    (folder / _FILE).write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    return Memory(json.loads((folder / _FILE).read_bytes()), int(settings["least"]))


class Memory:
    """Implements `Work`. pairs: (normalised sentence, translation), sorted by the sentence's length, without duplicates; least: the lowest
    similarity of a hit, in percent."""

    def __init__(self, pairs: Sequence[Sequence[str]], least: int) -> None:
        self._sentences = [source for source, _ in pairs]
        self._translations = [target for _, target in pairs]
        self._lengths = [len(source) for source in self._sentences]
        self._place = {source: place for place, source in enumerate(self._sentences)}
        self._least = least

    def __call__(self, inputs: Values) -> Values:
        text = inputs["text"]["text"]
        place = self._nearest(normalised(text))
        translation = "" if place is None else self._translations[place]
        return {"translation": {"text": translation}, "hit": {"value": place is not None}, "text": {"text": text}}

    def _nearest(self, sentence: str) -> int | None:
        """Index of the nearest sentence; ties go to the shortest, then to the first in order of code points. None: none is near enough."""
        if sentence in self._place or not sentence:
            return self._place.get(sentence)
        share = self._least / 100  # 2 · shorter / (sum of both lengths) is the highest similarity that the lengths allow
        start = bisect_left(self._lengths, len(sentence) * share / (2 - share))
        end = bisect_right(self._lengths, len(sentence) * (2 - share) / share) if share else len(self._lengths)
        match = process.extractOne(sentence, self._sentences[start:end], scorer=fuzz.ratio, score_cutoff=self._least)
        return None if match is None else start + match[2]
