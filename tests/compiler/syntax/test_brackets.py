"""A missing bracket is one error, at the bracket that it belongs to: each of the four scenarios' brackets is taken away in turn."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from statistics import median

import pytest
from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.source import SourceFile
from aibenchc.syntax.brackets import mended
from aibenchc.syntax.explain import MAX_MISTAKES
from aibenchc.syntax.parse import parse_file
from paths import ROOT

SPECS = sorted((ROOT / "specs").glob("*.aib"))
OF = {")": "(", "}": "{"}
WORDS = re.compile(r'"[^"\n]*"|#[^\n]*|[(){}]')


def pairs(text: str) -> Iterator[tuple[int, int]]:
    """Offsets of each opener and its closer."""
    stack = []
    for match in WORDS.finditer(text):
        if match[0] in "({":
            stack.append(match.start())
        elif match[0] in ")}":
            yield stack.pop(), match.start()


def diagnose(text: str) -> Diagnostics:
    diagnostics = Diagnostics()
    assert parse_file(SourceFile("main.aib", text), diagnostics) is None
    return diagnostics


def without(text: str, at: int) -> str:
    return text[:at] + text[at + 1 :]


def measure(closer: str, share: float) -> tuple[list[int], list[bool]]:
    """Of each case: the number of errors, and whether the first says which bracket is open."""
    rng = random.Random(11)
    errors, right = [], []
    for path in SPECS:
        text = path.read_text(encoding="utf-8")
        for opening, closing in pairs(text):
            if text[closing] == closer and rng.random() < share:
                diagnostics = diagnose(without(text, closing))
                errors.append(diagnostics.errors)
                first = diagnostics.all[0]
                right.append(first.code.id == "AIB023" and first.span is not None and first.span.start == opening)
    return errors, right


@pytest.mark.parametrize(
    ("share", "braces", "parens"), [(0.15, 15, 4), pytest.param(1.0, 149, 38, marks=pytest.mark.long)], ids=["some", "all"]
)
def test_a_missing_closer_is_one_error_at_its_opener(share: float, braces: int, parens: int) -> None:
    for closer, least in (("}", braces), (")", parens)):
        errors, right = measure(closer, share)
        assert len(errors) >= least
        assert median(errors) == 1
        assert max(errors) <= 2
        assert sum(right) >= 0.98 * len(right)


@pytest.mark.parametrize("share", [0.05, pytest.param(1.0, marks=pytest.mark.long)], ids=["some", "all"])
def test_a_missing_opener_is_one_error_on_its_line(share: float) -> None:
    rng = random.Random(11)
    for path in SPECS:
        text = path.read_text(encoding="utf-8")
        for opening, _ in pairs(text):
            if rng.random() < share:
                diagnostics = diagnose(without(text, opening))
                places = [d.span.source.position(d.span.start)[0] for d in diagnostics.all if d.span]
                assert places == [text.count("\n", 0, opening) + 1], render_text(diagnostics)


def test_matching_brackets_are_left_as_they_are() -> None:
    assert all(mended(path.read_text(encoding="utf-8"), MAX_MISTAKES) is None for path in SPECS)
    assert mended('aib 1  # (\nscenario s "{" { permutation { a -> (b) } }\n', MAX_MISTAKES) is None


SHOP = """aib 1
scenario shop {
  task find : indexing { tier good
  permutation {
    text -> (find & spell -> response
    text -> clicks category
  load { poisson 20/s, for 60 s
"""


def test_each_open_bracket_is_one_error_and_other_mistakes_are_still_told() -> None:
    diagnostics = diagnose(SHOP)
    assert [(d.code.id, SHOP[d.span.start : d.span.end]) for d in diagnostics.all if d.span] == [
        ("AIB023", "{"),
        ("AIB023", "{"),
        ("AIB023", "{"),
        ("AIB023", "("),
        ("AIB001", "category"),
        ("AIB023", "{"),
    ]


def test_a_message_says_which_block_is_open() -> None:
    [diagnostic] = diagnose('aib 1\nscenario s {\n  reference "a # {title}" {\n    time ai 99% within 5%\n}\n').all
    assert diagnostic.message == 'the `{` of `reference "a # {title}"` is not closed'
    assert "main.aib:4:26" in diagnostic.hint


def test_without_indentation_the_words_that_begin_an_item_tell() -> None:
    flat = "\n".join(line.strip() for line in SPECS[0].read_text(encoding="utf-8").splitlines())
    for opening, closing in pairs(flat):
        if flat[closing] == "}" and flat[opening - 12 : opening].strip() == "permutation":
            [diagnostic] = diagnose(without(flat, closing)).all
            assert diagnostic.span is not None
            assert (diagnostic.code.id, diagnostic.span.start) == ("AIB023", opening)
            return
    raise AssertionError("no permutation")


@pytest.mark.parametrize("piece", ["(a ", "a) ", "task a : b {\n", "}\n", "permutation { (a }\n", '" (', " )\n {\n"])
def test_nothing_but_brackets_is_explained_at_once(piece: str) -> None:
    diagnostics = diagnose("aib 1\n" + piece * (2**18 // len(piece)))
    assert 1 <= diagnostics.errors <= MAX_MISTAKES
