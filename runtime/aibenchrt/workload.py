"""What a component's own figures are measured with: the calls of its `workload` module, and what it says of its quality.

components/<component>/workload.py      WORKLOADS: tuple[Workload, ...], and optionally FIGURES: tuple[Figures, ...]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aibenchrt.component import Need
from aibenchrt.values import Values, Work


class OpenService(Protocol):
    def __call__(self, component: str, **settings: str | int) -> Work:
        """The component at work on the world that is measured, in this process; settings that are not given have their defaults."""


Figure = tuple[str, str]  # what was measured, and the value with its unit, for people


@dataclass(frozen=True)
class Workload:
    """Calls whose time is measured. requests: made from a world that gives what is needed, if need be by other components at work.

    needs: of the world, beside what the component itself needs under these settings. what: told apart from its other workloads.
    """

    requests: Callable[[Any, OpenService], Sequence[Values]]
    needs: tuple[Need, ...] = ()
    settings: Mapping[str, str | int] = field(default_factory=dict)
    what: str = ""


@dataclass(frozen=True)
class Figures:
    """What is said of the quality on held-out data, where the world gives the needs. worlds: data sets whose worlds alone have what is
    measured."""

    figures: Callable[[Any, OpenService], Sequence[Figure]]
    needs: tuple[Need, ...] = ()
    worlds: tuple[str, ...] = ()
