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
        """Opens the component on the measured world in this process; settings that are not given have their defaults."""


Figure = tuple[str, str]  # what was measured, and the value with its unit, for people


@dataclass(frozen=True)
class Workload:
    """Calls whose time is measured. requests: made from a world that gives the needs, if necessary by running other components.

    needs: from the world, in addition to what the component itself needs under these settings. what: distinguishes it from the component's
    other workloads.
    """

    requests: Callable[[Any, OpenService], Sequence[Values]]
    needs: tuple[Need, ...] = ()
    settings: Mapping[str, str | int] = field(default_factory=dict)
    what: str = ""


@dataclass(frozen=True)
class Figures:
    """Quality figures on held-out data, for worlds that give the needs. worlds: the only data sets whose worlds have what is measured."""

    figures: Callable[[Any, OpenService], Sequence[Figure]]
    needs: tuple[Need, ...] = ()
    worlds: tuple[str, ...] = ()
