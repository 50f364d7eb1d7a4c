"""What components need from a world and worlds provide: each as a Protocol, and as the `Need` that specs declare. Standard library only.

A component declares its needs (`ComponentSpec.needs`, `needs_if`), and annotates the world that it receives with their protocols; a data
set declares what its world provides (`DatasetSpec.gives`). The compiler compares the two, mypy compares the protocols with the worlds'
classes, and a test checks that a world really contains what it declares: the class of the `news` world has a field for photos, but that
world has no photos and does not declare them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from aibenchrt.component import Need

if TYPE_CHECKING:
    from aibenchrt.datasets.rows import Interactions, Item, PhotoQuery, Photos, Query, User


@runtime_checkable
class ItemWorld(Protocol):
    """A world of items. categories: names, in the order of their labels."""

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
    """A world of interactions. validation_start: the end of the training period, in Unix seconds; nothing later is used for serving."""

    @property
    def interactions(self) -> Interactions: ...
    @property
    def validation_start(self) -> int: ...


@runtime_checkable
class SnapshotWorld(Protocol):
    """What a model that trains on its scenario's path needs (`Material.PATH`), whatever the world contains.

    rank_start: the beginning of the last part of the training period, in Unix seconds. Its requests (those with "rank" as `Payload.part`)
    train the model, as they reach it when everything else uses only data from before `rank_start`.
    """

    @property
    def rank_start(self) -> int: ...
    def snapshot(self, time: int) -> Self:
        """The world as it was at a time (Unix seconds) in the training period, with its own version; its requests stay as they are."""


@runtime_checkable
class QueryWorld(Protocol):
    def queries_of(self, split: str, part: str | None = None) -> Sequence[Query]:
        """The queries of "train" (part: "fit", "rank" or, if None, both), "validation" or "test"; their texts are as typed."""


class SearchedWorld(ItemWorld, QueryWorld, Protocol):
    """A world of items and queries."""


@runtime_checkable
class PhotoWorld(Protocol):
    """A world of photos, each labelled with a category. categories: names, in the order of their labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def photos(self) -> Photos: ...
    def photo_queries_of(self, split: str, part: str | None = None) -> Sequence[PhotoQuery]:
        """The photo requests of "train" (part: "fit", "rank" or, if None, both), "validation" or "test"."""


@runtime_checkable
class SiteWorld(Protocol):
    """A world with a site. pages: URL path → HTML, with '/' the front page and '/robots.txt' plain text. urls: item id → path of its
    page."""

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
        """The articles of "train", "validation" or "test"."""


class Sides(Protocol):
    """Sentences and their translations, equally many of both."""

    @property
    def source(self) -> tuple[str, ...]: ...
    @property
    def target(self) -> tuple[str, ...]: ...


@runtime_checkable
class ParallelWorld(Protocol):
    """A world of sentence pairs. language: of the sources, such as 'fr'; the translations are English."""

    @property
    def language(self) -> str: ...
    def pairs(self, split: str) -> Sides:
        """The pairs of "train", "validation" or "test"; no sentence is in two of them."""


class Spoken(Protocol):
    """An utterance. wav: 16 kHz mono, 16-bit. text: what is said."""

    @property
    def wav(self) -> bytes: ...
    @property
    def text(self) -> str: ...


@runtime_checkable
class SpokenWorld(Protocol):
    def utterances(self, split: str) -> Sequence[Spoken]:
        """The utterances of "train", "validation" or "test"; no transcript is in two of them."""


class Pictured(Protocol):
    """A picture of text. png: one line, 8-bit greyscale. text: what it says."""

    @property
    def png(self) -> bytes: ...
    @property
    def text(self) -> str: ...


@runtime_checkable
class PicturedWorld(Protocol):
    def lines(self, split: str) -> Sequence[Pictured]:
        """The pictures of "train", "validation" or "test"; no text is in two of them."""


