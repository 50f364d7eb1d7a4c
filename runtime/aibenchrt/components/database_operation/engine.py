"""SQLite and PostgreSQL behind one small interface: builds the tables, opens them, and runs prepared queries from any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Tables = Mapping[str, tuple[int, tuple[tuple[str, str], ...]]]
Rows = Mapping[str, Iterable[Sequence[Any]]]
Read = Callable[[Sequence[Any]], list[tuple[Any, ...]]]


class Database(Protocol):
    def query(self, statement: str) -> Read:
        """A function that runs the statement, which has `?` for its parameters, and returns the rows. May be called from any thread."""
        ...


class Engine(Protocol):
    """Keeps the tables: SQLite in the prepared folder itself, PostgreSQL on a server, with a reference to them in the prepared folder."""

    def build(self, folder: Path, tables: Tables, rows: Rows) -> None: ...

    def is_built(self, folder: Path) -> bool: ...

    def open(self, folder: Path) -> Database: ...


def create_statement(table: str, key: int, columns: tuple[tuple[str, str], ...]) -> str:
    listed = ", ".join(f"{name} {kind} NOT NULL" for name, kind in columns)
    return f"CREATE TABLE {table} ({listed}, PRIMARY KEY ({', '.join(name for name, _ in columns[:key])}))"
