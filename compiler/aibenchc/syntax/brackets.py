"""Which bracket is not closed, and where the author most likely meant to close it.

Used after a failed parse only, and only where the brackets of the text do not match. The text is read three times: with everything that its
layout says, with the words that begin an item, and with the brackets alone; the reading with the fewest faults is taken.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

from aibenchc.syntax.grammar import MAX_DEPTH

_HIDDEN = re.compile(r'"(?:[^"\\\n]|\\.)*+"|"[^\n]*|#[^\n]*')
_BRACKET = re.compile(r"[(){}]")
_BLANK = re.compile(r"(?:\s|#[^\n]*)*+")
_CONTINUES = re.compile(r"->|[|&)]|(?:else|until)\b")  # a line that goes on with what the line before it says
_GOES_ON = re.compile(r"(?:->|[|&(:<>=,/]|\b(?:else|until|when))\s*$")  # a line after which something must follow
_TOP = re.compile(r"param\s+\w+\s*=|scenario\s+\w+\s*(?:\{|s|$)")
_ITEM = re.compile(
    r"(?:include|library)\s+s|dataset\s+\w+\s*=|request\s+\w+\s*\{|task\s+\w+\s*:|(?:permutation|metrics|slo|load|distill|essential)\s*\{"
    r"|update\s+\w+\s+every\b|deployment\s+\w+\s*\{|reference\s+s"
)
_WINDOW = 200  # characters before a bracket that are looked at
_MOST = 1000  # faults and open brackets together: beyond, the rest is not read
_CLOSER = {"(": ")", "{": "}"}
_OPENER = {")": "(", "}": "{"}


class Evidence(IntEnum):
    """What a reading goes by, beside the brackets."""

    BRACKETS = 0
    ITEMS = 1  # and the words that begin an item: none stands inside another item
    LAYOUT = 2  # and indentation, and the blanks inside parentheses


@dataclass(frozen=True)
class Line:
    """A line with content. Offsets; `end`: after its last character that is no comment. `code`: strings and comments masked."""

    indent: int
    start: int
    end: int
    code: str


@dataclass(frozen=True)
class Opening:
    """A bracket that opens a block or a group. `head`: where the words before it begin that say which, as in
    `task find {`; `statement`: where all of it begins."""

    bracket: str
    at: int
    line: Line
    statement: int
    head: int
    ends_line: bool


@dataclass(frozen=True)
class Unclosed:
    """`opening` is not closed; its closer is expected at `at`, at the latest. An error from `damaged` on until `at` may follow from it."""

    opening: Opening
    at: int
    damaged: int

    @property
    def closer(self) -> str:
        return _CLOSER[self.opening.bracket]


@dataclass(frozen=True)
class Unopened:
    """The closer at `closer` closes nothing; `head`: the line with an opener missing at its end, where indentation tells."""

    bracket: str
    closer: int
    line: Line
    head: Line | None

    @property
    def opener(self) -> str:
        return _OPENER[self.bracket]


Fault = Unclosed | Unopened


@dataclass(frozen=True)
class Mended:
    """`text` with the faults mended; `original` maps its offsets to those of the author's text."""

    text: str
    faults: tuple[Fault, ...]
    inserts: tuple[int, ...]  # offsets in `text` of what was put in, ascending
    damaged: tuple[tuple[int, int], ...]  # [start, end] in `text`: errors here follow from the faults

    def original(self, at: int) -> int:
        return at - bisect_left(self.inserts, at)

    def region(self, at: int) -> tuple[int, int] | None:
        """The damaged region around an offset of `text`, or right before it."""
        return next((region for region in self.damaged if region[0] <= at <= _BLANK.match(self.text, region[1]).end()), None)  # type: ignore[union-attr]


def mended(text: str, most: int) -> Mended | None:
    """The text with every bracket closed; None if its brackets match as they are. At most `most` faults are mended."""
    code = _HIDDEN.sub(_masked, text)
    if _match(code):
        return None
    lines = _lines(code)
    readings = [_Reading(lines, evidence).faults for evidence in (Evidence.LAYOUT, Evidence.ITEMS, Evidence.BRACKETS)]
    return _mend(text, tuple(min(readings, key=len)[:most]))


