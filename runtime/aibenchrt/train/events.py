"""The events that training emits, from which progress texts (`progress_text`) and learning curves are rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Begun:
    """Training begins: its data are ready."""


@dataclass(frozen=True)
class Epoch:
    """The value of a metric on a split of the data after epoch n (from 1) of at most `of`.

    split: 'validation', or 'train'. metric: as the component declares it, or 'loss'. An epoch with several metrics emits several events.
    """

    n: int
    split: str
    metric: str
    value: float
    of: int


@dataclass(frozen=True)
class Batches:
    """Progress within epoch n of `of`: the fraction of its batches that are done, in [0, 1]."""

    n: int
    fraction: float
    of: int


@dataclass(frozen=True)
class SideWork:
    """Work outside the epochs. what: its name in progress messages; fraction: of the whole training that is done when it begins, in [0,
    1]."""

    what: str
    fraction: float


Event = Begun | Epoch | Batches | SideWork
Tell = Callable[[Event], None]


def untold(_event: Event) -> None:
    """Ignores the event, for training without progress output."""
