"""The words of a query: a phrase for a category (and an attribute), as meant and as typed, that never copies an indexed title."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aibenchrt.datasets.draws import choose
from aibenchrt.datasets.interactions.misspell import misspell, tokens
from aibenchrt.datasets.movielens_shop.lexicon import (
    CARRIERS,
    CORE,
    DECADE_JOINTS,
    GENRE_JOINTS,
    JOINTS,
    NOUNS,
    SHARED,
    YEAR_JOINTS,
    Family,
    decade_words,
)
from aibenchrt.datasets.sources.departments import CATEGORIES, GENRE_WORDS

MISSPELT = 0.20  # fraction of the words of four or more letters: about 15 % of all words
HELD_OUT_FAMILIES = 0.30  # fraction of the families that have forms which only held-out queries use
SHARED_SHARE = 0.34  # fraction of the ideas in a query that are ambiguous between categories
IDEAS = (0.50, 0.38, 0.12)  # probability of one, two, three ideas in a query


@dataclass(frozen=True)
class Forms:
    """The forms of one family: those that training queries may use, and all of them."""

    training: Family
    every: Family


@dataclass(frozen=True)
class Vocabulary:
    """core, shared: category label → families. Drawn once from the world's seed."""

    core: tuple[tuple[Forms, ...], ...]
    shared: tuple[tuple[Forms, ...], ...]


def draw_vocabulary(rng: np.random.Generator) -> Vocabulary:
    """Decides for each family of the lexicon which forms are kept for held-out queries."""
    core = tuple(tuple(_hold_out(family, rng) for family in CORE[name]) for name in CATEGORIES)
    drawn = [(_hold_out(family, rng), names) for family, names in SHARED]
    shared = tuple(tuple(forms for forms, names in drawn if name in names) for name in CATEGORIES)
    return Vocabulary(core, shared)


def _hold_out(family: Family, rng: np.random.Generator) -> Forms:
    if len(family) < 2 or rng.random() >= HELD_OUT_FAMILIES:
        return Forms(family, family)
    kept = sorted(rng.permutation(len(family))[: max(1, len(family) // 2)].tolist())
    return Forms(tuple(family[k] for k in kept), family)


def phrase(label: int, attribute: str, held_out: bool, vocabulary: Vocabulary, rng: np.random.Generator) -> str:
    """A query as meant. attribute: as in Query.attribute. held_out: whether to use also forms that no training query uses."""
    text = ""
    for _ in range(1 + int(rng.choice(len(IDEAS), p=IDEAS))):
        families = (vocabulary.shared if rng.random() < SHARED_SHARE else vocabulary.core)[label]
        forms = choose(families, rng)
        form = choose(forms.every if held_out else forms.training, rng)
        text = text + choose(JOINTS, rng) + form if text else form
    if rng.random() < 0.4:
        text += " " + choose(NOUNS, rng)
    return choose(CARRIERS, rng).format(_with_attribute(text, attribute, rng))


def _with_attribute(text: str, attribute: str, rng: np.random.Generator) -> str:
    kind, _, value = attribute.partition(":")
    if kind == "genre":
        return choose(GENRE_JOINTS, rng).format(text, GENRE_WORDS[value])
    if kind == "decade":
        return choose(DECADE_JOINTS, rng).format(text, choose(decade_words(int(value[:4])), rng))
    if kind == "year":
        return choose(YEAR_JOINTS, rng).format(text, value)
    return text


def typed(clean: str, rng: np.random.Generator) -> str:
    return misspell(clean, MISSPELT, rng)


_ARTICLES = frozenset({"the", "a", "an", "la", "le", "les", "il", "el", "das", "der", "die", "l"})


class TitleWords:
    """Knows every indexed title, with and without its article and its alternatives in parentheses."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._titles = {form for title in titles for part in (title, *re.split(r"[()]", title)) for form in _article_forms(tokens(part))}
        self._longest = max((len(title) for title in self._titles), default=0)

    def copied_in(self, text: str) -> bool:
        """Whether the text contains a title word for word."""
        words = tokens(text)
        return any(
            words[start : start + length] in self._titles
            for start in range(len(words))
            for length in range(1, min(self._longest, len(words) - start) + 1)
        )


def _article_forms(words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    if not words:
        return
    bare = words[1:] if words[0] in _ARTICLES else words[:-1] if words[-1] in _ARTICLES else words
    yield words
    if bare:
        yield bare