def _masked(match: re.Match[str]) -> str:
    """A string as `s`, a comment as blanks. A string that is not closed ends before brackets at the end of its line."""
    hidden = match[0]
    if hidden[0] == "#":
        return " " * len(hidden)
    if len(hidden) > 1 and hidden[-1] == '"':
        return "s" * len(hidden)
    kept = len(hidden) if _match(hidden) else len(hidden.rstrip(" \t\r(){}"))
    return "s" * kept + hidden[kept:]


def _match(code: str) -> bool:
    stack: list[str] = []
    for bracket in _BRACKET.findall(code):
        if bracket in _CLOSER:
            stack.append(bracket)
        elif not stack or stack.pop() != _OPENER[bracket]:
            return False
    return not stack


def _lines(code: str) -> list[Line]:
    lines, start = [], 0
    for whole in code.split("\n"):
        content = whole.strip()
        if content:
            lead = len(whole) - len(whole.lstrip())
            lines.append(Line(len(whole[:lead].expandtabs()), start + lead, start + lead + len(content), content))
        start += len(whole) + 1
    return lines


class _Reading:
    """The faults of the text by one kind of evidence."""

    def __init__(self, lines: list[Line], evidence: Evidence) -> None:
        self.faults: list[Fault] = []
        self._lines = lines
        self._evidence = evidence
        self._open: list[Opening] = []
        self._bodies: dict[int, int] = {}  # an opening's offset → indentation of the first line inside
        self._statement = 0
        previous: Line | None = None
        for number, line in enumerate(lines):
            if previous is None or not (_CONTINUES.match(line.code) or _GOES_ON.search(previous.code)):
                self._statement = line.start
            if previous is not None:
                self._note_body(line)
                self._end_before(line, previous)
            for match in islice(_BRACKET.finditer(line.code), _MOST):
                self._bracket(match, number)
            previous = line
            if len(self.faults) + len(self._open) > _MOST:
                break
        if previous is not None:
            self._drop(0, previous.end)

    def _note_body(self, line: Line) -> None:
        if self._open and self._open[-1].ends_line:
            self._bodies.setdefault(self._open[-1].at, line.indent)

    def _drop(self, keep: int, at: int) -> None:
        """All openings beyond the first `keep` are not closed; their closers belong at `at`."""
        while len(self._open) > keep:
            opening = self._open.pop()
            whole_lines = opening.bracket == "{" and opening.ends_line
            self.faults.append(Unclosed(opening, at, at if whole_lines else opening.statement))

    def _end_before(self, line: Line, previous: Line) -> None:
        """What must have been closed before this line."""
        if self._evidence >= Evidence.ITEMS and (_TOP.match(line.code) or _ITEM.match(line.code)):
            inside = _ITEM.match(line.code) and self._open and self._open[0].line.code.startswith("scenario")
            self._drop(1 if inside else 0, previous.end)
        if self._evidence < Evidence.LAYOUT:
            return
        if _CONTINUES.match(line.code):
            if line.code.startswith("->"):
                self._end_step(line, previous)
        elif line.code[0] == "}":
            aligned = self._innermost(lambda each: each.bracket == "{" and each.line.indent == line.indent)
            if aligned is not None:
                self._drop(aligned + 1, previous.end)
        elif not _GOES_ON.search(previous.code):
            while self._open and self._is_over(self._open[-1], line):
                self._drop(len(self._open) - 1, previous.end)

    def _end_step(self, line: Line, previous: Line) -> None:
        """`-> ( a | b` and then `-> c`, as deep: the next step of the chain."""
        while self._open:
            top = self._open[-1]
            if top.bracket != "(" or not top.line.code.startswith("->") or line.indent > top.line.indent:
                return
            self._drop(len(self._open) - 1, previous.end)

    def _innermost(self, fits: Callable[[Opening], bool]) -> int | None:
        last = len(self._open) - 1
        return next((i for i in range(last, max(-1, last - MAX_DEPTH), -1) if fits(self._open[i])), None)

    def _is_over(self, opening: Opening, line: Line) -> bool:
        """Whether a block or group ends before a line that begins something new."""
        if opening.bracket == "(":
            return True
        indented = not opening.ends_line or self._bodies[opening.at] > opening.line.indent
        return indented and line.indent <= opening.line.indent

    def _bracket(self, match: re.Match[str], number: int) -> None:
        line, bracket = self._lines[number], match[0]
        if bracket in _CLOSER:
            before = line.code[max(0, match.start() - _WINDOW) : match.start()]
            head = line.start + match.start() - len(re.split(r"[{}(),|&]|->", before)[-1].lstrip())
            self._open.append(Opening(bracket, line.start + match.start(), line, self._statement, head, match.end() == len(line.code)))
            return
        opener = _OPENER[bracket]
        nearest = self._innermost(lambda each: each.bracket == opener)
        if nearest is None or self._closes_nothing(match, line):
            self.faults.append(Unopened(bracket, line.start + match.start(), line, self._head_before(match, number)))
            return
        if self._evidence is Evidence.LAYOUT and bracket == ")":
            nearest = self._spaced_alike(nearest, match, line)
        before = line.code[max(0, match.start() - _WINDOW) : match.start()]
        blanks = len(before) - len(before.rstrip())
        self._drop(nearest + 1, line.start + match.start() - blanks if match.start() else self._lines[number - 1].end)
        self._open.pop()

    def _closes_nothing(self, match: re.Match[str], line: Line) -> bool:
        """A `}` after the content of its line, while the block that it would close stands on lines of its own; one indented too deep."""
        top = self._open[-1]
        if self._evidence < Evidence.LAYOUT or match[0] != "}" or top.line is line or not top.ends_line or top.bracket == "(":
            return False
        return self._bodies[top.at] > top.line.indent and line.indent > top.line.indent

    def _spaced_alike(self, nearest: int, match: re.Match[str], line: Line) -> int:
        """`( a | (b & c )`: the one with blanks inside is the one that is closed."""
        if match.start() == 0 or self._evidence < Evidence.LAYOUT:
            return nearest
        spaced = line.code[match.start() - 1] == " "

        def alike(opening: Opening) -> bool:
            code, after = opening.line.code, opening.at - opening.line.start + 1
            return opening.bracket == "(" and (opening.ends_line or (code[after] == " ") == spaced)

        if nearest and not alike(self._open[nearest]) and alike(self._open[nearest - 1]):
            return nearest - 1
        return nearest

    def _head_before(self, match: re.Match[str], number: int) -> Line | None:
        """The line above, as deep as a `}` that begins its line, after which an opener is missing."""
        line = self._lines[number]
        if match[0] != "}" or match.start() or self._evidence < Evidence.LAYOUT:
            return None
        for above in range(number - 1, -1, -1):
            head = self._lines[above]
            if head.indent <= line.indent:
                bare = head.indent == line.indent and above < number - 1 and not _BRACKET.search(head.code)
                return head if bare else None
        return None


