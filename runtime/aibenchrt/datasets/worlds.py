"""All worlds, each made by a data set's module. A scenario has one world, to which all its data sets belong.

    module_of(name).WORLDS.load(variant, seed, progress) ──▶ world ──▶ module_of(name).payloads(world, source, split)
                                                                                    └──▶ deriving(name).derived(world, payloads)

needs.py defines what components need from a world: a component serves any scenario whose world provides it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from aibenchrt.datasets.cache import DEFAULT_SEED, WorldCache
from aibenchrt.datasets.payload import Payload
from aibenchrt.datasets.rows import Provenance
from aibenchrt.datasets.sources.fetch import SourcePackage
from aibenchrt.datasets.specs import DATASETS, shared_worlds
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Plan, PlanRequest
from aibenchrt.progress import Progress, silent

if TYPE_CHECKING:
    from aibenchrt.datasets.arcade import dataset as arcade
    from aibenchrt.datasets.clips import dataset as clips
    from aibenchrt.datasets.faces import dataset as faces
    from aibenchrt.datasets.furniture_pictures import dataset as furniture_pictures
    from aibenchrt.datasets.live_show import dataset as live_show
    from aibenchrt.datasets.movielens_shop import dataset as movielens_shop
    from aibenchrt.datasets.needs import (
        AccountWorld,
        ArticleWorld,
        BoxedWorld,
        CaptionedWorld,
        CatalogueWorld,
        ChangedWorld,
        ClipWorld,
        EnrolledWorld,
        FaceWorld,
        HostedWorld,
        InteractionWorld,
        ItemWorld,
        KeyWorld,
        ParallelWorld,
        PhotoWorld,
        PicturedWorld,
        QueryWorld,
        SiteWorld,
        SnapshotWorld,
        SolidWorld,
        SpokenWorld,
        TurnedWorld,
        UserWorld,
        ViewWorld,
    )
    from aibenchrt.datasets.news import dataset as news
    from aibenchrt.datasets.translation import dataset as translation
    from aibenchrt.datasets.web_pages import dataset as web_pages


class AnyWorld(Protocol):
    """What every world has. version: sha256 of all content; variant: "real" or "synthetic"; provenance: where each part comes from."""

    @property
    def version(self) -> str: ...
    @property
    def variant(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def provenance(self) -> tuple[Provenance, ...]: ...


W = TypeVar("W", bound=AnyWorld)


class WorldModule(Protocol[W]):
    """A module that makes worlds of class W. WORLDS: makes, stores and loads them; PACKAGES: what its real variant is made from."""

    @property
    def WORLDS(self) -> WorldCache[W]: ...  # noqa: N802
    @property
    def PACKAGES(self) -> tuple[SourcePackage, ...]: ...  # noqa: N802

    def sizes(self, world: W) -> str:
        """A summary of the world's contents, such as '1,682 goods, 943 users'."""

    def payloads(self, world: W, source: str, split: str) -> list[Payload]:
        """The requests of one source and split ("train", "validation" or "test"), in order of their ids. ValueError: no such source."""


class DerivedModule(Protocol):
    """A data set's module that converts a world's requests to another form. PROVENANCE: of what it adds."""

    @property
    def PROVENANCE(self) -> tuple[Provenance, ...]: ...  # noqa: N802

    def derived(self, world: Any, payloads: Sequence[Payload]) -> list[Payload]:
        """Some of the payloads of one split in the new form, in their order, with their truth and ids. world: one of
        `DatasetSpec.worlds`."""


def worlds() -> tuple[str, ...]:
    """The names of the data sets that make a world, in the order of DATASETS."""
    return tuple(spec.name for spec in DATASETS.values() if spec.implemented and not spec.made_from)


def module_of(name: str) -> WorldModule[Any]:
    """The module of a data set that makes a world: <package>.dataset, by its spec. Each module accepts only worlds that it makes, hence
    Any.

    KeyError: no such data set.
    """
    return cast("WorldModule[Any]", _module(name))


def deriving(name: str) -> DerivedModule:
    """The module of a data set that is derived from another's requests. KeyError: no such data set."""
    return cast("DerivedModule", _module(name))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{DATASETS[name].package}.dataset")


