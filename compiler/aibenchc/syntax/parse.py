"""Text → ast.Spec: reading bounded files, parsing, explaining syntax errors, includes."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from aibenchc.diagnostics import Diagnostics
from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast
from aibenchc.syntax.build_tree import TreeBuilder
from aibenchc.syntax.grammar import MAX_DEPTH, MAX_TOKENS, TooDeepError, TooLongError, cache_folder, make_parser

VERSION = "1"
MAX_MISTAKES = 20  # most syntax errors reported of one file; each costs another parse
MOST_PARSED = 2**19  # most characters of one file that are parsed in total, or once: a large file full of mistakes does not take long

OpenInclude = Callable[[str, Span], SourceFile | None]

_HEADER = re.compile(r"(?:[ \t\r\n]|#[^\n]*\n)*+(?:aib\b[ \t]*([^\s#]*))?")
_STRING_BEGUN = re.compile(r'"(?:[^"\\\n]|\\["\\])*+(?:(\\[^\n])|[^\n]*)')
_SPOKEN = {
    "NAME": "a name",
    "NUMBER": "a number",
    "QUANTITY": "a number with its unit",
    "STRING": 'a string "…"',
    "VARIABLE": "a $parameter",
    "PERCENTILE": "a percentile",
    "CMP": "a comparison (>= <= < >)",
    "ARROW": "`->`",
    "_SEP": "a new line or comma",
    "EQUAL": "`=`",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "COLON": "`:`",
    "VBAR": "`|`",
    "AMPERSAND": "`&`",
    "SLASH": "`/`",
    "DOT": "`.`",
    "AT": "`@`",
    "$END": "the end of the file",
}
_OPERATORS = frozenset(("VBAR", "AMPERSAND", "ELSE"))


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
    """One file, its includes not read. After a syntax error the rest is parsed without that line, to find further ones."""
    if not _header_is_right(source, diagnostics):
        return None
    text = source.text
    for _ in range(max(1, min(MAX_MISTAKES, MOST_PARSED // (len(text) + 1)))):
        parsed = _parse_text(text, "start", source)
        if isinstance(parsed, ast.Spec):
            return parsed if text is source.text else None
        at = _explain(parsed, source, diagnostics)
        shortened = _without_statement(text, at)
        if shortened is None:
            return None
        text = shortened
    return None


def parse_value(text: str, name: str, diagnostics: Diagnostics) -> ast.Value | None:
    """A value given on the command line; `name` stands for the file in diagnostics."""
    source = SourceFile(name, text)
    parsed = _parse_text(text, "value", source)
    if isinstance(parsed, ast.Ref | ast.Number | ast.Text | ast.Variable | ast.MetricName):
        return parsed
    _explain(parsed, source, diagnostics)
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


def _explain(mistake: object, source: SourceFile, diagnostics: Diagnostics) -> int:
    """Reports a syntax error; returns where it is."""
    text = source.text
    if isinstance(mistake, TooDeepError):
        at = mistake.token.start_pos or 0
        diagnostics.report("AIB006", Span(source, at, at + 1), limit=MAX_DEPTH)
        return at
    if isinstance(mistake, TooLongError):
        at = mistake.token.start_pos or 0
        diagnostics.report("AIB022", Span(source, at, at + 1), limit=f"{MAX_TOKENS:,}")
        return len(text)
    if isinstance(mistake, UnexpectedCharacters):
        at = int(mistake.pos_in_stream or 0)
        if text[at : at + 1] == '"':
            _explain_string(at, source, diagnostics)
        elif text[at : at + 1].isprintable() and not re.match(r"[A-Za-z0-9_(){}<>=|&:.,@/$]|->", text[at:]):
            diagnostics.report("AIB002", Span(source, at, at + 1), found=f"'{text[at]}'")
        else:
            match = re.match(r"\w+|->|.", text[at:])
            word = match[0] if match else text[at : at + 1]
            diagnostics.report("AIB001", Span(source, at, at + len(word)), found=f"'{word}'", expected=_spoken(mistake.allowed))
        return at
    assert isinstance(mistake, UnexpectedToken)
    return _explain_token(mistake, source, diagnostics)


def _explain_string(at: int, source: SourceFile, diagnostics: Diagnostics) -> None:
    """A malformed string that begins at `at`: an unknown escape, or else it is not closed."""
    begun = _STRING_BEGUN.match(source.text, at)
    assert begun is not None
    if begun[1]:
        diagnostics.report("AIB019", Span(source, begun.start(1), begun.end(1)), escape=begun[1])
    else:
        diagnostics.report("AIB009", Span(source, at, begun.end()))


def _explain_token(mistake: UnexpectedToken, source: SourceFile, diagnostics: Diagnostics) -> int:
    token: Token = mistake.token
    expected = _spoken(mistake.accepts or mistake.expected)
    if isinstance(mistake, UnexpectedEOF) or token.type == "$END":
        at = len(source.text.rstrip())
        diagnostics.report("AIB010", Span(source, at, at), expected=expected)
        return len(source.text)
    at, end = token.start_pos or 0, token.end_pos or 0
    span = Span(source, at, end)
    if token.type in _OPERATORS and _OPERATORS & set(mistake.accepts or ()):
        diagnostics.report("AIB018", span, found=f"'{token}'")
    elif token.type == "_SEP":
        separator = "a comma" if str(token).startswith(",") else "the end of the line"
        diagnostics.report("AIB001", Span(source, at, at + 1), found=separator, expected=expected)
    else:
        diagnostics.report("AIB001", span, found=f"'{token}'", expected=expected)
    return at


def _spoken(terminals: set[str] | None) -> str:
    if not terminals:
        return "nothing more"
    names = sorted(_SPOKEN.get(name, f"`{name.lower()}`") for name in terminals)
    if len(names) > 8:
        names = [*names[:8], "…"]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _without_statement(text: str, at: int) -> str | None:
    """`text` with the line at `at` blanked, None if its brackets do not balance: then what follows cannot be judged."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    line = text[start:end]
    balanced = all(line.count(a) == line.count(b) for a, b in ("()", "{}"))
    if at >= len(text) or not balanced or not line.strip():
        return None
    return text[:start] + " " * (end - start) + text[end:]


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
