"""Hints for what people write out of habit from other languages, or what an editor puts in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from aibenchc.diagnostics import nearest

_SIGNS = (  # what stands where the parser stops → the way out; the first that fits
    (r"-[ \t]+>|--+[ \t]*>|[–—]+[ \t]*>|[→⟶⇒➔➜]", "an edge is written `->`"),
    (r"=+>", "an edge is written `->`, a bound `>=`"),
    (r"(?<=[A-Za-z0-9_])[-‐‑–](?=[A-Za-z0-9_])", "a name has no `-` inside: write `_`"),
    (r"[-−–][ \t]*[0-9]", "numbers are never negative here; write it without the `-`"),
    (r"[“”„‟«»‘’‚′″'`]", 'a string stands between straight double quotes: "…"'),
    (r"//|/\*|\*/|--", "a comment begins with `#` and ends with its line"),
    (r"[*×÷+^]|/[ \t]*[0-9]", "nothing is calculated in a spec: write the result"),
    (r"[≥≧]", "write `>=`"),
    (r"[≤≦]|=<", "write `<=`"),
    (r"(?<=\|)\||\|\|", "alternatives are written with a single `|`"),
    (r"(?<=&)&|&&", "what runs beside each other is written with a single `&`"),
    (r";", "a new line or a comma ends a setting"),
    (r"[\[\]]", "settings stand in { }, groups of tasks in ( )"),
)
_HINTS = tuple((re.compile(pattern), hint) for pattern, hint in _SIGNS)


def sign_hint(text: str, at: int) -> str | None:
    """The way out where the character at `at` belongs to a sign that the language writes otherwise, or does not have."""
    return next((hint for pattern, hint in _HINTS if pattern.match(text, at)), None)


def word_hint(word: str, keywords: Collection[str]) -> str | None:
    """The way out where `word` is a misspelt keyword of those that may stand here."""
    match = nearest(word, keywords)
    return None if match is None or match == word else f"did you mean `{match}`?"


def character(text: str, at: int) -> tuple[str, str | None]:
    """How a message names a character, and the way out where it looks like nothing, or like a blank."""
    sign = text[at]
    if sign.isprintable():
        return f"'{sign}'", None
    name = f"U+{ord(sign):04X}"
    if known := unicodedata.name(sign, "").lower():
        name += f" ({known})"
    blank = unicodedata.category(sign) in ("Zs", "Zl", "Zp")
    return name, "it looks like a blank; write an ordinary one" if blank else "it cannot be seen; remove it"
