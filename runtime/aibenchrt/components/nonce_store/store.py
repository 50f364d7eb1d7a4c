"""The nonces that came, in one SQLite file of the run's state folder: on disk before anybody is told that one is fresh."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from pathlib import Path

FILE = "nonces.sqlite"
NONCE_BYTES = 16
BUSY_S = 5.0  # seconds that a call waits for others' writes before it fails

_CREATE = """
CREATE TABLE IF NOT EXISTS nonces (
  number INTEGER PRIMARY KEY,
  payer INTEGER NOT NULL,
  nonce BLOB NOT NULL CHECK (length(nonce) = 16),
  UNIQUE (payer, nonce)
)"""
_KNOWN = "SELECT 1 FROM nonces WHERE payer = ? AND nonce = ?"
_HELD = "SELECT coalesce(max(number), 0) FROM nonces"  # nothing is ever removed, so this is how many there are
_REMEMBER = "INSERT INTO nonces (payer, nonce) VALUES (?, ?)"


class FullError(Exception):
    """The store holds as many nonces as it may."""


class NonceStore:
    """Safe across threads (each has its own connection) and processes. capacity: the most nonces of all payers together."""

    def __init__(self, state: Path, capacity: int) -> None:
        self._path, self._capacity = state / FILE, capacity
        self._local = threading.local()
        with self._connection() as connection:
            connection.execute(_CREATE)

    def fresh(self, payer: int, nonce: bytes) -> bool:
        """Whether this payer's nonce has not come before; of several equal ones, also at once, exactly one is fresh. A fresh one is on disk
        when this returns. FullError: there is no room for another; sqlite3.OperationalError: others wrote for BUSY_S."""
        connection = self._connection()
        if connection.execute(_KNOWN, (payer, nonce)).fetchone():  # most replays end here, without waiting for the disk
            return False
        connection.execute("BEGIN IMMEDIATE")  # one writer at a time, from before it looks
        with connection:
            if connection.execute(_KNOWN, (payer, nonce)).fetchone():
                return False
            if connection.execute(_HELD).fetchone()[0] >= self._capacity:
                raise FullError(f"the store holds {self._capacity:,} nonces, as many as it may: none is forgotten, so none is taken")
            connection.execute(_REMEMBER, (payer, nonce))
        return True

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = durable(self._path)
        return connection


def durable(path: Path) -> sqlite3.Connection:
    """A connection whose transactions are on disk when they are committed: a write-ahead log that is synchronised at each. Transactions are
    begun by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    with path.with_suffix(".opening").open("w") as turn:  # SQLite does not wait if several connections switch to WAL at once
        fcntl.flock(turn, fcntl.LOCK_EX)
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