class Framed(Protocol):
    """Where a thing is seen in a photo, in pixels from its upper left corner; right and bottom are the first beyond. label: what it is;
    item_id: which one."""

    @property
    def item_id(self) -> int: ...
    @property
    def label(self) -> int: ...
    @property
    def left(self) -> int: ...
    @property
    def top(self) -> int: ...
    @property
    def right(self) -> int: ...
    @property
    def bottom(self) -> int: ...


class Boxed(Protocol):
    """A photo, 8-bit colour, and the boxes of all things in it; the first is the one that the photo is of."""

    @property
    def png(self) -> bytes: ...
    @property
    def boxes(self) -> Sequence[Framed]: ...


@runtime_checkable
class BoxedWorld(Protocol):
    """A world of photos with boxes. categories: names, in the order of the boxes' labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    def boxed(self, split: str) -> Sequence[Boxed]:
        """The photos of "train", "validation" or "test"; no thing is in two of them."""


class Turned(Protocol):
    """A square picture of one thing, 8-bit colour, cut out by its box. item_id: which it is. label: what it is. degrees: by which it is
    turned clockwise."""

    @property
    def png(self) -> bytes: ...
    @property
    def item_id(self) -> int: ...
    @property
    def label(self) -> int: ...
    @property
    def degrees(self) -> float: ...


@runtime_checkable
class TurnedWorld(Protocol):
    """A world of turned things. categories: names, in the order of their labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    def turned(self, split: str) -> Sequence[Turned]:
        """Pictures of "train", "validation" or "test"; no thing is in two of them."""


class View(Protocol):
    """A square picture of one thing, upright, 8-bit colour. item_id: which it is. label: what it is."""

    @property
    def png(self) -> bytes: ...
    @property
    def item_id(self) -> int: ...
    @property
    def label(self) -> int: ...


class CataloguePicture(View, Protocol):
    """An item as the catalogue shows it. split: of the item; a model learns from those of "train" only."""

    @property
    def split(self) -> str: ...


@runtime_checkable
class ViewWorld(Protocol):
    """A world of items seen from several sides. categories: names, in the order of the labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    def views(self, split: str) -> Sequence[View]:
        """Pictures of "train", "validation" or "test"; no item is in two of them."""


@runtime_checkable
class CatalogueWorld(Protocol):
    """A world with one picture of each item, which are searched. categories: names, in the order of the labels."""

    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def catalogue(self) -> Sequence[CataloguePicture]: ...


class Captioned(Protocol):
    """A picture of one thing, 8-bit colour, and what is said of it. item_id: which it is."""

    @property
    def png(self) -> bytes: ...
    @property
    def item_id(self) -> int: ...
    @property
    def text(self) -> str: ...


@runtime_checkable
class CaptionedWorld(Protocol):
    def captioned(self, split: str) -> Sequence[Captioned]:
        """The pictures of "train", "validation" or "test"; no thing is in two of them, but their captions may be alike."""


@runtime_checkable
class HostedWorld(Protocol):
    """A world in which pictures are kept at addresses. hosted: address, as a request names it → PNG."""

    @property
    def hosted(self) -> Mapping[str, bytes]: ...


class Captured(Protocol):
    """A person's face, seen once. png: 8-bit colour, square. depth: of the same side, 16-bit grey PNG, 0.1 mm a level, 0 for nothing."""

    @property
    def png(self) -> bytes: ...
    @property
    def depth(self) -> bytes: ...
    @property
    def person(self) -> int: ...


@runtime_checkable
class FaceWorld(Protocol):
    """A world of faces; no person is in two splits."""

    def faces(self, split: str) -> Sequence[Captured]:
        """Several captures of each person of "train", "validation" or "test"."""

    def printed(self, split: str) -> Sequence[Captured]:
        """Captures of printed photos of these persons: flat, whatever they show."""


