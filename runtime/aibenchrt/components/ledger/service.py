"""Ledger: books what the decision accepts, once, and gives the receipt. Whoever the decision refuses is told of no account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aibenchrt.components.ledger.books import OPENING_FILE, Books, Opening, book, opening_of, receipt
from aibenchrt.components.ledger.sqlite import SqliteBooks
from aibenchrt.values import Values, Work

if TYPE_CHECKING:
    from aibenchrt.datasets.needs import AccountWorld

NONCE_BYTES = 16


def prepare(world: AccountWorld, settings: Mapping[str, str | int], folder: Path) -> None:  # noqa: ARG001 - the same for both engines
    """ValueError: an account twice, or one that begins below nothing."""
    rows = sorted((account.account_id, account.balance) for account in world.accounts)
    if len({account for account, _ in rows}) < len(rows) or any(balance < 0 for _, balance in rows):
        raise ValueError("each account is opened once, with a balance of 0 cents or more")
    (folder / OPENING_FILE).write_text(json.dumps(rows), encoding="ascii")


def open_work(folder: Path, settings: Mapping[str, str | int], state: Path) -> Work:
    """EnvironmentFailure AIB615, AIB681: the PostgreSQL server cannot be reached, or is not named."""
    return Ledger(_books(str(settings["engine"]), state, opening_of(folder)))


class Ledger:
    """Payment and decision → receipt. ValueError: it is no payment, or its id is that of another of the same payer."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def __call__(self, inputs: Values) -> Values:
        payment, decision = inputs["payment"], inputs["decision"]
        if (
            payment["amount"] < 1
            or payment["payer"] == payment["payee"]
            or len(payment["nonce"]) != NONCE_BYTES
            or not payment["payment_id"]
        ):
            raise ValueError("a payment has an id, an amount of a cent or more, two parties and a nonce")
        score = float(decision["score"])
        if not decision["accepted"]:
            return {"receipt": receipt(payment, score, "face")}
        return {"receipt": self._books.transaction(lambda execute: book(execute, payment, score))}


def _books(engine: str, state: Path, opening: Opening) -> Books:
    if engine == "sqlite":
        return SqliteBooks(state, opening)
    from aibenchrt.components.ledger.postgresql import PostgresBooks  # psycopg takes 0.1 s to import

    return PostgresBooks(state, opening)