def _mend(text: str, faults: tuple[Fault, ...]) -> Mended:
    characters = list(text)
    inserts: list[tuple[int, str]] = []
    damaged = []
    for fault in faults:
        if isinstance(fault, Unclosed):
            inserts.append((fault.at, fault.closer))
            damaged.append((fault.damaged, fault.at))
        elif fault.head is not None:
            inserts.append((fault.head.end, fault.opener))
            damaged.append((fault.head.start, fault.head.end))
        else:
            characters[fault.closer] = " "
            start = fault.line.start
            if _CONTINUES.match(fault.line.code):  # whether it goes on with the line before it shows at that line's end
                start = len(text[:start].rstrip())
            damaged.append((start, fault.closer))
    inserts.sort(key=lambda insert: insert[0])  # stable: what was opened last is closed first
    offsets = [at for at, _ in inserts]
    for at, bracket in reversed(inserts):
        characters.insert(at, bracket)
    whole = "".join(characters)

    def region(start: int, end: int) -> tuple[int, int]:
        stop = whole.find("\n", end + bisect_right(offsets, end))
        return start + bisect_left(offsets, start), len(whole) if stop < 0 else stop

    places = tuple(at + count for count, at in enumerate(offsets))
    return Mended(whole, faults, places, tuple(region(*ends) for ends in damaged))
