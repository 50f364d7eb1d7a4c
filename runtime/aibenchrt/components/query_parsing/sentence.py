"""Extracts the sentence to be translated from a translator user's request in French for a translation into English.

comment dit-on « le chat dort » en anglais ?    ==>    le chat dort
"""

from __future__ import annotations

import re

LONGEST = 1000  # characters of a request; anything longer is taken as a text to translate

_QUOTED = r"[«\"“]\s*(?P<sentence>[^«»\"“”]*[^\s«»\"“”])\s*[»\"”]"
_IN_ENGLISH = r"(?:en|vers l['’]) ?anglais"
_HOW = (
    r"comment (?:dit-on|dire|traduire|se dit)|tradui(?:re|s|sez|t)|que (?:veut dire|signifie)|(?:la )?traduction(?: anglaise)? (?:de|pour)"
)
_ASKING = rf"(?:{_HOW})"
# Tried in this order; the first one that matches the whole text decides.
_QUESTIONS = tuple(
    re.compile(rf"^\s*{form}\s*[?.!]*\s*$", re.IGNORECASE)
    for form in (
        rf"{_ASKING}\s*:?\s*{_QUOTED}(?:\s*{_IN_ENGLISH})?",
        rf"{_QUOTED}\s*{_IN_ENGLISH}",
        rf"{_IN_ENGLISH}\s*:\s*{_QUOTED}",
        rf"{_IN_ENGLISH}\s*:\s*(?P<sentence>.*\S)",
        rf"{_ASKING}\s*:\s*(?P<sentence>.*\S)",
    )
)


def sentence_of(text: str) -> str:
    """The sentence to be translated; the text itself if it is not phrased as a request. Never fails."""
    if len(text) <= LONGEST:
        for question in _QUESTIONS:
            match = question.match(text)
            if match is not None:
                return match["sentence"]
    return text
