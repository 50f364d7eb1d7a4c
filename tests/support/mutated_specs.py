"""Specs as somebody might mistype them, each from the number of its case alone, and what the compiler makes of one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from aibenchc.diagnostics import Diagnostics, render_text
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.source import SourceFile
from paths import ROOT

_TOKEN = re.compile(r'"[^"\n]*"|#[^\n]*|->|[A-Za-z_]\w*|[0-9]+(?:\.[0-9]+)?|[<>]=?|[^\s\w]|\s+')
_NUMBERS = ("0", "1", "-1", "1.5", "100", "99.99999999", "0.0000001", "1e400", "inf", "nan", "9" * 30, "0x10", "1.2.3", "p100", "p0")
_WORDS = """
( ) { } [ ] | & -> => , : = ; . .. / // * # $ $rate @ % " ' \\ >= <= < > _ __init__
aib include library param dataset request task permutation metrics slo update load deployment distill essential reference
else until when rest response every within on model quality service
""".split()  # noqa: SIM905
_CHARACTERS = "\u200b\u00a0\ufeff\u2028\u202e\u0430→“”’–≥é漢🙂\t\r\\\"'#{}()0-"


@cache
def originals() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.aib")))


def _tokens(text: str, rng: random.Random, change: Callable[[list[str], int], None]) -> str:
    tokens = _TOKEN.findall(text)
    change(tokens, rng.randrange(len(tokens)))
    return "".join(tokens)


def _replace_word(text: str, rng: random.Random) -> str:
    def change(tokens: list[str], at: int) -> None:
        tokens[at] = rng.choice((rng.choice(_WORDS), rng.choice(tokens), "", f"{tokens[at]} {tokens[at]}"))

    return _tokens(text, rng, change)


def _replace_number(text: str, rng: random.Random) -> str:
    def change(tokens: list[str], _at: int) -> None:
        numbers = [i for i, token in enumerate(tokens) if token[0].isdigit()]
        if numbers:
            tokens[rng.choice(numbers)] = rng.choice(_NUMBERS)

    return _tokens(text, rng, change)


def _rename(text: str, rng: random.Random) -> str:
    """One name everywhere, to that of something else."""
    names = sorted({token for token in _TOKEN.findall(text) if token.isidentifier()})
    old, new = rng.choice(names), rng.choice((*names, *_WORDS, "x" * 80))
    return re.sub(rf"\b{old}\b", lambda _: new, text)


def _character(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(("", rng.choice(_CHARACTERS), rng.choice(text))) + text[at + rng.randrange(2) :]


def _lines(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            lines.insert(at, rng.choice(rng.choice(originals()).splitlines()))
    return "\n".join(lines)


def _truncated(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


_CHANGES = (_replace_word, _replace_word, _replace_number, _rename, _character, _lines, _truncated)
_WEIGHTS = (4, 4, 4, 2, 3, 4, 1)


def mutated(number: int) -> str:
    """One to three changes of one of the four scenarios; the same text for the same number."""
    rng = random.Random(number)
    text = rng.choice(originals())
    for change in rng.choices(_CHANGES, _WEIGHTS, k=rng.choice((1, 1, 1, 2, 3))):
        text = change(text, rng) if text.strip() else text
    return text


@dataclass(frozen=True)
class Outcome:
    """codes: of what was reported; compiled: whether a plan and its files were made; flaw: what no spec may lead to, or None."""

    codes: tuple[str, ...]
    compiled: bool
    flaw: str | None


def outcome(text: str) -> Outcome:
    """All phases in memory. No files can be included. An exception is passed on."""
    diagnostics = Diagnostics()

    def missing(name: str, span: object) -> None:
        diagnostics.report("AIB011", span, file=f"'{name}'")  # type: ignore[arg-type]  # a span

    result = compile_spec(SourceFile("main.aib", text), CompileSettings(), diagnostics, missing, missing)
    shown = render_text(diagnostics)
    flaw = None
    if (result is None) != diagnostics.failed:
        flaw = "no diagnostic" if result is None else "compiled in spite of an error"
    elif any(not d.message or (d.span is None and d.code.id < "AIB300") or not d.hint for d in diagnostics.all):
        flaw = "a diagnostic without a place or a way out"
    elif max(map(len, shown.splitlines()), default=0) > 400:
        flaw = "a line of more than 400 characters"
    elif any(not (c.isprintable() or c == "\n") for c in shown):
        flaw = "a character that a terminal may act on"
    return Outcome(tuple(d.code.id for d in diagnostics.all), result is not None, flaw)
