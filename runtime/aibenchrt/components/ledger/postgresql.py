"""The ledger in a schema of its own on the server that AIBENCH_POSTGRES_DSN names; the run's state folder holds the schema's name."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation

from aibenchrt.components.database_operation.postgresql import connect
from aibenchrt.components.ledger.books import ENTER_ACCOUNT, Execute, Opening, T, create_statements
from aibenchrt.whole_file import OWNERS, write_bytes

ATTEMPTS = 50  # of one transaction: where two meet, one of them gets through
_CREATE = create_statements("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "bytea")
_MET = (SerializationFailure, DeadlockDetected, UniqueViolation)  # the last one where both entered the same payment

Connection = psycopg.Connection[tuple[Any, ...]]


def file_of(state: Path, opening: Opening) -> Path:
    return state / f"ledger-{opening.key}.schema"


class PostgresBooks:
    """Implements `Books`: one connection per thread. A call that finds its connection lost fails; the next one connects anew."""

    def __init__(self, state: Path, opening: Opening) -> None:
        named = file_of(state, opening)
        if not named.exists():
            write_bytes(named, f"aibench_ledger_{secrets.token_hex(8)}".encode(), OWNERS, on_disk=True)
        self._schema = named.read_text(encoding="ascii")
        self._local = threading.local()
        with connect() as connection:
            _open(connection, self._schema, opening)

    def transaction(self, work: Callable[[Execute], T]) -> T:
        """psycopg.OperationalError: the connection is lost; the payment may be booked, and asking again tells."""
        connection = self._connection()
        for left in reversed(range(ATTEMPTS)):
            try:
                with connection.transaction():
                    return work(lambda statement, parameters: _execute(connection, statement, parameters))
            except _MET:
                if not left:
                    raise
        raise AssertionError("every attempt returns or raises")

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = begun(self._schema)
        return connection


def begun(schema: str) -> Connection:
    """A connection whose transactions are serialisable and on disk when they are committed. EnvironmentFailure AIB615, AIB681."""
    connection = connect(autocommit=True)
    connection.execute("SET default_transaction_isolation TO serializable")
    connection.execute("SET synchronous_commit TO on")
    connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
    return connection


def _execute(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = connection.execute(statement.replace("?", "%s").encode(), parameters, prepare=True)
    return cursor.fetchall() if cursor.description is not None else []


def _open(connection: Connection, schema: str, opening: Opening) -> None:
    """In one transaction, so that the accounts are opened all or not at all."""
    name = sql.Identifier(schema)
    connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (schema,))
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone():
        return
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(name))
    for statement in _CREATE:
        connection.execute(statement.encode())
    with connection.cursor() as cursor:
        rows = [(account, balance, balance) for account, balance in opening.balances.items()]
        cursor.executemany(ENTER_ACCOUNT.replace("?", "%s").encode(), rows)
