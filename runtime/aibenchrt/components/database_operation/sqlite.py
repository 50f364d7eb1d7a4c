"""Keeps the tables in one SQLite file in the prepared folder, opened read-only with one connection per thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aibenchrt.components.database_operation.engine import Database, Read, Rows, Tables, create_statement


class Sqlite:
    def build(self, folder: Path, tables: Tables, rows: Rows) -> None:
        connection = sqlite3.connect(folder / "shop.sqlite")
        with connection:
            for table, (key, columns) in tables.items():
                connection.execute(create_statement(table, key, columns) + " WITHOUT ROWID")
                marks = ", ".join("?" * len(columns))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows[table])
        connection.close()

    def is_built(self, folder: Path) -> bool:
        return (folder / "shop.sqlite").is_file()

    def open(self, folder: Path) -> Database:
        return _SqliteDatabase(folder / "shop.sqlite")


class _SqliteDatabase:
    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self._local = threading.local()
        self._connection().execute("SELECT 1 FROM users LIMIT 1")

    def query(self, statement: str) -> Read:
        def read(parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
            return self._connection().execute(statement, parameters).fetchall()

        return read

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self._uri, uri=True)
        return connection
