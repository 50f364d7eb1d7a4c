"""How users of a translator type what they want translated, composed by seed. query_parsing and text_normalization undo it."""

from __future__ import annotations

import unicodedata

import numpy as np

ASKED = 0.25  # fraction of requests with words around the sentence: "comment dit-on « … » en anglais ?"
SPELT = 0.25  # fraction of requests with variants of the corpus's characters

# Words around a French sentence that is to be translated into English.
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
    """The text in a variant spelling: typewriter punctuation; combining accents; double and no-break spaces; or a soft hyphen and a
    zero-width space."""
    if way == 0:
        return text.translate(_TYPEWRITER)
    if way == 1:
        return unicodedata.normalize("NFD", text)
    if way == 2:
        return "  " + text.replace(" ", " \u00a0", 1) + "\n"
    middle = len(text) // 2
    return f"\ufeff{text[:middle]}\u00ad{text[middle:]}\u200b"
