"""Verification of persons by vectors: which captures are compared with whose template, and how often that goes wrong. Needs numpy.

As ISO/IEC 19795-1:2021 has it: every capture is a genuine trial against its own person's template, and an impostor's against templates of
others, drawn once. A person is in many trials, so intervals draw persons: a trial counts as often as all of its persons were drawn, both
of an impostor's (as the two-way bootstrap of Owen 2007, The Pigeonhole Bootstrap, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibenchrt.error_rates import Statistic, Trials, wrongly
from aibenchrt.train.measure import RESAMPLES, Measurement

FALSE_ACCEPT = 0.01  # share of validation persons' impostor trials that the threshold lets pass, at most
EQUAL, ACCEPT, REJECT = "equal_error_rate", "false_accept_rate", "false_reject_rate"

Vectors = NDArray[Any]  # (n, width), each of unit length


@dataclass(frozen=True)
class Pairs:
    """(n,) each: the row of the capture, and as numbers from 0 in rising order of ids whose template it is compared with, and whose it
    is."""

    capture: NDArray[np.int64]
    claimed: NDArray[np.int64]
    true: NDArray[np.int64]
    persons: int

    @property
    def genuine(self) -> NDArray[np.bool_]:
        same: NDArray[np.bool_] = self.claimed == self.true
        return same


def pairs_of(persons: NDArray[np.int64], others: int, seed: int) -> Pairs:
    """persons: (n,) whose each capture is. Every capture with its own person's template, and with those of `others` other persons, or of
    all if there are fewer. ValueError: there are not two persons."""
    known, own = np.unique(persons, return_inverse=True)
    if len(known) < 2:
        raise ValueError("verification needs captures of at least two persons")
    rng = np.random.default_rng(seed)
    drawn = np.argsort(rng.random((len(own), len(known) - 1)), axis=1)[:, :others]  # of the others in order, each at most once
    claimed = np.concatenate([own[:, None], drawn + (drawn >= own[:, None])], axis=1)
    rows = np.repeat(np.arange(len(own)), claimed.shape[1])
    return Pairs(rows, claimed.ravel().astype(np.int64), own[rows].astype(np.int64), len(known))


def templates(vectors: Vectors, persons: NDArray[np.int64]) -> Vectors:
    """(persons, width): of each person, in rising order of ids, the direction of the mean of the vectors made at enrolment."""
    known, own = np.unique(persons, return_inverse=True)
    sums = np.zeros((len(known), vectors.shape[1]))
    np.add.at(sums, own, vectors)
    directions: Vectors = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return directions


def similarities(pairs: Pairs, captured: Vectors, of_persons: Vectors) -> NDArray[np.float64]:
    """(n,) the cosine of each pair. captured: of all captures; of_persons: `templates` of all persons."""
    cosines: NDArray[np.float64] = np.einsum("nw,nw->n", captured[pairs.capture], of_persons[pairs.claimed], dtype=np.float64)
    return cosines


@dataclass(frozen=True)
class Verified:
    """What a model, or a baseline, did with the pairs. scores: (n,). threshold: chosen on other persons."""

    pairs: Pairs
    scores: NDArray[np.float64]
    threshold: float

    @property
    def trials(self) -> Trials:
        return Trials(self.pairs.genuine, self.scores)

    @property
    def decidability(self) -> float:
        """How far apart the scores of both kinds are, in their deviations: d′ of Daugman 2000, Biometric Decision Landscapes. Of few trials
        it varies less than a rate of errors."""
        genuine = self.pairs.genuine
        own, others = self.scores[genuine], self.scores[~genuine]
        deviation = float(np.sqrt((own.var() + others.var()) / 2))
        return float(own.mean() - others.mean()) / max(deviation, 1e-12)

    def statistics(self) -> Mapping[str, Statistic]:
        trials = self.trials
        return {
            EQUAL: trials.equal_error_rate,
            REJECT: trials.wrongly(accepted=False, threshold=self.threshold),
            ACCEPT: trials.wrongly(accepted=True, threshold=self.threshold),
        }

    def measured(self, seed: int) -> dict[str, Measurement]:
        """The equal error rate, and both rates at the threshold."""
        return {name: by_person(statistic, self.pairs, seed) for name, statistic in self.statistics().items()}

    def gains_over(self, other: Verified, seed: int) -> dict[str, Measurement]:
        """By how much lower the equal error rate and the false reject rate are than the other's on the same pairs, of which each person's
        are drawn for both."""
        mine, theirs = self.statistics(), other.statistics()
        return {name: by_person(_difference(theirs[name], mine[name]), self.pairs, seed) for name in (EQUAL, REJECT)}


@dataclass(frozen=True)
class Curve:
    """Rates of both errors at falling thresholds, as many as a picture shows; chosen: both at the chosen one."""

    name: str
    false_accept: tuple[float, ...]
    false_reject: tuple[float, ...]
    chosen: tuple[float, float]


@dataclass(frozen=True)
class Curves:
    of: tuple[Curve, ...]


POINTS = 60  # of a curve, evenly on the logarithm of false accepts


def curve_of(name: str, verified: Verified) -> Curve:
    """The least false rejects at each of POINTS shares of false accepts, from that of a single one to all."""
    drawn = verified.trials.tradeoff()
    assert drawn is not None, "pairs_of makes both kinds"
    wanted = np.geomspace(1 / max(1, int((~verified.pairs.genuine).sum())), 1.0, POINTS)
    at = np.unique(np.searchsorted(drawn.false_accept, wanted * (1 + 1e-9), side="right") - 1)
    once = np.ones(len(verified.scores))
    chosen = (verified.statistics()[ACCEPT](once), verified.statistics()[REJECT](once))
    accepts, rejects = (tuple(round(float(rate), 6) for rate in rates[at]) for rates in (drawn.false_accept, drawn.false_reject))
    return Curve(name, accepts, rejects, (round(chosen[0], 6), round(chosen[1], 6)))


def _difference(first: Statistic, then: Statistic) -> Statistic:
    return lambda counts: first(counts) - then(counts)


def by_person(statistic: Statistic, pairs: Pairs, seed: int) -> Measurement:
    """A statistic over pairs, with a percentile bootstrap over persons."""
    genuine = pairs.genuine
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        times = np.bincount(rng.integers(pairs.persons, size=pairs.persons), minlength=pairs.persons).astype(np.float64)
        values.append(statistic(times[pairs.true] * np.where(genuine, 1.0, times[pairs.claimed])))
    low, high = np.nanquantile(values, (0.025, 0.975))
    value = statistic(np.ones(len(genuine)))
    number, persons = len(genuine), pairs.persons
    return Measurement(round(value, 6), round(float(low), 6), round(float(high), 6), number, f"bootstrap over {persons} persons")


def share_accepted(scores: NDArray[np.float64], persons: NDArray[np.int64], threshold: float, seed: int) -> Measurement:
    """Of attempts that must be refused, each against its person's own template, such as printed photos: the share that is accepted."""
    known, own = np.unique(persons, return_inverse=True)
    alone = Pairs(np.arange(len(own)), own.astype(np.int64), own.astype(np.int64), len(known))
    return by_person(wrongly(np.zeros(len(own), dtype=bool), scores >= threshold, accepted=True), alone, seed)
