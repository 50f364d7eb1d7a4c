"""Translation memory: the training sentence nearest to a text, and how people translated it.

Nearness is 1 − (insertions + deletions) / (both lengths), of what `normalised` leaves of the sentences (rapidfuzz's ratio); it is looked
for among sentences whose length alone does not rule them out. The text goes on as it came.
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
    """The training pairs in order of the normalised source's length; of several translations of a sentence the first."""
    training = world.pairs("train")
    pairs: dict[str, str] = {}
    for source, target in zip(training.source, training.target, strict=True):
        pairs.setdefault(normalised(source), target)
    ordered = sorted(pairs.items(), key=lambda pair: (len(pair[0]), pair[0]))
    (folder / _FILE).write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing
    return Memory(json.loads((folder / _FILE).read_bytes()), int(settings["least"]))


class Memory:
    """The Work. pairs: (normalised sentence, translation) in order of the sentence's length, each sentence once; least: percent."""

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
        """The nearest sentence; of equally near ones the shortest, then the first in order of code points; None: none is near enough."""
        if sentence in self._place or not sentence:
            return self._place.get(sentence)
        share = self._least / 100  # 2 · shorter / (both lengths) is the most that two lengths allow
        start = bisect_left(self._lengths, len(sentence) * share / (2 - share))
        end = bisect_right(self._lengths, len(sentence) * (2 - share) / share) if share else len(self._lengths)
        match = process.extractOne(sentence, self._sentences[start:end], scorer=fuzz.ratio, score_cutoff=self._least)
        return None if match is None else start + match[2]
