"""Language detection: naive Bayes over runs of three characters (Dunning 1994; smoothed as in Lui and Baldwin 2012, langid.py).

The languages are those of the world's sentence pairs. A text is read as its lower-cased words, with a space before, between and after them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.query_parsing.terms import words
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ParallelWorld

LENGTH = 3
_TARGET = "en"
_FILE = "runs.json"


def prepare(world: ParallelWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - it has no settings
    """Writes the number of occurrences of each character n-gram in the training sentences of each language."""
    training = world.pairs("train")
    counts = {world.language: _counted(training.source), _TARGET: _counted(training.target)}
    (folder / _FILE).write_text(json.dumps(counts, ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, keeps nothing
    return Detector(json.loads((folder / _FILE).read_bytes()))


def runs(text: str) -> list[str]:
    """The text's n-grams of LENGTH characters, in order; empty for a text without words."""
    read = words(text)
    padded = f" {' '.join(read)} " if read else ""
    return [padded[start : start + LENGTH] for start in range(len(padded) - LENGTH + 1)]


def _counted(sentences: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(run for sentence in sentences for run in runs(sentence)).items()))


class Detector:
    """Implements `Work`. counts: language → n-gram → number of occurrences. All languages are equally likely a priori."""

    def __init__(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        kinds = len({run for own in counts.values() for run in own})
        totals = {language: sum(own.values()) + kinds for language, own in counts.items()}
        self._unseen = {language: -math.log(total) for language, total in totals.items()}
        self._log = {
            language: {run: math.log((count + 1) / totals[language]) for run, count in own.items()} for language, own in counts.items()
        }

    def __call__(self, inputs: Values) -> Values:
        shares = self.probabilities(inputs["text"]["text"])
        language = max(shares, key=lambda name: (shares[name], name))
        return {"report": {"text": f"{language} {shares[language]:.3f}"}}

    def probabilities(self, text: str) -> dict[str, float]:
        """Language → its probability."""
        score = {language: sum(known.get(run, self._unseen[language]) for run in runs(text)) for language, known in self._log.items()}
        most = max(score.values())
        weight = {language: math.exp(value - most) for language, value in score.items()}
        return {language: value / sum(weight.values()) for language, value in weight.items()}
