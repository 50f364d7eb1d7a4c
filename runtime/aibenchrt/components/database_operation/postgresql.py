"""Keeps the tables in their own schema on the server that AIBENCH_POSTGRES_DSN names; the prepared folder holds the schema's name."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from aibenchrt.components.database_operation.engine import Database, Read, Rows, Tables, create_statement
from aibenchrt.errors import EnvironmentFailure

DSN_VARIABLE = "AIBENCH_POSTGRES_DSN"


class Postgres:
    def build(self, folder: Path, tables: Tables, rows: Rows) -> None:
        content = {table: [tuple(row) for row in rows[table]] for table in tables}
        name = f"aibench_{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"
        with connect() as connection, connection.cursor() as cursor:  # one transaction, so that the schema exists complete or not at all
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (name,))
            cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(name)))
            for table, (key, columns) in tables.items():
                cursor.execute(sql.SQL(create_statement(table, key, columns)))
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                    for row in content[table]:
                        copy.write_row(row)
        (folder / "schema").write_text(name)

    def is_built(self, folder: Path) -> bool:
        name = (folder / "schema").read_text()
        with connect() as connection:
            return connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (name,)).fetchone() is not None

    def open(self, folder: Path) -> Database:
        name = (folder / "schema").read_text()
        if not self.is_built(folder):
            raise EnvironmentFailure("AIB680", schema=name)
        return _PostgresDatabase(name)


class _PostgresDatabase:
    """One connection per thread. A call that finds its connection lost fails; the next one reconnects."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._local = threading.local()

    def query(self, statement: str) -> Read:
        text = statement.replace("?", "%s").encode()

        def read(parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
            return self._connection().execute(text, parameters, prepare=True).fetchall()

        return read

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection: psycopg.Connection[tuple[Any, ...]] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = connect(autocommit=True)
            connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self._schema)))
            self._local.connection = connection
        return connection


def connect(*, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
    """EnvironmentFailure AIB615: the variable is not set, or the server does not answer within 5 s."""
    dsn = os.environ.get(DSN_VARIABLE)
    if not dsn:
        raise EnvironmentFailure("AIB681", variable=DSN_VARIABLE)
    try:
        return psycopg.connect(dsn, autocommit=autocommit, connect_timeout=5)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EnvironmentFailure("AIB615", reason=reason, variable=DSN_VARIABLE) from error
