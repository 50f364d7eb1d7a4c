"""Message code: the fallback by one-time code, by HOTP (RFC 4226): HMAC-SHA-1 of a counter, dynamically truncated to six digits.

Each deployment draws a secret of its own, kept in its state folder for its user alone; a payer's key is HMAC-SHA-256 of the payer's id
under it (RFC 4226, section 7.5: secrets derived from one master key). The counter of each payer is on disk before a code is made of it, so
that no code comes twice. A code has only a million values and would be found again from a plain hash of it: the report holds one keyed by
the payer's key, so that whoever has the key can compare, and nobody else. Nothing sends the code.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path

from aibenchrt.components.nonce_store.store import durable
from aibenchrt.values import Values, Work
from aibenchrt.whole_file import OWNERS, write_bytes

DIGITS = 6
MASTER_BYTES = 32
_COUNTERS, _MASTER = "codes.sqlite", "codes.key"
_CREATE = "CREATE TABLE IF NOT EXISTS counters (payer INTEGER PRIMARY KEY, counter INTEGER NOT NULL)"
_NEXT = "INSERT INTO counters VALUES (?, 0) ON CONFLICT (payer) DO UPDATE SET counter = counter + 1 RETURNING counter"


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:  # noqa: ARG001 - no settings, nothing prepared
    return MessageCode(state)


def hotp(key: bytes, counter: int, digits: int = DIGITS) -> str:
    """RFC 4226, section 5.3. counter: 0 to 2^64 − 1."""
    mac = hmac.digest(key, counter.to_bytes(8, "big"), "sha1")
    place = mac[-1] & 0xF
    truncated = int.from_bytes(mac[place : place + 4], "big") & 0x7FFF_FFFF
    return f"{truncated % 10**digits:0{digits}d}"


class MessageCode:
    """Implements `Work`: payment → report. Safe across threads and processes that share the state folder."""

    def __init__(self, state: Path) -> None:
        self._path = state / _COUNTERS
        self._local = threading.local()
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")  # one process at a time draws the secret
            connection.execute(_CREATE)
            named = state / _MASTER
            if not named.exists():
                write_bytes(named, secrets.token_bytes(MASTER_BYTES), OWNERS, on_disk=True)
        self._master = named.read_bytes()

    def __call__(self, inputs: Values) -> Values:
        """sqlite3.Error: the counter could not be written."""
        payment = inputs["payment"]
        counter, code = self.next_code(payment["payer"])
        name = hashlib.sha256(f"{payment['payment_id']} {payment['nonce'].hex()}".encode()).hexdigest()[:16]
        said = f"one-time code of {len(code)} digits, number {counter} of the payer, keyed hash {self.mark(payment['payer'], code)}"
        return {"report": {"text": f"payment {name}: {said}"}}

    def next_code(self, payer: int) -> tuple[int, str]:
        """The payer's counter, which is never used again, and its code."""
        ((counter,),) = self._connection().execute(_NEXT, (payer,)).fetchall()
        return counter, hotp(self._key(payer), counter)

    def mark(self, payer: int, code: str) -> str:
        """16 hex digits by which the deployment knows a code again."""
        return hmac.new(self._key(payer), f"code {code}".encode(), hashlib.sha256).hexdigest()[:16]

    def _key(self, payer: int) -> bytes:
        return hmac.digest(self._master, f"payer {payer}".encode(), "sha256")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = durable(self._path)
        return connection
