"""The ledger in one SQLite file of the run's state folder: on disk before anybody gets a receipt."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aibenchrt.components.ledger.books import ENTER_ACCOUNT, Execute, Opening, T, create_statements
from aibenchrt.components.nonce_store.store import durable

_CREATE = create_statements("integer PRIMARY KEY AUTOINCREMENT", "blob")


def file_of(state: Path, opening: Opening) -> Path:
    return state / f"ledger-{opening.key}.sqlite"


class SqliteBooks:
    """Implements `Books`: one writer at a time, in whichever thread or process. The accounts are opened by whoever comes first."""

    def __init__(self, state: Path, opening: Opening) -> None:
        self._path = file_of(state, opening)
        self._local = threading.local()
        self.transaction(lambda execute: _open(execute, opening))

    def transaction(self, work: Callable[[Execute], T]) -> T:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")  # takes the write lock before anything is read
        with connection:
            return work(lambda statement, parameters: connection.execute(statement, parameters).fetchall())

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = durable(self._path)
        return connection


def _open(execute: Execute, opening: Opening) -> None:
    if execute("SELECT 1 FROM sqlite_master WHERE name = 'accounts'", ()):
        return
    for statement in _CREATE:
        execute(statement, ())
    for account, balance in opening.balances.items():
        execute(ENTER_ACCOUNT, (account, balance, balance))


def rows_of(path: Path, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Read without writing anything. sqlite3.Error: it cannot be read."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(statement, parameters).fetchall()
    finally:
        connection.close()
