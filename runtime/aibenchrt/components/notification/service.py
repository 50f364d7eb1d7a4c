"""Notification: the text message that tells the payer what became of a payment, by template, in a durable outbox.

One JSON line per message in `<state>/outbox/messages.jsonl`, which only its user may read: {"time_ns": Unix time, "to": the payer,
"reference": of the payment, "text": …}. A call returns once its line is on disk. Nothing sends them: the outbox is where a gateway would
fetch them. A text has characters of ASCII that are also of the GSM alphabet (3GPP TS 23.038), and fits into one message of 160. The report
holds a hash of the text in place of it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from aibenchrt.components.event_log.service import append
from aibenchrt.values import Value, Values, Work
from aibenchrt.whole_file import OWNERS

ONE_MESSAGE = 160  # characters
_BOOKED = Template("Your payment $reference was made. Your balance is now $balance.")
TEMPLATES: Mapping[str, Template] = {
    "accepted": _BOOKED,
    "replayed": Template("A payment message came twice and was refused the second time. If you did not send it, block your device."),
    "face": Template("The payment $reference was refused: it was not certain that it was you. Please try again, or pay by code."),
    "funds": Template("The payment $reference was refused: your balance of $balance does not cover it."),
    "no_account": Template("The payment $reference was refused: one of its accounts is not known."),
}
_OTHER = Template("The payment $reference was refused.")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, nothing prepared
    return Outbox(state / "outbox", time.time_ns)


def read_outbox(state: Path) -> Iterator[dict[str, Any]]:
    """The messages in a run's state folder, oldest first. ValueError: a line is incomplete."""
    path = state / "outbox" / "messages.jsonl"
    if path.is_file():
        yield from (json.loads(line) for line in path.read_text(encoding="ascii").splitlines())


def text_of(receipt: Value) -> str:
    """The message, of at most ONE_MESSAGE characters."""
    template = TEMPLATES.get(receipt["reason"], _OTHER)
    balance = f"{receipt['balance'] // 100:,}.{receipt['balance'] % 100:02d}"
    return template.substitute(reference=reference_of(receipt), balance=balance)[:ONE_MESSAGE]


def reference_of(receipt: Value) -> str:
    """What a payer finds a payment again by: 8 characters, made of its id."""
    return hashlib.sha256(receipt["payment_id"].encode()).hexdigest()[:8].upper()


class Outbox:
    """Implements `Work`. now: gives the Unix time in ns. Several threads and processes may append to one folder."""

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._now = folder / "messages.jsonl", now

    def __call__(self, inputs: Values) -> Values:
        """OSError: the message could not be written durably."""
        receipt = inputs["receipt"]
        text = text_of(receipt)
        message = {"time_ns": self._now(), "to": receipt["payer"], "reference": reference_of(receipt), "text": text}
        append(self._path, json.dumps(message, separators=(",", ":")).encode() + b"\n", mode=OWNERS)
        digest = hashlib.sha256(f"{receipt['payment_id']} {text}".encode()).hexdigest()[:16]
        return {"report": {"text": f"message {digest} of {len(text)} characters, reason {receipt['reason'][:20]}, is in the outbox"}}
