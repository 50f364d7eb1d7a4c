"""The terms of a parsed query, shared by query parsing, spelling correction and indexing.

A term is one of
    alien                  a word: lower-case letters and digits, without accents
    star wars              a quoted phrase: words in order, separated by single spaces
    year:1995              a field filter; fields are FIELDS; years may be a range, `year:1990..1995`
    -horror  -"star wars"  a word, a phrase or a filter that must not match
A Query's `text` consists of its terms in their written form, phrases in quotes, joined by spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

FIELDS = ("year", "decade", "genre", "title")

_WORD = re.compile(r"[^\W_]+")
_INNER_APOSTROPHE = re.compile(r"(?<=\w)['’ʼ`](?=\w)")


@dataclass(frozen=True)
class Term:
    """`words`: at least one; several form a phrase. `field`: one of FIELDS, or None for a search in all of them."""

    words: tuple[str, ...]
    field: str | None = None
    excluded: bool = False

    @property
    def plain(self) -> bool:
        """Whether this is a single word to search for; spelling correction and classifiers look only at these."""
        return self.field is None and not self.excluded and len(self.words) == 1

    def __str__(self) -> str:
        body = " ".join(self.words)
        if self.field is not None:
            body = f"{self.field}:{body}"
        return f"-{body}" if self.excluded else body

    @property
    def written(self) -> str:
        """The term as a user would type it, with phrases in quotes."""
        body = " ".join(self.words)
        if len(self.words) > 1:
            body = f'"{body}"'
        if self.field is not None:
            body = f"{self.field}:{body}"
        return f"-{body}" if self.excluded else body


def words(text: str) -> list[str]:
    """The words of a text: NFKC, case folded, without accents and inner apostrophes ("what's" → "whats"), split at all other characters."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(character for character in folded if not unicodedata.combining(character))
    return _WORD.findall(_INNER_APOSTROPHE.sub("", bare))


def read_term(term: str) -> Term:
    """The inverse of str(Term)."""
    excluded = term.startswith("-")
    body = term[1:] if excluded else term
    field, colon, rest = body.partition(":")
    if colon and field in FIELDS:
        return Term(tuple(rest.split(" ")), field, excluded)
    return Term(tuple(body.split(" ")), None, excluded)


def query_value(terms: Iterable[Term]) -> dict[str, str | list[str]]:
    """A Query value that has these terms, in this order."""
    listed = list(terms)
    return {"text": " ".join(term.written for term in listed), "term": [str(term) for term in listed]}
