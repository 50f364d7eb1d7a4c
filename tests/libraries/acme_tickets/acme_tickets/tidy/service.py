"""Takes greetings, thanks and signs out of a ticket; what is left goes on in lower case, word by word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from aibenchrt.values import Values, Work

GREETINGS = frozenset(("hello", "hi", "dear", "team", "thanks", "please", "regards", "help"))


def words(text: str) -> list[str]:
    """Its words in lower case, greetings left out."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in GREETINGS]


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - nothing is prepared or kept
    most = int(settings["words"])

    def tidy(inputs: Values) -> Values:
        kept = words(str(inputs["text"]["text"]))[:most]
        return {"ticket": {"text": " ".join(kept), "word": kept}}

    return tidy