@runtime_checkable
class EnrolledWorld(Protocol):
    """A world whose persons were enrolled; those of "test" are the customers."""

    def enrolled(self, split: str) -> Sequence[Captured]:
        """The captures that were taken of each person for comparison later; none of them is in `FaceWorld.faces`."""


@runtime_checkable
class KeyWorld(Protocol):
    """A world in which each customer has a device. device_keys: person → its secret key, 32 bytes."""

    @property
    def device_keys(self) -> Mapping[int, bytes]: ...


class Account(Protocol):
    """account_id: of a payer the person's id. balance: in cents, when the ledger is opened."""

    @property
    def account_id(self) -> int: ...
    @property
    def balance(self) -> int: ...


@runtime_checkable
class AccountWorld(Protocol):
    @property
    def accounts(self) -> Sequence[Account]:
        """Those of all payers and payees."""


class Changed(Protocol):
    """Two pictures, 8-bit colour PNG: one before, and what it is to become. scene: what both show; pairs of one are not independent."""

    @property
    def scene(self) -> int: ...
    @property
    def before(self) -> bytes: ...
    @property
    def after(self) -> bytes: ...


@runtime_checkable
class ChangedWorld(Protocol):
    def changed(self, split: str) -> Sequence[Changed]:
        """The pairs of "train", "validation" or "test"; no scene is in two of them. All pictures of a world have one size."""


class Clip(Protocol):
    """Consecutive frames of the same size, 8-bit colour PNG."""

    @property
    def frames(self) -> Sequence[bytes]: ...


@runtime_checkable
class ClipWorld(Protocol):
    def clips(self, split: str) -> Sequence[Clip]:
        """The clips of "train", "validation" or "test"; no scene is in two of them. A Shot names those of "test" by their place."""


class Modelled(Protocol):
    """A body, and a square picture of it, 8-bit colour PNG. solid: its voxels as a value of port type Solid holds them. item_id: which it
    is. label: what it is."""

    @property
    def png(self) -> bytes: ...
    @property
    def solid(self) -> bytes: ...
    @property
    def side(self) -> int: ...
    @property
    def item_id(self) -> int: ...
    @property
    def label(self) -> int: ...


@runtime_checkable
class SolidWorld(Protocol):
    def solids(self, split: str) -> Sequence[Modelled]:
        """Several pictures of each body of "train", "validation" or "test"; no body is in two of them."""


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
BOXES = Need("boxes", "photos with boxes of what is in them", BoxedWorld)
TURNED = Need("turned", "pictures of things with the angle by which they are turned", TurnedWorld)
VIEWS = Need("views", "pictures of items from several sides", ViewWorld)
CATALOGUE = Need("catalogue", "a picture of each item", CatalogueWorld)
CAPTIONS = Need("captions", "pictures with captions", CaptionedWorld)
HOSTED = Need("hosted", "pictures kept at addresses", HostedWorld)
FACES = Need("faces", "captures of persons' faces, and of printed photos of them", FaceWorld)
ENROLMENT = Need("enrolment", "captures of persons at their enrolment", EnrolledWorld)
KEYS = Need("keys", "the keys of customers' devices", KeyWorld)
ACCOUNTS = Need("accounts", "accounts with opening balances", AccountWorld)
CHANGED = Need("changed", "pictures before and after a change", ChangedWorld)
CLIPS = Need("clips", "clips of consecutive frames", ClipWorld)
SOLIDS = Need("solids", "pictures of bodies with their voxels", SolidWorld)

NEEDS: tuple[Need, ...] = (
    ITEMS, USERS, INTERACTIONS, SNAPSHOTS, QUERIES, PHOTOS, SITE, SUMMARIES, PAIRS, UTTERANCES, LINES, BOXES, TURNED, VIEWS, CATALOGUE,
    CAPTIONS, HOSTED, FACES, ENROLMENT, KEYS, ACCOUNTS, CHANGED, CLIPS, SOLIDS,
)  # fmt: skip
