"""The training data of a model that trains on its scenario's path: requests as they reached it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aibenchrt.values import Values

if TYPE_CHECKING:
    from aibenchrt.answers import Truth


@dataclass(frozen=True)
class Sample:
    """One request as it reached the stage: inputs and truth. user_id: its sender, or a negative number for the request if it names none."""

    inputs: Values
    truth: Truth
    user_id: int
    request_class: str
    part: str


@dataclass(frozen=True)
class Samples:
    """training: for training a model. choosing: for choosing its epoch. seen, held_out: for measuring it only; `seen` is separate because
    its figures were known when settings were chosen."""

    training: Sequence[Sample]
    choosing: Sequence[Sample]
    seen: Sequence[Sample]
    held_out: Sequence[Sample]
