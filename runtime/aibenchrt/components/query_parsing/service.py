"""Query parsing: turns a search in tantivy's query grammar into terms (terms.py), and a request for translation into a sentence
(sentence.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tantivy

from aibenchrt.components.query_parsing.sentence import sentence_of
from aibenchrt.components.query_parsing.terms import FIELDS, Term, query_value, words
from aibenchrt.values import Values, Work

LONGEST = 512  # characters; the rest is cut off, as search boxes do
DEEPEST = 16  # parentheses; a text with more loses all of them: tantivy's recursive parser overflows its stack at some thousands

_QUOTES = str.maketrans("“”„‟«»‘’‚‛‐‑‒–—−：", '""""""\'\'\'\'------:')
_YEAR = re.compile(r"\d{4}")
# Only the names in FIELDS are fields: "10:30" and "alien: covenant" are words.
_UNKNOWN_FIELD = re.compile(r"(?<![\w\"])(?![-+(]*(?:" + "|".join(FIELDS) + r"):\S)([^\s:\"]+):", re.IGNORECASE)
_LONE_SIGN = re.compile(r"(?<!\S)[-+](?!\S)")  # "star wars - a new hope" excludes nothing
_FIELD = re.compile(r"\b(" + "|".join(FIELDS) + r"):", re.IGNORECASE)


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing and reads nothing
    if settings.get("grammar") == "translation":
        return lambda inputs: {"text": {"text": sentence_of(str(inputs["text"]["text"]))}}
    return work


def work(inputs: Values) -> Values:
    return {"query": query_value(parse(inputs["text"]["text"]))}


def parse(text: str) -> list[Term]:
    """The query's terms in order, each once. Never fails: invalid syntax is read as words. May be empty ("!!!")."""
    typed = text[:LONGEST].translate(_QUOTES)
    if typed.count("(") > DEEPEST:
        typed = typed.replace("(", " ").replace(")", " ")
    typed = _UNKNOWN_FIELD.sub(r"\1 ", _LONE_SIGN.sub(" ", typed))
    typed = _FIELD.sub(lambda match: match.group().lower(), typed)
    tree, _ = tantivy.parse_query_lenient(typed)
    terms = list(dict.fromkeys(_terms(tree, excluded=False)))
    return terms or [Term((word,)) for word in dict.fromkeys(words(typed))]


def _terms(node: Mapping[str, Any], *, excluded: bool) -> Iterator[Term]:
    match node["type"]:
        case "bool":
            for occur, clause in node["clauses"]:
                yield from _terms(clause, excluded=excluded != (occur == "must_not"))
        case "boost":
            yield from _terms(node["underlying"], excluded=excluded)
        case "literal":
            yield from _literal(node["field_name"], node["phrase"], node["delimiter"] != "none", excluded)
        case "set":
            for element in node["elements"]:
                yield from _literal(node["field"], element, False, excluded)
        case "range":
            yield from _range(node, excluded)
        case "regex":
            yield from _literal(node["field"], node["pattern"], False, excluded)


def _literal(field: str | None, phrase: str, quoted: bool, excluded: bool) -> Iterator[Term]:
    terms = tuple(words(phrase))
    if not terms:
        return
    if field is not None and field not in FIELDS:
        terms, field = (*words(field), *terms), None
    if quoted or field is not None:
        yield Term(terms, field, excluded)
    else:
        for word in terms:
            yield Term((word,), None, excluded)


def _range(node: Mapping[str, Any], excluded: bool) -> Iterator[Term]:
    """`year:[1990 TO 1995]` is a filter; any other range is read as the words of its bounds."""
    bounds = [node[side].get("value") for side in ("lower", "upper")]
    if node["field"] == "year" and all(bound is not None and _YEAR.fullmatch(bound) for bound in bounds):
        lower = int(bounds[0]) + (node["lower"]["type"] == "exclusive")
        upper = int(bounds[1]) - (node["upper"]["type"] == "exclusive")
        yield Term((f"{lower}..{upper}",), "year", excluded)
        return
    for bound in bounds:
        if bound is not None:
            yield from _literal(None, bound, False, excluded)
