"""Seeded random draws: one stream of random numbers per purpose, and choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Rng = np.random.Generator
_T = TypeVar("_T")


def rng_of(seed: int, purpose: str) -> Rng:
    """A separate stream for each purpose, so that a change in one leaves the others unchanged."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *purpose.encode()])))


def choose(options: Sequence[_T], rng: np.random.Generator) -> _T:
    return options[int(rng.integers(len(options)))]
