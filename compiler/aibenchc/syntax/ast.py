"""What the author wrote, node by node, every node with its span. Spans do not take part in equality.

Text is kept as written (a number with its unit, names unresolved); validate gives it meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from aibenchc.source import SourceFile, Span

_NOWHERE = Span(SourceFile("", ""), 0, 0)


@dataclass(frozen=True)
class Node:
    span: Span = field(default=_NOWHERE, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Name(Node):
    text: str


# Values


@dataclass(frozen=True)
class Ref(Node):
    """`a`, `a.b`, `recommend.p99`; a percentile `p99.9` is one part."""

    parts: tuple[Name, ...]

    @property
    def text(self) -> str:
        return ".".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Number(Node):
    """`digits` as written; unit: one of UNITS, None, or a word that is none, which validate reports."""

    digits: str
    unit: str | None = None


@dataclass(frozen=True)
class Text(Node):
    """A string, its escapes resolved."""

    value: str


@dataclass(frozen=True)
class Variable(Node):
    """`$rate`"""

    name: str


@dataclass(frozen=True)
class MetricName(Node):
    """`precision@10`"""

    name: str
    at: str

    @property
    def text(self) -> str:
        return f"{self.name}@{self.at}"


Value: TypeAlias = Ref | Number | Text | Variable | MetricName

# Settings


@dataclass(frozen=True)
class Comparison(Node):
    """`>= 70%`"""

    operator: str
    value: Value


@dataclass(frozen=True)
class Quality(Node):
    """`(accuracy >= 76%)` after a model."""

    metric: Value
    comparison: Comparison


@dataclass(frozen=True)
class Alternative(Node):
    name: Name
    qualities: tuple[Quality, ...] = ()


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Rest(Node):
    """`rest` in place of a share."""


Share: TypeAlias = Number | Variable | Rest


@dataclass(frozen=True)
class Path(Node):
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Arm(Node):
    path: Path
    share: Share | None = None
    when: Ref | None = None


@dataclass(frozen=True)
class Until(Node):
    ref: Ref
    comparison: Comparison


@dataclass(frozen=True)
class Paren(Node):
    path: Path


@dataclass(frozen=True)
class All(Node):
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class One(Node):
    arms: tuple[Arm, ...]


@dataclass(frozen=True)
class First(Node):
    arms: tuple[Arm, ...]
    until: Until | None = None


Step: TypeAlias = Ref | Paren | All | One | First

# Items


@dataclass(frozen=True)
class Include(Node):
    """`content`: the file's own nodes once it has been read; no part of what the author wrote here."""

    file: Text
    content: tuple[Top, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Library(Node):
    """`library "acme_search"`"""

    name: Text


@dataclass(frozen=True)
class Param(Node):
    name: Name
    value: Value


@dataclass(frozen=True)
class Dataset(Node):
    name: Name
    spec: Name


@dataclass(frozen=True)
class Request(Node):
    name: Name
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Task(Node):
    name: Name
    component: Name
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Permutation(Node):
    chains: tuple[Path, ...]


@dataclass(frozen=True)
class Section(Node):
    """`metrics`, `slo`, `load`, `distill` or `essential`: a keyword and its settings; `metrics` holds MetricNames too."""

    keyword: str
    settings: tuple[Setting | MetricName, ...]


@dataclass(frozen=True)
class Update(Node):
    frequency: Name
    every: Value
    tasks: tuple[Ref, ...]


@dataclass(frozen=True)
class Deployment(Node):
    name: Name
    settings: tuple[Setting | MetricName, ...]


@dataclass(frozen=True)
class Figure(Node):
    """`latency p99 500 ms within 6%`; with `over` and `value`: `ratio p99 / rank.p99 = 2 within 20%`."""

    name: Name
    words: tuple[Value, ...]
    over: Value | None = None
    value: Value | None = None
    within: Value | None = None


@dataclass(frozen=True)
class Reference(Node):
    title: Text
    figures: tuple[Figure, ...]


Item: TypeAlias = Include | Library | Dataset | Request | Task | Permutation | Section | Update | Deployment | Reference


@dataclass(frozen=True)
class Scenario(Node):
    name: Name
    title: Text | None
    items: tuple[Item, ...]


Top: TypeAlias = Param | Scenario | Item


@dataclass(frozen=True)
class Spec(Node):
    """One file."""

    version: str
    tops: tuple[Top, ...]
