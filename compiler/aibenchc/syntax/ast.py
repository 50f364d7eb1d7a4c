"""What the author wrote, node by node, every node with its span. Spans do not take part in equality.

Text is kept as written (a number with its unit, names unresolved); validate gives it meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeAlias

from aibenchc.source import SourceFile, Span

_NOWHERE = Span(SourceFile("", ""), 0, 0)


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """Nodes share how they compare and show themselves: made for each class of them, it took a tenth of the time of `check`."""

    span: Span = field(default=_NOWHERE, compare=False, kw_only=True)

    def _content(self) -> tuple[object, ...]:
        return tuple(getattr(self, each.name) for each in fields(self) if each.compare)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and type(other) is type(self) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self._content()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._content()))})"


@dataclass(frozen=True, eq=False, repr=False)
class Name(Node):
    """`find`, wherever a name stands."""

    text: str


# Values


@dataclass(frozen=True, eq=False, repr=False)
class Ref(Node):
    """`a`, `a.b`, `recommend.p99`; a percentile `p99.9` is one part."""

    parts: tuple[Name, ...]

    @property
    def text(self) -> str:
        return ".".join(part.text for part in self.parts)


@dataclass(frozen=True, eq=False, repr=False)
class Number(Node):
    """`digits` as written; unit: one of UNITS, None, or a word that is none, which validate reports."""

    digits: str
    unit: str | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Text(Node):
    """A string, its escapes resolved."""

    value: str


@dataclass(frozen=True, eq=False, repr=False)
class Variable(Node):
    """`$rate`"""

    name: str


@dataclass(frozen=True, eq=False, repr=False)
class MetricName(Node):
    """`precision@10`"""

    name: str
    at: str

    @property
    def text(self) -> str:
        return f"{self.name}@{self.at}"


Value: TypeAlias = Ref | Number | Text | Variable | MetricName

# Settings


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Node):
    """`>= 70%`"""

    operator: str
    value: Value


@dataclass(frozen=True, eq=False, repr=False)
class Quality(Node):
    """`(accuracy >= 76%)` after a model."""

    metric: Value
    comparison: Comparison


@dataclass(frozen=True, eq=False, repr=False)
class Alternative(Node):
    """`fasttext (accuracy >= 76%)` of `model a | b`."""

    name: Name
    qualities: tuple[Quality, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Setting(Node):
    """`table users`, `quality accuracy >= 70%`, `model a | b`: words and a comparison, or alternatives.

    tasks: of `replicas 2 { rank, planner }` in a deployment; None where there are no braces.
    """

    name: Name
    words: tuple[Value, ...] = ()
    comparison: Comparison | None = None
    alternatives: tuple[Alternative, ...] = ()
    tasks: tuple[Ref, ...] | None = None


# The permutation


@dataclass(frozen=True, eq=False, repr=False)
class Rest(Node):
    """`rest` in place of a share."""


Share: TypeAlias = Number | Variable | Rest


@dataclass(frozen=True, eq=False, repr=False)
class Path(Node):
    """`a -> b -> c`"""

    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Arm(Node):
    """`40%: a -> b`, `15% when a.hit: b`, or `a` of a group."""

    path: Path
    share: Share | None = None
    when: Ref | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Until(Node):
    """`until a.hits >= 20`"""

    ref: Ref
    comparison: Comparison


@dataclass(frozen=True, eq=False, repr=False)
class Paren(Node):
    """`( a -> b )`"""

    path: Path


@dataclass(frozen=True, eq=False, repr=False)
class All(Node):
    """`( a & b )`: all of these paths."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, eq=False, repr=False)
class One(Node):
    """`( 40%: a | rest: b )`: one of these arms."""

    arms: tuple[Arm, ...]


@dataclass(frozen=True, eq=False, repr=False)
class First(Node):
    """`( a else 35%: b until a.hits >= 20 )`: these arms in turn."""

    arms: tuple[Arm, ...]
    until: Until | None = None


Step: TypeAlias = Ref | Paren | All | One | First

# Items


@dataclass(frozen=True, eq=False, repr=False)
class Include(Node):
    """`content`: the file's own nodes once it has been read; no part of what the author wrote here."""

    file: Text
    content: tuple[Top, ...] = field(default=(), compare=False)


@dataclass(frozen=True, eq=False, repr=False)
class Library(Node):
    """`library "acme_search"`"""

    name: Text


@dataclass(frozen=True, eq=False, repr=False)
class Param(Node):
    """`param rate = 20/s`"""

    name: Name
    value: Value


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Node):
    """`dataset shop = movielens_shop`"""

    name: Name
    spec: Name


@dataclass(frozen=True, eq=False, repr=False)
class Request(Node):
    """`request text { share 60%, from shop.queries }`"""

    name: Name
    settings: tuple[Setting, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Task(Node):
    """`task find : indexing { tier hot }`"""

    name: Name
    component: Name
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Permutation(Node):
    """`permutation { … }`: its chains."""

    chains: tuple[Path, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Section(Node):
    """`metrics`, `slo`, `load`, `distill` or `essential`: a keyword and its settings; `metrics` holds MetricNames too."""

    keyword: str
    settings: tuple[Setting | MetricName, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Update(Node):
    """`update high every 1 h { category, recommend }`"""

    frequency: Name
    every: Value
    tasks: tuple[Ref, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Deployment(Node):
    """`deployment local { nodes 1, profile small }`"""

    name: Name
    settings: tuple[Setting | MetricName, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Figure(Node):
    """`latency p99 500 ms within 6%`; with `over` and `value`: `ratio p99 / rank.p99 = 2 within 20%`."""

    name: Name
    words: tuple[Value, ...]
    over: Value | None = None
    value: Value | None = None
    within: Value | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Reference(Node):
    """`reference "title" { … }`"""

    title: Text
    figures: tuple[Figure, ...]


Item: TypeAlias = Include | Library | Dataset | Request | Task | Permutation | Section | Update | Deployment | Reference


@dataclass(frozen=True, eq=False, repr=False)
class Scenario(Node):
    """`scenario shop "A shop" { … }`"""

    name: Name
    title: Text | None
    items: tuple[Item, ...]


Top: TypeAlias = Param | Scenario | Item


@dataclass(frozen=True, eq=False, repr=False)
class Spec(Node):
    """One file."""

    version: str
    tops: tuple[Top, ...]
