"""What a syntax error means, and what else is wrong with the file: used only after a failed parse."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from aibenchc.diagnostics import Diagnostics, place
from aibenchc.source import SourceFile, Span
from aibenchc.syntax import ast
from aibenchc.syntax.brackets import Fault, Mended, Unclosed, mended
from aibenchc.syntax.grammar import MAX_DEPTH, MAX_TOKENS, TooDeepError, TooLongError
from aibenchc.syntax.hints import character, sign_hint, word_hint

MAX_MISTAKES = 20  # most syntax errors reported of one file; each costs another parse
MOST_PARSED = 2**19  # most characters of one file that are parsed in total, or once: a large file full of mistakes does not take long

Reparse = Callable[[str], object]  # a text of the same file → its tree, or what is wrong with it

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
_OF_THE_LANGUAGE = re.compile(r"[A-Za-z0-9_(){}<>=|&:.,@/$]|->")
_WORD = re.compile(r"\w+|->|.")
_LONGEST_HEAD = 80  # characters of what a message repeats
_BLANKED = re.compile(r"[^\n]")
_CONTINUES = re.compile(r"[ \t]*(?:->|[|&]|else\b|until\b)")  # as the lexer has it: no new line separates it from what is before
_NO_CODE = re.compile(r"[ \t\r]*(?:#[^\n]*)?$")
_OPERATORS = frozenset(("VBAR", "AMPERSAND", "ELSE"))


def explain_file(mistake: object, source: SourceFile, diagnostics: Diagnostics, reparse: Reparse) -> None:
    """Reports why a file cannot be parsed. Brackets that do not match are mended first; after any other mistake the rest is parsed without
    its line, to find further ones."""
    mending = None if isinstance(mistake, TooDeepError | TooLongError) else mended(source.text, MAX_MISTAKES)
    if mending is None:
        _explain_all(mistake, source, diagnostics, reparse)
        return
    for fault in mending.faults:
        _explain_bracket(fault, source, diagnostics)
    if len(mending.faults) < MAX_MISTAKES and len(source.text) <= MOST_PARSED:
        _explain_mended(mending, source, diagnostics, reparse)


def _explain_all(parsed: object, source: SourceFile, diagnostics: Diagnostics, reparse: Reparse, mending: Mended | None = None) -> None:
    """Reports why `parsed`, what came of the source's text, is no tree, and what else is wrong with the text."""
    text = source.text
    for _ in range(max(1, min(MAX_MISTAKES, MOST_PARSED // (len(text) + 1)))):
        at = _place_of(parsed, text)
        damaged = mending.region(at) if mending else None
        if damaged is None:
            explain(parsed, source, diagnostics)
        shortened = _without(text, *(damaged or (at, at)))
        if shortened is None:
            return
        text = shortened
        parsed = reparse(text)
        if isinstance(parsed, ast.Spec):
            return


def _explain_mended(mending: Mended, source: SourceFile, diagnostics: Diagnostics, reparse: Reparse) -> None:
    """What is wrong beside the brackets."""
    whole = SourceFile(source.name, mending.text)
    parsed = reparse(whole.text)
    if isinstance(parsed, ast.Spec):
        return
    others = Diagnostics()
    _explain_all(parsed, whole, others, reparse, mending)
    for diagnostic in others.all:
        span = diagnostic.span
        assert span is not None  # a syntax error has a place
        diagnostics.add(replace(diagnostic, span=Span(source, mending.original(span.start), mending.original(span.end))))


def _explain_bracket(fault: Fault, source: SourceFile, diagnostics: Diagnostics) -> None:
    if isinstance(fault, Unclosed):
        opening = fault.opening
        head = source.text[opening.head : opening.at].strip() if opening.bracket == "{" else ""
        of = f" of `{head}`" if 0 < len(head) <= _LONGEST_HEAD else ""
        latest = place(Span(source, fault.at, fault.at))
        span = Span(source, opening.at, opening.at + 1)
        diagnostics.report("AIB023", span, opening=f"the `{opening.bracket}`{of}", closer=f"`{fault.closer}`", latest=latest)
    elif fault.head is not None:
        end = fault.head.end
        closer = place(Span(source, fault.closer, fault.closer))
        diagnostics.report("AIB024", Span(source, end, end), opener=f"`{fault.opener}`", bracket=f"`{fault.bracket}`", closer=closer)
    else:
        span = Span(source, fault.closer, fault.closer + 1)
        diagnostics.report("AIB025", span, bracket=f"`{fault.bracket}`", opener=f"`{fault.opener}`")


def _place_of(mistake: object, text: str) -> int:
    """Where a syntax error is; the end of the text where nothing after it can be judged."""
    if isinstance(mistake, UnexpectedCharacters):
        return int(mistake.pos_in_stream or 0)
    assert isinstance(mistake, UnexpectedToken | TooDeepError | TooLongError)
    ends = isinstance(mistake, TooLongError | UnexpectedEOF) or mistake.token.type == "$END"
    return len(text) if ends else mistake.token.start_pos or 0


def explain(mistake: object, source: SourceFile, diagnostics: Diagnostics) -> None:
    """Reports a syntax error."""
    text = source.text
    if isinstance(mistake, TooDeepError):
        at = mistake.token.start_pos or 0
        diagnostics.report("AIB006", Span(source, at, at + 1), limit=MAX_DEPTH)
    elif isinstance(mistake, TooLongError):
        at = mistake.token.start_pos or 0
        diagnostics.report("AIB022", Span(source, at, at + 1), limit=f"{MAX_TOKENS:,}")
    elif isinstance(mistake, UnexpectedCharacters):
        at = int(mistake.pos_in_stream or 0)
        if text[at : at + 1] == '"':
            _explain_string(at, source, diagnostics)
        else:
            _explain_character(at, mistake.allowed, source, diagnostics)
    else:
        assert isinstance(mistake, UnexpectedToken)
        _explain_token(mistake, source, diagnostics)


def _explain_character(at: int, allowed: set[str] | None, source: SourceFile, diagnostics: Diagnostics) -> None:
    """One that begins no word of the language, or none that may stand here."""
    text = source.text
    if _OF_THE_LANGUAGE.match(text, at):
        match = _WORD.match(text, at)
        word = match[0] if match else text[at]
        hint = sign_hint(text, at) or word_hint(word, _keywords(allowed))
        diagnostics.report("AIB001", Span(source, at, at + len(word)), hint=hint, found=f"'{word}'", expected=_spoken(allowed))
    else:
        shown, way_out = character(text, at)
        diagnostics.report("AIB002", Span(source, at, at + 1), hint=way_out or sign_hint(text, at), found=shown)


def _explain_string(at: int, source: SourceFile, diagnostics: Diagnostics) -> None:
    """A malformed string that begins at `at`: an unknown escape, or else it is not closed."""
    begun = _STRING_BEGUN.match(source.text, at)
    assert begun is not None
    if begun[1]:
        diagnostics.report("AIB019", Span(source, begun.start(1), begun.end(1)), escape=begun[1])
    else:
        diagnostics.report("AIB009", Span(source, at, begun.end()))


def _explain_token(mistake: UnexpectedToken, source: SourceFile, diagnostics: Diagnostics) -> None:
    token: Token = mistake.token
    expected = _spoken(mistake.accepts or mistake.expected)
    if isinstance(mistake, UnexpectedEOF) or token.type == "$END":
        at = len(source.text.rstrip())
        diagnostics.report("AIB010", Span(source, at, at), expected=expected)
        return
    at, end = token.start_pos or 0, token.end_pos or 0
    span = Span(source, at, end)
    if token.type in _OPERATORS and _OPERATORS & set(mistake.accepts or ()):
        diagnostics.report("AIB018", span, found=f"'{token}'")
    elif token.type == "_SEP":
        separator = "a comma" if str(token).startswith(",") else "the end of the line"
        diagnostics.report("AIB001", Span(source, at, at + 1), found=separator, expected=expected)
    else:
        hint = sign_hint(source.text, at) or word_hint(str(token), _keywords(mistake.accepts or mistake.expected))
        diagnostics.report("AIB001", span, hint=hint, found=f"'{token}'", expected=expected)


def _keywords(terminals: set[str] | None) -> list[str]:
    return sorted(name.lower() for name in terminals or () if name not in _SPOKEN)


def _spoken(terminals: set[str] | None) -> str:
    if not terminals:
        return "nothing more"
    names = sorted(_SPOKEN.get(name, f"`{name.lower()}`") for name in terminals)
    if len(names) > 8:
        names = [*names[:8], "…"]
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _without(text: str, first: int, last: int) -> str | None:
    """`text` with the lines from `first` to `last` blanked, and those that go on with them or that they go on with; None if their
    brackets do not balance: then what follows cannot be judged."""
    start, end = _line(text, first)[0], _line(text, last)[1]
    while start > 0 and (_CONTINUES.match(text, start) or _NO_CODE.match(text[start : _line(text, start)[1]])):
        start = _line(text, start - 1)[0]
    after = end
    while after < len(text):
        begins, after = _line(text, after + 1)
        if _CONTINUES.match(text, begins):
            end = after
        elif not _NO_CODE.match(text[begins:after]):
            break
    lines = text[start:end]
    balanced = all(lines.count(a) == lines.count(b) for a, b in ("()", "{}"))
    if first >= len(text) or not balanced or not lines.strip():
        return None
    return text[:start] + _BLANKED.sub(" ", lines) + text[end:]


def _line(text: str, at: int) -> tuple[int, int]:
    """Where the line that holds `at` begins and ends."""
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end
