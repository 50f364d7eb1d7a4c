"""What components need of a world, and worlds give: each as a Protocol, and as the `Need` that specs declare. Standard library only.

A component declares needs (`ComponentSpec.needs`, `needs_if`) and annotates the world that it is given with their protocols; a data set
declares what its world gives (`DatasetSpec.gives`). The compiler compares the two, mypy the protocols with the worlds' classes, and a test
looks whether a world that declares something is not empty of it. A world is more than its class: that of `news` has a place for photos,
but no photos, and does not give them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from aibenchrt.component import Need

if TYPE_CHECKING:
    from aibenchrt.datasets.rows import Interactions, Item, PhotoQuery, Photos, Query, User


@runtime_checkable
class ItemWorld(Protocol):
    """categories: names, in the order of their labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def items(self) -> Sequence[Item]: ...


@runtime_checkable
class UserWorld(Protocol):
    @property
    def users(self) -> Sequence[User]: ...


@runtime_checkable
class InteractionWorld(ItemWorld, Protocol):
    """validation_start: the end of the training period, in Unix seconds; what is served knows nothing of later."""

    @property
    def interactions(self) -> Interactions: ...
    @property
    def validation_start(self) -> int: ...


@runtime_checkable
class SnapshotWorld(Protocol):
    """What a model that trains on its scenario's path needs (`Material.PATH`), whatever the world is of.

    rank_start: when, in Unix seconds, the last stretch of the training period begins. Its requests (those of `Payload.part` "rank") train
    the model, as they reach it with everything else as it stood at `rank_start`.
    """

    @property
    def rank_start(self) -> int: ...
    def snapshot(self, time: int) -> Self:
        """The world as it stood at a time of the training period, with a version of its own; its requests stay as they are."""


@runtime_checkable
class QueryWorld(Protocol):
    def queries_of(self, split: str, part: str | None = None) -> Sequence[Query]:
        """Of "train" (part: "fit", "rank" or both), "validation" or "test"; their texts are what people typed."""


class SearchedWorld(ItemWorld, QueryWorld, Protocol):
    """For components with both needs."""


@runtime_checkable
class PhotoWorld(Protocol):
    """photos: labelled with a category each. categories: names, in the order of their labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def photos(self) -> Photos: ...
    def photo_queries_of(self, split: str, part: str | None = None) -> Sequence[PhotoQuery]:
        """Of "train" (part: "fit", "rank" or both), "validation" or "test"."""


@runtime_checkable
class SiteWorld(Protocol):
    """pages: URL path → HTML of the whole site, '/' its entrance, '/robots.txt' plain text. urls: item id → the path of its page."""

    @property
    def pages(self) -> Mapping[str, str]: ...
    @property
    def urls(self) -> Mapping[int, str]: ...


class Article(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def summary(self) -> str: ...


@runtime_checkable
class ArticleWorld(Protocol):
    def articles(self, split: str) -> Sequence[Article]:
        """Of "train", "validation" or "test"."""


class Sides(Protocol):
    """Equally long: sentences, and their translations."""

    @property
    def source(self) -> tuple[str, ...]: ...
    @property
    def target(self) -> tuple[str, ...]: ...


@runtime_checkable
class ParallelWorld(Protocol):
    """language: of the sources, as 'fr'; the translations are English."""

    @property
    def language(self) -> str: ...
    def pairs(self, split: str) -> Sides:
        """Of "train", "validation" or "test"; no sentence is in two of them."""


class Spoken(Protocol):
    """wav: 16 kHz mono, 16-bit. text: what is said."""

    @property
    def wav(self) -> bytes: ...
    @property
    def text(self) -> str: ...


@runtime_checkable
class SpokenWorld(Protocol):
    def utterances(self, split: str) -> Sequence[Spoken]:
        """Of "train", "validation" or "test"; no transcript is in two of them."""


class Pictured(Protocol):
    """png: one line of text, 8-bit grey. text: what it says."""

    @property
    def png(self) -> bytes: ...
    @property
    def text(self) -> str: ...


@runtime_checkable
class PicturedWorld(Protocol):
    def lines(self, split: str) -> Sequence[Pictured]:
        """Of "train", "validation" or "test"; no text is in two of them."""


ITEMS = Need("items", "categorised items with texts", ItemWorld)
USERS = Need("users", "users with records and histories", UserWorld)
INTERACTIONS = Need("interactions", "interactions of users with items over time", InteractionWorld)
SNAPSHOTS = Need("snapshots", "snapshots of an earlier time, and later requests to train on", SnapshotWorld)
QUERIES = Need("queries", "typed queries with the items they wanted", QueryWorld)
PHOTOS = Need("photos", "photos labelled with categories", PhotoWorld)
SITE = Need("site", "a site of pages", SiteWorld)
SUMMARIES = Need("summaries", "texts with summaries", ArticleWorld)
PAIRS = Need("pairs", "sentences with translations", ParallelWorld)
UTTERANCES = Need("utterances", "utterances with transcripts", SpokenWorld)
LINES = Need("lines", "pictures of lines of text", PicturedWorld)

NEEDS: tuple[Need, ...] = (ITEMS, USERS, INTERACTIONS, SNAPSHOTS, QUERIES, PHOTOS, SITE, SUMMARIES, PAIRS, UTTERANCES, LINES)
