"""The parser's callbacks: each makes one ast node of what a rule of grammar/aib.lark matched. They run while parsing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lark import Token, Transformer

from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast

_QUANTITY = re.compile(r"([0-9.]+)[ \t]*(/?)[ \t]*(\S+)")
_ESCAPE = re.compile(r'\\(["\\])')


@dataclass(frozen=True, eq=False, repr=False)
class _Settings(ast.Node):
    settings: tuple[ast.Setting | ast.MetricName, ...]


@dataclass(frozen=True, eq=False, repr=False)
class _Within(ast.Node):
    value: ast.Value


class TreeBuilder(Transformer[Token, object]):
    """Builds the tree while parsing. `source`: the file being parsed; set it before each parse."""

    def __init__(self) -> None:
        super().__init__()
        self.source = SourceFile("", "")

    def _span(self, children: list[Any]) -> Span:
        first, last = children[0], children[-1]
        start = first.start_pos if isinstance(first, Token) else first.span.start
        end = last.end_pos if isinstance(last, Token) else last.span.end
        return Span(self.source, int(start), int(end))  # type: ignore[arg-type]  # tokens of a text have positions

    def _name(self, token: Token) -> ast.Name:
        return ast.Name(str(token), span=self._span([token]))

    def _text(self, token: Token) -> ast.Text:
        return ast.Text(_ESCAPE.sub(r"\1", str(token)[1:-1]), span=self._span([token]))

    # Values

    def number(self, c: list[Any]) -> ast.Number:
        return ast.Number(str(c[0]), span=self._span(c))

    def quantity(self, c: list[Any]) -> ast.Number:
        match = _QUANTITY.fullmatch(str(c[0]))
        assert match is not None
        return ast.Number(match[1], match[2] + match[3], span=self._span(c))

    def odd_quantity(self, c: list[Any]) -> ast.Number:
        return ast.Number(str(c[0]), str(c[1]), span=self._span(c))

    def string(self, c: list[Any]) -> ast.Text:
        return self._text(c[0])

    def variable(self, c: list[Any]) -> ast.Variable:
        return ast.Variable(str(c[0])[1:], span=self._span(c))

    def metric(self, c: list[Any]) -> ast.MetricName:
        return ast.MetricName(str(c[0]), str(c[2]), span=self._span(c))

    def ref(self, c: list[Any]) -> ast.Ref:
        return ast.Ref(tuple(self._name(token) for token in c[::2]), span=self._span(c))

    # Settings

    def settings(self, c: list[Any]) -> _Settings:
        return _Settings(tuple(x for x in c if isinstance(x, ast.Setting | ast.MetricName)), span=self._span(c))

    def setting(self, c: list[Any]) -> ast.Setting:
        comparison = None
        words = c[1:]
        if len(c) > 2 and isinstance(c[-2], Token):
            comparison = ast.Comparison(str(c[-2]), c[-1], span=self._span(c[-2:]))
            words = c[1:-2]
        return ast.Setting(self._name(c[0]), tuple(words), comparison, span=self._span(c))

    def demanded(self, c: list[Any]) -> ast.Setting:
        opening = next(i for i, x in enumerate(c) if isinstance(x, Token) and x.type == "LBRACE")
        tasks = tuple(x for x in c[opening:] if isinstance(x, ast.Ref))
        return ast.Setting(self._name(c[0]), tuple(c[1:opening]), tasks=tasks, span=self._span(c))

    def alternatives(self, c: list[Any]) -> ast.Setting:
        models = tuple(x for x in c if isinstance(x, ast.Alternative))
        return ast.Setting(self._name(c[0]), alternatives=models, span=self._span(c))

    def metric_setting(self, c: list[Any]) -> ast.MetricName:
        metric: ast.MetricName = c[0]
        return metric

    def plain(self, c: list[Any]) -> ast.Alternative:
        return ast.Alternative(self._name(c[0]), span=self._span(c))

    def rated(self, c: list[Any]) -> ast.Alternative:
        return ast.Alternative(self._name(c[0]), tuple(c[1:]), span=self._span(c))

    def quality(self, c: list[Any]) -> ast.Quality:
        return ast.Quality(c[1], ast.Comparison(str(c[2]), c[3], span=self._span(c[2:4])), span=self._span(c))

    # The permutation

    def chain(self, c: list[Any]) -> ast.Path:
        return ast.Path(tuple(c[::2]), span=self._span(c))

    path = chain

    def rest(self, c: list[Any]) -> ast.Rest:
        return ast.Rest(span=self._span(c))

    def when(self, c: list[Any]) -> ast.Ref:
        ref: ast.Ref = c[1]
        return ref

    def arm(self, c: list[Any]) -> ast.Arm:
        when = c[1] if len(c) == 4 else None
        return ast.Arm(c[-1], c[0] if len(c) > 1 else None, when, span=self._span(c))

    def until(self, c: list[Any]) -> ast.Until:
        return ast.Until(c[1], ast.Comparison(str(c[2]), c[3], span=self._span(c[2:])), span=self._span(c))

    def paren(self, c: list[Any]) -> ast.Paren:
        return ast.Paren(c[1], span=self._span(c))

    def all(self, c: list[Any]) -> ast.All:
        return ast.All(tuple(x for x in c if isinstance(x, ast.Path)), span=self._span(c))

    def one(self, c: list[Any]) -> ast.One:
        return ast.One(tuple(x for x in c if isinstance(x, ast.Arm)), span=self._span(c))

    def first(self, c: list[Any]) -> ast.First:
        until = c[-2] if isinstance(c[-2], ast.Until) else None
        return ast.First(tuple(x for x in c if isinstance(x, ast.Arm)), until, span=self._span(c))

    # Items

    def include(self, c: list[Any]) -> ast.Include:
        return ast.Include(self._text(c[1]), span=self._span(c))

    def library(self, c: list[Any]) -> ast.Library:
        return ast.Library(self._text(c[1]), span=self._span(c))

    def param(self, c: list[Any]) -> ast.Param:
        return ast.Param(self._name(c[1]), c[3], span=self._span(c))

    def dataset(self, c: list[Any]) -> ast.Dataset:
        return ast.Dataset(self._name(c[1]), self._name(c[3]), span=self._span(c))

    def request(self, c: list[Any]) -> ast.Request:
        return ast.Request(self._name(c[1]), c[2].settings, span=self._span(c))

    def task(self, c: list[Any]) -> ast.Task:
        settings = c[4].settings if len(c) > 4 else ()
        return ast.Task(self._name(c[1]), self._name(c[3]), settings, span=self._span(c))

    def permutation(self, c: list[Any]) -> ast.Permutation:
        return ast.Permutation(tuple(x for x in c if isinstance(x, ast.Path)), span=self._span(c))

    def _section(self, c: list[Any]) -> ast.Section:
        return ast.Section(str(c[0]), c[1].settings, span=self._span(c))

    metrics = slo = load = distill = essential = _section

    def update(self, c: list[Any]) -> ast.Update:
        tasks = tuple(x for x in c[5:] if isinstance(x, ast.Ref))
        return ast.Update(self._name(c[1]), c[3], tasks, span=self._span(c))

    def deployment(self, c: list[Any]) -> ast.Deployment:
        settings = tuple(x for x in c if isinstance(x, ast.Setting | ast.MetricName))
        return ast.Deployment(self._name(c[1]), settings, span=self._span(c))

    def within(self, c: list[Any]) -> _Within:
        return _Within(c[1], span=self._span(c))

    def figure(self, c: list[Any]) -> ast.Figure:
        within = c[-1].value if isinstance(c[-1], _Within) else None
        words = tuple(x for x in c[1:] if not isinstance(x, _Within))
        return ast.Figure(self._name(c[0]), words, within=within, span=self._span(c))

    def ratio(self, c: list[Any]) -> ast.Figure:
        within = c[-1].value if isinstance(c[-1], _Within) else None
        return ast.Figure(self._name(c[0]), (c[1],), c[3], c[5], within, span=self._span(c))

    def reference(self, c: list[Any]) -> ast.Reference:
        return ast.Reference(self._text(c[1]), tuple(x for x in c if isinstance(x, ast.Figure)), span=self._span(c))

    def scenario(self, c: list[Any]) -> ast.Scenario:
        title = self._text(c[2]) if c[2].type == "STRING" else None
        return ast.Scenario(self._name(c[1]), title, tuple(x for x in c[3:] if not isinstance(x, Token)), span=self._span(c))

    def start(self, c: list[Any]) -> ast.Spec:
        return ast.Spec(str(c[1]), tuple(x for x in c[2:] if not isinstance(x, Token)), span=self._span(c))
