"""Content filter: reports insults and personal data in a text.

Insults are the English words in INSULTS and, by rule, every single word of the world's language that the training pairs translate as one
of them. Personal data are e-mail addresses, telephone numbers, card numbers that pass Luhn's check (ISO/IEC 7812-1) and account numbers
whose check digits are valid (IBAN, ISO 13616).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.query_parsing.terms import words
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import ParallelWorld

INSULTS = frozenset(
    (
        *("bastard", "coward", "cretin", "damn", "dimwit", "dolt", "dunce", "fool", "idiot", "imbecile", "jerk", "liar", "loser", "moron"),
        *("rotten", "scoundrel", "scum", "shit", "slob", "stupid", "thief", "traitor", "wretch"),
    )
)
_ARTICLES = frozenset(("a", "an", "the", "un", "une", "le", "la", "les", "l"))
_FILE = "insults.json"

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DIGITS = re.compile(r"\+?\d(?:[ .\-/]?\d){7,18}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = range(13, 20)  # number of digits of a card number
_TELEPHONE = range(8, 16)  # number of digits; ITU-T E.164 allows at most 15


def prepare(world: ParallelWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - it has no settings
    training = world.pairs("train")
    listed = set(INSULTS)
    for source, target in zip(training.source, training.target, strict=True):
        ours, theirs = ([word for word in words(side) if word not in _ARTICLES] for side in (source, target))
        if len(ours) == 1 and len(theirs) == 1 and theirs[0] in INSULTS:
            listed.add(ours[0])
    (folder / _FILE).write_text(json.dumps(sorted(listed), ensure_ascii=False), encoding="utf-8")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, keeps nothing
    insults = frozenset(json.loads((folder / _FILE).read_bytes()))

    def work(inputs: Values) -> Values:
        text = inputs["text"]["text"]
        reasons = [*(f"insult '{word}'" for word in dict.fromkeys(words(text)) if word in insults), *personal(text)]
        return {"report": {"text": "; ".join(reasons) or "clean"}}

    return work


def personal(text: str) -> Iterator[str]:
    """The kinds of personal data in a text, one entry for each occurrence; the data themselves are not repeated."""
    yield from ("an e-mail address" for _ in _EMAIL.finditer(text))
    accounts = [match.span() for match in _IBAN.finditer(text) if _is_account(match.group())]
    yield from ("an account number" for _ in accounts)
    for match in _DIGITS.finditer(text):
        if any(start <= match.start() < end for start, end in accounts):
            continue
        digits = re.sub(r"\D", "", match.group())
        if len(digits) in _CARD and _passes_luhn(digits):
            yield "a card number"
        elif len(digits) in _TELEPHONE:
            yield "a telephone number"


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _is_account(text: str) -> bool:
    bare = text.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in bare[4:] + bare[:4])) % 97 == 1
