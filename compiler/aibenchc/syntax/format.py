"""ast.Spec → text in one layout. Parsing the text gives the same tree; the author's comments, blank lines and line breaks in chains stay.

Two steps: the tree becomes lines of cells; then runs of lines of one kind are aligned, as are the comments beside them. No line is longer
than WIDTH columns, as far as its words and its depth allow: blocks get a line for each child, chains and lists go on in the next line, a
comment moves above its line.
"""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from aibenchc.source import Span
from aibenchc.syntax import ast
from aibenchc.syntax.written import written

_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|(#[^\n]*)')
_OPERATOR = re.compile(r"->|[()|&]|\belse\b|\buntil\b")
_CONNECTING = frozenset(("->", "|", "&", "else", "until"))
_BLANK = re.compile(r"\n[ \t\r]*\n")
_STEP = "  "
WIDTH = 120
_FOLD = re.compile(r'"(?:[^"\\\n]|\\.)*"|([()])|( )(?=(?:->|[|&]|else|until) )|(?<=,)( )')  # where a line may be folded: a blank
_WIDEST = 100  # a longer line does not move the comments of its neighbours to the right


@dataclass
class _Line:
    """kind: lines of one kind that follow each other have their cells aligned; None: no alignment.
    goes_on: with the line before."""

    indent: int
    cells: list[str]
    kind: str | None = None
    comment: str | None = None
    blank_before: bool = False
    goes_on: bool = False

    @property
    def is_comment(self) -> bool:
        return not self.cells


@dataclass(frozen=True)
class _Atom:
    """A word of a chain; `span` None for operators."""

    text: str
    span: Span | None = None


@dataclass
class _Comment:
    text: str
    start: int
    end: int
    printed: bool = False


@dataclass
class _Writer:
    """text: the author's, empty for a tree that was not parsed."""

    text: str
    comments: list[_Comment] = field(default_factory=list)
    lines: list[_Line] = field(default_factory=list)
    at: int = 0  # the author's text has been written up to here
    next_comment: int = 0

    def spec(self, spec: ast.Spec) -> None:
        start = spec.span.start if self.text else 0
        self._comments_before(start, 0)
        self._put(_Line(0, [f"aib {spec.version}"]), self._header_end(start))
        for top in spec.tops:
            self.child(top, 0)
        self._comments_before(len(self.text), 0)

    def _header_end(self, start: int) -> int:
        match = re.compile(r"aib[ \t]+\d+(\.\d+)?").match(self.text, start)
        return match.end() if match else start

    def child(self, node: ast.Top | ast.Setting | ast.MetricName | ast.Path | ast.Figure | ast.Ref, indent: int) -> None:
        """One child of a block on lines of its own, its comments around it."""
        start, end = (node.span.start, node.span.end) if self.text else (0, 0)
        self._comments_before(start, indent)
        before = len(self.lines)
        blank = bool(_BLANK.search(self.text[self.at : start])) if self.text and self.lines else False
        self.at = start
        self._node(node, indent)
        self.lines[before].blank_before = blank
        lost = [comment for comment in self._between(start, end) if not comment.printed]
        for comment in reversed(lost):
            comment.printed = True
            self.lines.insert(before, _Line(indent, [], comment=comment.text))
        self.at = max(self.at, end)

    def _node(self, node: object, indent: int) -> None:
        match node:
            case ast.Scenario(name=name, title=title, items=items):
                head = f"scenario {name.text}" + (f" {written(title)}" if title else "")
                self._block([head], None, items, indent, node.span, inline=False)
            case ast.Permutation(chains=chains):
                self._block(["permutation"], None, chains, indent, node.span, inline=False)
            case ast.Reference(title=title, figures=figures):
                self._block([f"reference {written(title)}"], None, figures, indent, node.span, inline=False)
            case ast.Request(name=name, settings=settings):
                self._block(["request", name.text], "request", settings, indent, node.span)
            case ast.Deployment(name=name, settings=settings):
                self._block(["deployment", name.text], "deployment", settings, indent, node.span)
            case ast.Section(keyword=keyword, settings=settings):
                self._block([keyword], "section", settings, indent, node.span)
            case ast.Update(frequency=frequency, every=every, tasks=tasks):
                self._block(["update", f"{frequency.text} every {written(every)}"], "section", tasks, indent, node.span)
            case ast.Task(name=name, component=component, settings=()):
                self._put(_Line(indent, [f"task {name.text}", f": {component.text}"], "task"))
            case ast.Task(name=name, component=component, settings=settings):
                self._block([f"task {name.text}", f": {component.text}"], "task", settings, indent, node.span)
            case ast.Path():
                self._chain(node, indent)
            case _:
                self._put(_Line(indent, _cells(node), type(node).__name__))

    def _block(
        self,
        head: list[str],
        kind: str | None,
        children: Sequence[ast.Item | ast.Setting | ast.MetricName | ast.Path | ast.Figure | ast.Ref],
        indent: int,
        span: Span,
        inline: bool = True,
    ) -> None:
        """On one line if the author wrote it so and it is not too long, otherwise one child per line."""
        broken = "\n" in self.text[span.start : span.end] if self.text else False
        if inline and not broken:
            inner = ", ".join(" ".join(_cells(child)) for child in children)
            line = _Line(indent, [*head, f"{{ {inner} }}" if inner else "{}"], kind)
            if _width(line) <= WIDTH:
                self._put(line)
                return
        if not children and not (self.text and any(True for _ in self._between(span.start, span.end))):
            self._put(_Line(indent, [" ".join((*head, "{}"))]))
            return
        opening = span.start + self.text[span.start : span.end].find("{") + 1 if self.text else 0
        self._put(_Line(indent, [" ".join((*head, "{"))]), opening)
        for child in children:
            self.child(child, indent + 1)
        self._comments_before(span.end - 1 if self.text else 0, indent + 1)
        self._put(_Line(indent, ["}"]), span.end)
        self.lines[-1].blank_before = False

    # Chains: atoms, with line breaks and comments where the author has them

    def _chain(self, chain: ast.Path, indent: int) -> None:
        line = _Line(indent, [""])
        self._put(line)
        end: int | None = None
        pending: list[str] = []
        glue, depth = "", 0
        for atom in (*_atoms(chain), None):
            if atom is not None and atom.span is None:
                pending.append(atom.text)
                continue
            kept = len(pending)
            if end is not None and atom is not None and atom.span is not None and self.text:
                kept = self._break(pending, end, atom.span.start)
            for i, operator in enumerate((*pending, "")):
                if i == kept and atom is not None and kept < len(pending):
                    line = self._continue(line, indent + 1 + depth, end or 0, atom.span.start if atom.span else 0)
                    glue = ""
                if operator:
                    glue = _join(line, operator, glue)
                    depth += {"(": 1, ")": -1}.get(operator.strip(), 0)
            pending = []
            if atom is not None and atom.span is not None:
                glue = _join(line, atom.text, glue)
                end = atom.span.end

    def _break(self, operators: Sequence[str], start: int, end: int) -> int:
        """How many of the operators between two words stand before the author's line break; all of them where there is none."""
        gap = _COMMENT.sub("", self.text[start:end])
        if "\n" not in gap or not operators:
            return len(operators)
        before = len(_OPERATOR.findall(gap[: gap.index("\n")]))
        if before and operators[before - 1].strip() in _CONNECTING:
            before -= 1
        return min(before, len(operators) - 1)

    def _continue(self, line: _Line, indent: int, start: int, end: int) -> _Line:
        """A new line of the chain; the comments between the words stay with the line before it."""
        comments = [comment for comment in self._between(start, end) if not comment.printed]
        for i, comment in enumerate(comments):
            comment.printed = True
            if i == 0:
                line.comment = comment.text
            else:
                self.lines.append(_Line(indent, [], comment=comment.text, goes_on=True))
        fresh = _Line(indent, [""], goes_on=True)
        self.lines.append(fresh)
        return fresh

    # Comments

    def _put(self, line: _Line, end: int | None = None) -> None:
        self.lines.append(line)
        if end is not None:
            self.at = end

    def _between(self, start: int, end: int) -> Iterator[_Comment]:
        """The comments in a stretch of text."""
        while self.next_comment < len(self.comments) and self.comments[self.next_comment].printed:
            self.next_comment += 1
        first = bisect_left(self.comments, start, lo=self.next_comment, key=_start)
        for i in range(first, len(self.comments)):
            if self.comments[i].start >= end:
                return
            yield self.comments[i]

    def _comments_before(self, position: int, indent: int) -> None:
        """Prints what has not been printed up to a position: beside the line that it ends, else on lines of its own."""
        for comment in self._between(0, position):
            if comment.printed:
                continue
            comment.printed = True
            gap = self.text[self.at : comment.start]
            if self.lines and "\n" not in gap and self.lines[-1].comment is None:
                self.lines[-1].comment = comment.text
            else:
                blank = bool(self.lines) and bool(_BLANK.search(gap))
                self.lines.append(_Line(indent, [], comment=comment.text, blank_before=blank))
            self.at = comment.end


def _start(comment: _Comment) -> int:
    return comment.start


def format_spec(spec: ast.Spec) -> str:
    """The text of a tree, ending in a newline. Where the tree was parsed, comments and breaks are taken from its source."""
    text = spec.span.source.text
    comments = [_Comment(m[1].rstrip(), m.start(1), m.end(1)) for m in _COMMENT.finditer(text) if m[1] is not None]
    writer = _Writer(text, comments)
    writer.spec(spec)
    return _laid_out(writer.lines)


# Words


def _cells(node: object) -> list[str]:
    """A node that fits on one line, in cells that may be aligned."""
    match node:
        case ast.Include(file=file):
            return [f"include {written(file)}"]
        case ast.Library(name=library):
            return [f"library {written(library)}"]
        case ast.Param(name=name, value=value):
            return [f"param {name.text}", f"= {written(value)}"]
        case ast.Dataset(name=name, spec=spec):
            return [f"dataset {name.text}", f"= {spec.text}"]
        case ast.Setting(name=name, alternatives=()):
            words = [name.text, *(written(word) for word in node.words)]
            return [" ".join((*words, *_comparison(node.comparison), *_tasks(node.tasks)))]
        case ast.Setting(name=name, alternatives=alternatives):
            return [f"{name.text} " + " | ".join(_alternative(alternative) for alternative in alternatives)]
        case ast.Figure(name=name, words=words, over=over, value=value, within=within):
            parts = [name.text, *(written(word) for word in words)]
            parts += ["/", written(over), "=", written(value)] if over is not None and value is not None else []
            parts += ["within", written(within)] if within is not None else []
            return [" ".join(parts)]
        case ast.MetricName() | ast.Ref():
            return [node.text]
    raise TypeError(f"a {type(node).__name__} does not stand on a line of its own")


def _tasks(tasks: tuple[ast.Ref, ...] | None) -> list[str]:
    return [] if tasks is None else [f"{{ {', '.join(task.text for task in tasks)} }}" if tasks else "{}"]


def _comparison(comparison: ast.Comparison | None) -> list[str]:
    return [comparison.operator, written(comparison.value)] if comparison else []


def _alternative(alternative: ast.Alternative) -> str:
    qualities = (f"({written(quality.metric)} {' '.join(_comparison(quality.comparison))})" for quality in alternative.qualities)
    return " ".join((alternative.name.text, *qualities))


def _atoms(path: ast.Path) -> Iterator[_Atom]:
    for i, step in enumerate(path.steps):
        if i:
            yield _Atom("->")
        yield from _step(step)


def _step(step: ast.Step) -> Iterator[_Atom]:
    match step:
        case ast.Ref():
            yield _Atom(step.text, step.span)
        case ast.Paren(path=path):
            yield from _group((path,), "", _atoms, False)
        case ast.All(paths=paths):
            yield from _group(paths, "&", _atoms, False)
        case ast.One(arms=arms):
            yield from _group(arms, "|", _arm, any(arm.share is not None for arm in arms))
        case ast.First(arms=arms, until=until):
            yield from _group(arms, "else", _arm, True, until)


def _group(
    members: Sequence[ast.Path] | Sequence[ast.Arm],
    operator: str,
    atoms: Callable[[ast.Path], Iterator[_Atom]] | Callable[[ast.Arm], Iterator[_Atom]],
    wide: bool,
    until: ast.Until | None = None,
) -> Iterator[_Atom]:
    yield _Atom("( " if wide else "(")
    for i, member in enumerate(members):
        if i:
            yield _Atom(operator)
        yield from atoms(member)  # type: ignore[arg-type]
    if until is not None:
        yield _Atom("until")
        yield _Atom(f"{until.ref.text} {' '.join(_comparison(until.comparison))}", until.span)
    yield _Atom(" )" if wide else ")")


def _arm(arm: ast.Arm) -> Iterator[_Atom]:
    if arm.share is not None:
        text = "rest" if isinstance(arm.share, ast.Rest) else written(arm.share)
        span = arm.share.span
        if arm.when is not None:
            text, span = f"{text} when {arm.when.text}", Span(span.source, span.start, arm.when.span.end)
        yield _Atom(f"{text}:", span)
    yield from _atoms(arm.path)


def _join(line: _Line, word: str, glue: str) -> str:
    """Adds a word to a line; returns what belongs between it and the next."""
    bare = word.strip()
    closing = bare == ")"
    line.cells[0] += (" " if closing and word.startswith(" ") else "") if closing else glue
    line.cells[0] += bare
    return {"(": "", "( ": " "}.get(word, " ")


# Layout


def _laid_out(lines: Sequence[_Line]) -> str:
    fitting = [part for line in lines for part in _folded(line)]
    texts = _texts(fitting)
    while wide := [i for i, text in enumerate(texts) if len(text) > WIDTH and fitting[i].cells and fitting[i].comment is not None]:
        fitting = _comments_above(fitting, frozenset(wide))
        texts = _texts(fitting)
    out = []
    for line, text in zip(fitting, texts, strict=True):
        if line.blank_before:
            out.append("")
        out += _wrapped(line) if line.is_comment else [text.rstrip()]
    return "\n".join(out) + "\n"


def _texts(lines: Sequence[_Line]) -> list[str]:
    """Each line aligned with its neighbours, its comment beside it; of a line that is a comment, nothing."""
    texts = [""] * len(lines)
    for start, stop in _runs(lines, _same_kind):
        indent = _STEP * lines[start].indent
        rows = _aligned([line.cells for line in lines[start:stop]])
        if max(map(len, rows)) + len(indent) > WIDTH:
            rows = [" ".join(line.cells) for line in lines[start:stop]]
        texts[start:stop] = [indent + row for row in rows]
    for start, stop in _runs(lines, _together):
        beside = [i for i in range(start, stop) if lines[i].comment is not None and not lines[i].is_comment]
        column = max((len(texts[i]) for i in beside if len(texts[i]) <= _WIDEST), default=0)
        for i in beside:
            texts[i] = f"{texts[i]:<{column}}  {lines[i].comment}"
    return texts


def _width(line: _Line) -> int:
    return len(_STEP) * line.indent + len(" ".join(line.cells))


def _folded(line: _Line) -> Iterator[_Line]:
    """A line that is too long in parts, each as long as possible; the comment stays beside the last."""
    text, indent, start = " ".join(line.cells), line.indent, 0
    if _width(line) <= WIDTH:
        yield line
        return
    parts: list[tuple[int, str]] = []
    last: tuple[int, int] | None = None
    for blank in (*_blanks(text), (len(text), 0)):
        if last is not None and len(_STEP) * indent + blank[0] - start > WIDTH:
            end, depth = last
            parts.append((indent, text[start:end]))
            start, indent = end + 1, line.indent + depth + (0 if line.goes_on else 1)
        last = blank
    parts.append((indent, text[start:]))
    for i, (indent, part) in enumerate(parts):
        comment = line.comment if i == len(parts) - 1 else None
        yield _Line(indent, [part], None, comment, line.blank_before and i == 0, line.goes_on or i > 0)


def _blanks(text: str) -> Iterator[tuple[int, int]]:
    """Where a line may be folded, and how many parentheses are open there."""
    depth = 0
    for mark in _FOLD.finditer(text):
        if mark[1] is not None:
            depth += 1 if mark[1] == "(" else -1
        elif mark[2] is not None or mark[3] is not None:
            yield mark.start(), depth


def _comments_above(lines: Sequence[_Line], wide: frozenset[int]) -> list[_Line]:
    """The comments beside these lines move above them: above the first line of what goes on, and inside a block that they close."""
    moved: list[_Line] = []
    first = 0  # where what the line goes on with begins
    for i, line in enumerate(lines):
        if not line.goes_on:
            first = len(moved)
        if i in wide:
            above = _Line(line.indent, [], comment=line.comment, blank_before=line.blank_before)
            line = replace(line, comment=None)
            if line.goes_on:
                above = replace(above, indent=moved[first].indent, blank_before=moved[first].blank_before)
                moved[first] = replace(moved[first], blank_before=False)
            else:
                above = replace(above, indent=line.indent + (line.cells == ["}"]))
                line = replace(line, blank_before=False)
            moved.insert(first, above)
            first += 1
        moved.append(line)
    return moved


def _wrapped(line: _Line) -> list[str]:
    """A comment on lines of its own, each with the same sign and indentation."""
    comment = line.comment or ""
    indent = _STEP * line.indent
    if len(indent) + len(comment) <= WIDTH:
        return [indent + comment]
    sign = re.match(r"#+[ \t]*", comment)
    head = indent + (sign[0] if sign else "")
    body = comment[sign.end() :] if sign else comment
    wrapped = textwrap.wrap(
        body, WIDTH, initial_indent=head, subsequent_indent=head, break_long_words=False, break_on_hyphens=False, expand_tabs=False
    )
    return wrapped or [indent + comment]


def _runs(lines: Sequence[_Line], belongs: Callable[[_Line, _Line], bool]) -> Iterator[tuple[int, int]]:
    start = 0
    for i in range(1, len(lines) + 1):
        if i == len(lines) or lines[i].blank_before or not belongs(lines[i - 1], lines[i]):
            yield start, i
            start = i


def _same_kind(line: _Line, other: _Line) -> bool:
    return line.kind is not None and line.kind == other.kind and line.indent == other.indent


def _together(line: _Line, other: _Line) -> bool:
    return not line.is_comment and not other.is_comment and line.indent == other.indent


def _aligned(rows: Sequence[list[str]]) -> list[str]:
    """Each column as wide as its widest cell that is not the last of its row."""
    widths: dict[int, int] = {}
    for row in rows:
        for i, cell in enumerate(row[:-1]):
            widths[i] = max(widths.get(i, 0), len(cell))
    return [" ".join([cell.ljust(widths[i]) for i, cell in enumerate(row[:-1])] + row[-1:]) for row in rows]
