"""Text normalisation by Unicode's tables (UAX #15, normalisation form C). Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from aibenchrt.values import Work

LONGEST = 2000  # characters; the rest is cut off

# Typographic characters that keyboards, phones and recognisers write in several ways. French quotes are kept.
_SIGNS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "‐": "-", "‑": "-", "…": "..."})
_INVISIBLE = frozenset({"Cf", "Cc", "Co", "Cs", "Cn"})  # format, control, private-use, surrogate and unassigned characters
_BLANKS = re.compile(r"\s+")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - it keeps nothing and reads nothing
    return lambda inputs: {"text": {"text": normalised(str(inputs["text"]["text"]))}}


def normalised(text: str) -> str:
    """The text in one normal form. Never fails; may be empty. Idempotent."""
    plain = _BLANKS.sub(" ", unicodedata.normalize("NFC", text[:LONGEST]))
    seen = "".join(character for character in plain if unicodedata.category(character) not in _INVISIBLE)
    return unicodedata.normalize("NFC", _BLANKS.sub(" ", seen.translate(_SIGNS)).strip())
