"""What a model that trains on its scenario's path learns from: requests as they reached it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aibenchrt.values import Values

if TYPE_CHECKING:
    from aibenchrt.answers import Truth


@dataclass(frozen=True)
class Sample:
    """One request as it reached the stage: its inputs, the truth and who asked (where it names no user, the request itself)."""

    inputs: Values
    truth: Truth
    user_id: int
    request_class: str
    part: str


@dataclass(frozen=True)
class Samples:
    """training: what a model learns from. choosing: what chooses its epoch. seen, held_out: what only measures it; `seen` is separate
    because its figures were known when settings were chosen."""

    training: Sequence[Sample]
    choosing: Sequence[Sample]
    seen: Sequence[Sample]
    held_out: Sequence[Sample]
