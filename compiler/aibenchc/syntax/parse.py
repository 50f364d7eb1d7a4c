"""Text → ast.Spec: parsing, includes."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from lark import Lark
from lark.exceptions import UnexpectedInput

from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast
from aibenchc.syntax.build_tree import TreeBuilder
from aibenchc.syntax.grammar import MAX_DEPTH, TooDeepError, TooLongError, cache_folder, make_parser

VERSION = "1"

OpenInclude = Callable[[str, Span], SourceFile | None]

_HEADER = re.compile(r"(?:[ \t\r\n]|#[^\n]*\n)*+(?:aib\b[ \t]*([^\s#]*))?")


@lru_cache(maxsize=1)
def _parser() -> tuple[Lark, TreeBuilder]:
    builder = TreeBuilder()
    return make_parser(builder, cache_folder()), builder


@contextmanager
def _collector_off() -> Iterator[None]:
    """The cyclic collector makes parsing superlinear (14 instead of 10 times the time for 10 times the tasks) and finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def parse(source: SourceFile, diagnostics: Diagnostics, open_include: OpenInclude) -> ast.Spec | None:
    """The spec with its includes read, None if anything in it was reported as an error."""
    spec = parse_file(source, diagnostics)
    if spec is None:
        return None
    included = _Includes(diagnostics, open_include)
    tops = included.read(spec.tops, (source.name,))
    return None if diagnostics.failed else replace(spec, tops=tops)


def parse_file(source: SourceFile, diagnostics: Diagnostics) -> ast.Spec | None:
    """One file, its includes not read. What explains a syntax error is loaded only where there is one."""
    if not _header_is_right(source, diagnostics):
        return None
    parsed = _parse_text(source.text, "start", source)
    if isinstance(parsed, ast.Spec):
        return parsed
    from aibenchc.syntax.explain import explain_file

    explain_file(parsed, source, diagnostics, lambda text: _parse_text(text, "start", source))
    return None


def parse_value(text: str, name: str, diagnostics: Diagnostics) -> ast.Value | None:
    """A value given on the command line; `name` stands for the file in diagnostics."""
    source = SourceFile(name, text)
    parsed = _parse_text(text, "value", source)
    if isinstance(parsed, ast.Ref | ast.Number | ast.Text | ast.Variable | ast.MetricName):
        return parsed
    from aibenchc.syntax.explain import explain

    explain(parsed, source, diagnostics)
    return None


def _parse_text(text: str, start: str, source: SourceFile) -> object:
    """A node, or the exception that explains why there is none."""
    parser, builder = _parser()
    builder.source = source
    with _collector_off():
        try:
            return parser.parse(text, start=start)
        except (UnexpectedInput, TooDeepError, TooLongError) as mistake:
            return mistake


def _header_is_right(source: SourceFile, diagnostics: Diagnostics) -> bool:
    match = _HEADER.match(source.text)
    assert match is not None
    if match[1] is None:
        diagnostics.report("AIB007", Span(source, match.end(), match.end()), version=VERSION)
    elif match[1] != VERSION:
        diagnostics.report("AIB008", Span(source, match.start(1), match.end(1)), found=f"'{match[1]}'", version=VERSION)
    else:
        return True
    return False


class _Includes:
    """Reads included files, each once, depth first; a file that includes itself is a loop."""

    def __init__(self, diagnostics: Diagnostics, open_include: OpenInclude) -> None:
        self.diagnostics = diagnostics
        self.open_include = open_include
        self.seen: set[str] = set()

    def read(self, tops: tuple[ast.Top, ...], path: tuple[str, ...]) -> tuple[ast.Top, ...]:
        return tuple(self._read_top(top, path) for top in tops)

    def _read_top(self, top: ast.Top, path: tuple[str, ...]) -> ast.Top:
        if isinstance(top, ast.Include):
            return replace(top, content=self._content(top, path))
        if isinstance(top, ast.Scenario):
            items = (replace(item, content=self._content(item, path)) if isinstance(item, ast.Include) else item for item in top.items)
            return replace(top, items=tuple(items))
        return top

    def _content(self, include: ast.Include, path: tuple[str, ...]) -> tuple[ast.Top, ...]:
        span = include.file.span
        source = self.open_include(include.file.value, span)
        if source is None:
            return ()
        if source.name in path:
            self.diagnostics.report("AIB013", span, path=" -> ".join((*path[path.index(source.name) :], source.name)))
            return ()
        if len(path) >= MAX_DEPTH:
            self.diagnostics.report("AIB006", span, limit=MAX_DEPTH)
            return ()
        if source.name in self.seen:
            self.diagnostics.report("AIB014", span, file=f"'{source.name}'")
            return ()
        self.seen.add(source.name)
        spec = parse_file(source, self.diagnostics)
        return () if spec is None else self.read(spec.tops, (*path, source.name))
