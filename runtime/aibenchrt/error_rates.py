"""Rates of wrong acceptance and wrong refusal over trials (ISO/IEC 19795-1:2021), with weighted trials, so that a bootstrap is cheap.

A trial has a score, the higher, the more certain that accepting is right; at a threshold it is accepted if the score is at least that. A
score that is no number is below all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], float]  # how often each trial counts → the value; NaN if nothing that counts can be scored


@dataclass(frozen=True)
class Tradeoff:
    """What falling thresholds do, beginning with one that nothing reaches: false_accept rises from 0 to 1, false_reject falls from 1 to 0.

    threshold: of each point, the lowest score that is accepted; infinite at first.
    """

    threshold: Array
    false_accept: Array
    false_reject: Array

    @property
    def equal_error_rate(self) -> float:
        """Where both rates are the same, on straight lines between the points."""
        at = int(np.argmax(self.false_accept >= self.false_reject))
        before = self.false_reject[at - 1] - self.false_accept[at - 1]
        beyond = self.false_accept[at] - self.false_reject[at]
        rise = self.false_accept[at] - self.false_accept[at - 1]
        return float(self.false_accept[at - 1] + rise * before / (before + beyond))


class Trials:
    """genuine, scores: (n,), of each trial: whether it must be accepted, and its score."""

    def __init__(self, genuine: Sequence[bool] | NDArray[np.bool_], scores: Sequence[float] | Array) -> None:
        self.genuine = np.asarray(genuine, dtype=bool)
        self.scores = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        self._order = np.argsort(-self.scores, kind="stable")
        falling = self.scores[self._order]
        self._last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.zeros(0, dtype=np.int64)

    def tradeoff(self, counts: Array | None = None) -> Tradeoff | None:
        """counts: (n,) how often each trial counts; once, if not given. None: not both kinds of trial count."""
        weight = np.ones(len(self.scores)) if counts is None else np.asarray(counts, dtype=np.float64)
        accepted = [np.cumsum((weight * kind)[self._order])[self._last] for kind in (~self.genuine, self.genuine)]
        if not all(len(sums) and sums[-1] > 0 for sums in accepted):
            return None
        wrongly, rightly = (np.append(0.0, sums / sums[-1]) for sums in accepted)
        return Tradeoff(np.append(np.inf, self.scores[self._order][self._last]), wrongly, 1.0 - rightly)

    def equal_error_rate(self, counts: Array) -> float:
        """A `Statistic`."""
        drawn = self.tradeoff(counts)
        return float("nan") if drawn is None else drawn.equal_error_rate

    def wrongly(self, accepted: bool, threshold: float) -> Statistic:
        """accepted: the fraction accepted at the threshold of those to be refused; otherwise that refused of the others."""
        return wrongly(self.genuine, self.scores >= threshold, accepted)

    def threshold_for(self, false_accept: float) -> float:
        """The lowest threshold at which at most this share of those to be refused is accepted. ValueError: there are not both kinds."""
        whole = self.tradeoff()
        if whole is None:
            raise ValueError("a threshold needs trials to accept and trials to refuse")
        return float(whole.threshold[np.flatnonzero(whole.false_accept <= false_accept)[-1]])


def wrongly(genuine: Sequence[bool] | NDArray[np.bool_], decided: Sequence[bool] | NDArray[np.bool_], accepted: bool) -> Statistic:
    """(n,), (n,): what must be accepted, and what was. accepted: the fraction accepted of those to be refused; otherwise the fraction
    refused of those to be accepted."""
    tried = (np.asarray(genuine, dtype=bool) != accepted).astype(np.float64)
    wrong = tried * (np.asarray(decided, dtype=bool) == accepted)

    def statistic(counts: Array) -> float:
        whole = float(counts @ tried)
        return float(counts @ wrong) / whole if whole else float("nan")

    return statistic
