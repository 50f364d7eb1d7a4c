"""Diagnostics: what is wrong with a spec, where, and how to fix it. A phase reports everything it finds; compilation stops after it."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aibenchrt.codes import Code, Severity
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.shown import visible

from aibenchc.codes import CODES
from aibenchc.source import SourceFile, Span

__all__ = ["CODES", "Code", "Diagnostic", "Diagnostics", "Severity", "did_you_mean", "one_of", "place", "render_text", "to_json"]

_WINDOW = 120  # columns of an author's line that are shown
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.NOTE: "\x1b[1;36m"}
_PLAIN = "\x1b[0m"


@dataclass(frozen=True)
class Diagnostic:
    code: Code
    message: str
    hint: str
    span: Span | None
    notes: tuple[str, ...] = ()


class Diagnostics:
    """Collects reports in the order they come; equal ones once."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def report(self, code: str, span: Span | None, *, hint: str | None = None, notes: Sequence[str] = (), **fields: object) -> None:
        """Fills the code's message with `fields`, and its hint unless `hint` is given. KeyError: no such code, no such field (our bug)."""
        entry = CODES[code]
        way_out = entry.hint.format_map(fields) if hint is None else hint
        self._found[Diagnostic(entry, entry.message.format_map(fields), way_out, span, tuple(notes))] = None

    def add(self, diagnostic: Diagnostic) -> None:
        """One that was made for another text, its span mapped to the author's."""
        self._found[diagnostic] = None

    def relay(self, failure: EnvironmentFailure, span: Span) -> None:
        """Reports a failure of the environment at the place of the spec that needs what is missing."""
        self._found[Diagnostic(CODES[failure.code], failure.message, failure.hint, span)] = None

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """In the order of the files and lines they point to; those without a place first."""
        files: dict[str, int] = {}
        for diagnostic in self._found:
            if diagnostic.span:
                files.setdefault(diagnostic.span.source.name, len(files))

        def order(diagnostic: Diagnostic) -> tuple[int, int]:
            span = diagnostic.span
            return (files[span.source.name], span.start) if span else (-1, 0)

        return tuple(sorted(self._found, key=order))

    @property
    def errors(self) -> int:
        return sum(diagnostic.code.severity is Severity.ERROR for diagnostic in self._found)

    @property
    def failed(self) -> bool:
        return self.errors > 0


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate of which `name` is most likely a misspelling; None if none is close."""
    reach = max(2, len(name) // 3)
    near = sorted({candidate for candidate in candidates if abs(len(candidate) - len(name)) <= reach})
    matches = difflib.get_close_matches(name, near, n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str = "") -> str:
    """A hint: the nearest candidate; without one, `otherwise` or the list of candidates."""
    names = list(dict.fromkeys(candidates))
    match = nearest(name, names)
    if match is not None:
        return f"did you mean '{match}'?"
    return otherwise or one_of(names)


def one_of(names: Sequence[str]) -> str:
    """A hint that lists what there is, at most twelve of it."""
    if not names:
        return "there is none"
    return "one of: " + ", ".join(names[:12]) + (" …" if len(names) > 12 else "")


def place(span: Span | None) -> str:
    """`file:line:column`"""
    if span is None:
        return "the command line"
    line, column = span.source.position(span.start)
    return f"{span.source.name}:{line}:{column}"


def _visible(text: str) -> str:
    """In one line, a tab as one space."""
    return visible(text.replace("\t", " ")).replace("\n", "\\n")


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _excerpt(source: SourceFile, start: int, end: int) -> tuple[int, str, str]:
    """Line number, the author's line (a window of it) and the carets under it."""
    number, column = source.position(start)
    line = source.line(number)
    begin = column - 1
    stop = min(max(begin + 1, begin + end - start), max(len(line), begin + 1))
    left = max(0, begin - _WINDOW // 2) if len(line) > _WINDOW else 0
    right = left + _WINDOW
    lead = "…" if left else ""
    before = _visible(line[left:begin])
    marked = _visible(line[begin : min(stop, right)])
    shown = lead + before + marked + _visible(line[min(stop, right) : right]) + ("…" if right < len(line) else "")
    return number, shown, " " * _width(lead + before) + "^" * max(1, _width(marked))


def render(diagnostic: Diagnostic, colour: bool = False) -> str:
    severity = diagnostic.code.severity
    head = f"{severity.value}[{diagnostic.code.id}]"
    lines = [f"{_COLOURS[severity]}{head}{_PLAIN}: " if colour else f"{head}: "]
    lines[0] += _visible(diagnostic.message)
    gutter = "  "
    if diagnostic.span is not None and not diagnostic.span.source.text:
        lines.append(f" --> {_visible(diagnostic.span.source.name)}")
    elif diagnostic.span is not None:
        number, shown, carets = _excerpt(diagnostic.span.source, diagnostic.span.start, diagnostic.span.end)
        gutter = " " * len(str(number))
        lines += [
            f" --> {_visible(place(diagnostic.span))}",
            f"{number} | {shown}".rstrip(),
            f"{gutter} | {carets}",
        ]
    lines += [f"{gutter} = note: {_visible(note)}" for note in diagnostic.notes]
    if diagnostic.hint:
        lines.append(f"{gutter} = help: {_visible(diagnostic.hint)}")
    return "\n".join(lines) + "\n"


def render_text(diagnostics: Diagnostics, colour: bool = False, most: int = 100) -> str:
    """All of them, the author's line under each; beyond `most` only their number."""
    problems = diagnostics.all
    text = "\n".join(render(diagnostic, colour) for diagnostic in problems[:most])
    return text + (f"\n… and {len(problems) - most} more\n" if len(problems) > most else "")


def to_json(diagnostics: Diagnostics) -> list[dict[str, object]]:
    """One object each: code, severity, message, help, notes, file, and line and column (from 1) of start and end; null without a place."""
    return [_object(diagnostic) for diagnostic in diagnostics.all]


def _object(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    start = span.source.position(span.start) if span else (None, None)
    end = span.source.position(span.end) if span else (None, None)
    return {
        "code": diagnostic.code.id,
        "severity": diagnostic.code.severity.value,
        "message": diagnostic.message,
        "help": diagnostic.hint,
        "notes": list(diagnostic.notes),
        "file": span.source.name if span else None,
        "line": start[0],
        "column": start[1],
        "end_line": end[0],
        "end_column": end[1],
    }
