"""SQLite and PostgreSQL behind one small interface: build the tables, open them, run a prepared query from any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Tables = Mapping[str, tuple[int, tuple[tuple[str, str], ...]]]
Rows = Mapping[str, Iterable[Sequence[Any]]]
Read = Callable[[Sequence[Any]], list[tuple[Any, ...]]]


class Database(Protocol):
    def query(self, statement: str) -> Read:
        """A reader of a statement with `?` for its parameters. May be called from any thread."""
        ...


class Engine(Protocol):
    """Where the tables are kept. The prepared folder always holds something, but the tables themselves only with SQLite."""

    def build(self, folder: Path, tables: Tables, rows: Rows) -> None: ...

    def is_built(self, folder: Path) -> bool: ...

    def open(self, folder: Path) -> Database: ...


def create_statement(table: str, key: int, columns: tuple[tuple[str, str], ...]) -> str:
    listed = ", ".join(f"{name} {kind} NOT NULL" for name, kind in columns)
    return f"CREATE TABLE {table} ({listed}, PRIMARY KEY ({', '.join(name for name, _ in columns[:key])}))"
