"""Every world: the implemented data sets, each a module that makes one. A scenario has one world: that of its implemented data set.

    WORLDS[name].load_world(form, seed, progress) ──▶ world ──▶ WORLDS[name].payloads(world, source, split)

What a component needs of a world is a Protocol of that component's own module (`pairs`, `utterances`, …), or the class `World` of
world.py; so a component serves any scenario whose world has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from aibenchrt.datasets.cache import DEFAULT_SEED
from aibenchrt.datasets.interactions.world import Provenance
from aibenchrt.datasets.movielens_shop import dataset as movielens_shop
from aibenchrt.datasets.news import dataset as news
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.translation import dataset as translation
from aibenchrt.datasets.web_pages import dataset as web_pages
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan
from aibenchrt.progress import Progress, silent


class AnyWorld(Protocol):
    """What all worlds have. version: sha256 of all content; form: "real" or "synthetic"; provenance: where each part comes from."""

    @property
    def version(self) -> str: ...
    @property
    def form(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def provenance(self) -> tuple[Provenance, ...]: ...


class WorldModule(Protocol):
    """A module of this folder that makes a world. FORMS: the forms it has; PACKAGES: what its real form is made from."""

    @property
    def FORMS(self) -> tuple[str, ...]: ...  # noqa: N802
    @property
    def PACKAGES(self) -> tuple[SourcePackage, ...]: ...  # noqa: N802

    def load_world(self, form: str, seed: int, progress: Progress) -> Any:
        """The world, made if it is not there yet. EnvironmentFailure: its data cannot be had; ValueError: no such form."""

    def world_folder(self, home: Path, form: str, seed: int) -> Path:
        """Where it is kept; changes with the code that makes it."""

    def stored_world(self, folder: Path) -> Any:
        """The world kept in `folder`, None where there is none; nothing is fetched or made."""

    def sizes(self, world: Any) -> str:
        """How much of what there is, for people: '1,682 goods, 943 users'."""

    def payloads(self, world: Any, source: str, split: str) -> list[Payload]:
        """The requests of one source and split ("train", "validation" or "test"), in order of their ids. ValueError: no such source."""


WORLDS: Mapping[str, WorldModule] = {
    "movielens_shop": movielens_shop,
    "web_pages": web_pages,
    "news": news,
    "translation": translation,
}


def world_name(plan: Plan) -> str:
    """The data set that all request classes share. EnvironmentFailure AIB613: they come from several worlds, or from one unknown."""
    names = sorted({plan.datasets[request.dataset] for request in plan.requests})
    if len(names) != 1 or names[0] not in WORLDS:
        raise EnvironmentFailure(
            "AIB613", f"the requests come from {', '.join(names)}, not from one world", f"take all from one of {', '.join(WORLDS)}"
        )
    return names[0]


def world_module(plan: Plan) -> WorldModule:
    """The module of the plan's world. EnvironmentFailure as `world_name`."""
    return WORLDS[world_name(plan)]


def load_world(plan: Plan, form: str, seed: int = DEFAULT_SEED, progress: Progress = silent) -> Any:
    """The plan's world: an AnyWorld with whatever its components ask of it. EnvironmentFailure as `world_name` and as the module."""
    return world_module(plan).load_world(form, seed, progress)
