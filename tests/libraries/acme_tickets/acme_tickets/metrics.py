"""top@k: whether the true label is among the first k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aibenchrt.answers import Label


def among_first(truths: Sequence[int], answers: Sequence[Label], depth: int) -> Any:
    """One value for each answer: 1 where the truth is among its first `depth` labels, else 0."""
    import numpy as np

    return np.array([float(truth in answer.labels[:depth]) for truth, answer in zip(truths, answers, strict=True)])
