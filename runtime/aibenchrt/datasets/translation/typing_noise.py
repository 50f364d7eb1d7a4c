"""How users of a translator type what they want translated: composed, by seed. query_parsing and text_normalization undo it."""

from __future__ import annotations

import unicodedata

import numpy as np

ASKED = 0.25  # share of requests that are asked for in words: "comment dit-on « … » en anglais ?"
SPELT = 0.25  # share whose signs are spelt otherwise than the corpus spells them

# Words around a French sentence that is to be put into English.
FRAMES = (
    "comment dit-on « {} » en anglais ?",
    'comment dire "{}" en anglais ?',
    "traduire « {} » en anglais",
    'traduis "{}" en anglais',
    "traduction anglaise de « {} »",
    "que veut dire « {} » en anglais ?",
    "« {} » en anglais",
    "en anglais : {}",
)
_TYPEWRITER = str.maketrans({"’": "'", "«": '"', "»": '"', "“": '"', "”": '"', "\u00a0": " ", "\u202f": " "})


def typed(sentence: str, rng: np.random.Generator) -> str:
    """The sentence as a user may type it."""
    text = sentence
    if rng.random() < SPELT:
        text = _spelt(text, int(rng.integers(4)))
    if rng.random() < ASKED and "«" not in text and '"' not in text:
        text = FRAMES[int(rng.integers(len(FRAMES)))].format(text)
    return text


def _spelt(text: str, way: int) -> str:
    """Signs of a typewriter; accents as combining characters; doubled and no-break blanks; a soft hyphen and a zero-width space."""
    if way == 0:
        return text.translate(_TYPEWRITER)
    if way == 1:
        return unicodedata.normalize("NFD", text)
    if way == 2:
        return "  " + text.replace(" ", " \u00a0", 1) + "\n"
    middle = len(text) // 2
    return f"\ufeff{text[:middle]}\u00ad{text[middle:]}\u200b"