if TYPE_CHECKING:
    # What DatasetSpec.gives declares for each, checked against the class of its worlds.
    class _Shop(SnapshotWorld, UserWorld, InteractionWorld, QueryWorld, PhotoWorld, SpokenWorld, Protocol): ...

    class _Site(SnapshotWorld, UserWorld, InteractionWorld, QueryWorld, SiteWorld, ArticleWorld, SpokenWorld, Protocol): ...

    class _Paper(SnapshotWorld, UserWorld, InteractionWorld, SpokenWorld, Protocol): ...

    class _Sentences(ParallelWorld, SpokenWorld, PicturedWorld, Protocol): ...

    class _Pictures(ItemWorld, BoxedWorld, TurnedWorld, ViewWorld, CatalogueWorld, CaptionedWorld, HostedWorld, Protocol): ...

    class _Faces(UserWorld, InteractionWorld, SpokenWorld, PicturedWorld, FaceWorld, EnrolledWorld, KeyWorld, AccountWorld, Protocol): ...

    class _Show(UserWorld, InteractionWorld, SpokenWorld, ViewWorld, ChangedWorld, ClipWorld, Protocol): ...

    class _Arcade(UserWorld, InteractionWorld, SpokenWorld, ViewWorld, ChangedWorld, SolidWorld, Protocol): ...

    class _Clips(UserWorld, InteractionWorld, SpokenWorld, ClipWorld, Protocol): ...

    _shop: _Shop = movielens_shop.WORLDS.load("real")
    _site: _Site = web_pages.WORLDS.load("real")
    _paper: _Paper = news.WORLDS.load("real")
    _sentences: _Sentences = translation.WORLDS.load("real")
    _pictures: _Pictures = furniture_pictures.WORLDS.load("real")
    _faces: _Faces = faces.WORLDS.load("real")
    _show: _Show = live_show.WORLDS.load("real")
    _arcade: _Arcade = arcade.WORLDS.load("real")
    _clips: _Clips = clips.WORLDS.load("real")


def world_name(plan: Plan) -> str:
    """The data set whose world all request classes share. EnvironmentFailure AIB672: they come from several worlds, or from an unknown
    one."""
    names = sorted({plan.datasets[request.dataset] for request in plan.requests})
    name = next(iter(shared_worlds(names)), "")
    if name not in worlds():
        raise EnvironmentFailure("AIB672", names=", ".join(names), known=", ".join(worlds()))
    return name


def world_module(plan: Plan) -> WorldModule[Any]:
    """The module of the plan's world. EnvironmentFailure: as for `world_name`."""
    return module_of(world_name(plan))


def make_world(name: str, variant: str, seed: int = DEFAULT_SEED, progress: Progress = silent) -> AnyWorld:
    """The world that a data set makes, in this variant. EnvironmentFailure AIB700: it has no such variant; others: as for
    `WorldCache.load`."""
    cache = module_of(name).WORLDS
    if variant not in cache.variants:
        raise EnvironmentFailure("AIB700", name=name, variant=variant, known=", ".join(cache.variants))
    world: AnyWorld = cache.load(variant, seed, progress)
    return world


def load_world(plan: Plan, variant: str, seed: int = DEFAULT_SEED, progress: Progress = silent) -> AnyWorld:
    """The plan's world; its data set declares what it provides. EnvironmentFailure: as for `world_name` and `make_world`."""
    return make_world(world_name(plan), variant, seed, progress)


def payloads_of(plan: Plan, request: PlanRequest, world: AnyWorld, split: str) -> list[Payload]:
    """The payloads of a request class in a split ("train", "validation" or "test"), in order of their ids.

    EnvironmentFailure: as for `world_name`. ValueError: its data set has no such source.
    """
    name, own = plan.datasets[request.dataset], world_name(plan)
    if name == own:
        return module_of(own).payloads(world, request.source, split)
    spec = DATASETS[name]
    if request.source not in [source.name for source in spec.sources]:
        raise ValueError(f"{name} has no source {request.source!r}")
    source = next(source for made_from, _, source in (entry.partition(".") for entry in spec.made_from) if made_from == own)
    return deriving(name).derived(world, module_of(own).payloads(world, source, split))


def provenance_of(name: str, world: AnyWorld) -> tuple[Provenance, ...]:
    """Where the parts of a data set come from: those of its world, and those that a derived data set adds."""
    return (*world.provenance, *(deriving(name).PROVENANCE if DATASETS[name].made_from else ()))
