"""The answer cache: one SQLite file (WAL) per cache name in the run's state folder, shared by all processes that look up or store."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from pathlib import Path

from aibenchrt.values import Value

BUSY_S = 5.0  # seconds that a call waits for another process's write before it fails

_CREATE = """
CREATE TABLE IF NOT EXISTS answers (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL,
  query TEXT NOT NULL,
  details TEXT NOT NULL,
  UNIQUE (user_id, query)
)"""
_LOOKUP = "SELECT details FROM answers WHERE user_id = ? AND query = ?"
_FORGET = "DELETE FROM answers WHERE user_id = ? AND query = ?"
_STORE = "INSERT INTO answers (user_id, query, details) VALUES (?, ?, ?)"
_EVICT = "DELETE FROM answers WHERE number IN (SELECT number FROM answers ORDER BY number LIMIT max(0, (SELECT count(*) FROM answers) - ?))"


class AnswerCache:
    """Keyed by (user, query text). Safe across threads (each has its own connection) and processes."""

    def __init__(self, state: Path, name: str) -> None:
        if not name.isidentifier():
            raise ValueError(f"'{name}' is not a valid name of a cache")
        self._path = state / f"cache_{name}.sqlite"
        self._local = threading.local()
        with self._connection() as connection:
            connection.execute(_CREATE)

    def lookup(self, user_id: int, query: str) -> Value | None:
        """The details that were stored last for this key, or None."""
        row = self._connection().execute(_LOOKUP, (user_id, query)).fetchone()
        details: Value | None = json.loads(row[0]) if row is not None else None
        return details

    def store(self, user_id: int, query: str, details: Value, capacity: int) -> None:
        """Stores the details as the newest entry; the oldest entries beyond `capacity` are evicted."""
        content = json.dumps({name: list(values) for name, values in details.items()})
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")  # takes the write lock at once: upgrading a read lock later could fail without waiting
        with connection:
            connection.execute(_FORGET, (user_id, query))
            connection.execute(_STORE, (user_id, query, content))
            connection.execute(_EVICT, (capacity,))

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            with self._path.with_suffix(".opening").open("w") as turn:  # SQLite does not wait if several connections switch to WAL at once
                fcntl.flock(turn, fcntl.LOCK_EX)
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a cache may lose its last writes in a power failure
            self._local.connection = connection
        return connection
