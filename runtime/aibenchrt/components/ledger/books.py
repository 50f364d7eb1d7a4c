"""The ledger's tables, and one payment as one transaction over them; SQLite and PostgreSQL run the same statements.

accounts   account_id, opening, balance     balance: opening with all legs; never below 0
bookings   number, payment_id, payer, payee, amount, nonce, score, balance     one a payment; balance: the payer's after it
legs       number, account_id, amount       two a booking, which sum to 0
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aibenchrt.values import Value

OPENING_FILE = "opening.json"  # in the prepared folder: account → opening balance, in cents

T = TypeVar("T")
Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]  # a statement with `?` for its parameters → its rows


@dataclass(frozen=True)
class Opening:
    """balances: account → cents. key: 16 hexadecimal digits, the same for the same balances: the ledger of others is another."""

    balances: dict[int, int]
    key: str


def opening_of(folder: Path) -> Opening:
    """Of a prepared folder. OSError, ValueError: it has none."""
    content = (folder / OPENING_FILE).read_bytes()
    rows = json.loads(content)
    return Opening({int(account): int(balance) for account, balance in rows}, hashlib.sha256(content).hexdigest()[:16])


class Books(Protocol):
    def transaction(self, work: Callable[[Execute], T]) -> T:
        """Runs the work as one serialisable transaction, again where it met another, and returns when it is on disk. May be called from any
        thread."""
        ...


def create_statements(number: str, blob: str) -> tuple[str, ...]:
    """number: the type of a primary key that counts up; blob: the type of bytes."""
    return (
        "CREATE TABLE accounts (account_id bigint PRIMARY KEY, opening bigint NOT NULL, balance bigint NOT NULL CHECK (balance >= 0))",
        f"CREATE TABLE bookings (number {number}, payment_id text NOT NULL, payer bigint NOT NULL REFERENCES accounts, "
        "payee bigint NOT NULL REFERENCES accounts CHECK (payee <> payer), amount bigint NOT NULL CHECK (amount > 0), "
        f"nonce {blob} NOT NULL, score double precision NOT NULL, balance bigint NOT NULL, "
        "UNIQUE (payer, payment_id), UNIQUE (payer, nonce))",
        "CREATE TABLE legs (number bigint NOT NULL REFERENCES bookings, account_id bigint NOT NULL REFERENCES accounts, "
        "amount bigint NOT NULL, PRIMARY KEY (number, account_id))",
    )


ENTER_ACCOUNT = "INSERT INTO accounts (account_id, opening, balance) VALUES (?, ?, ?)"

_BOOKED = "SELECT payee, amount, nonce, score, balance FROM bookings WHERE payer = ? AND payment_id = ?"
_NONCE_BOOKED = "SELECT 1 FROM bookings WHERE payer = ? AND nonce = ?"
_BALANCE = "SELECT balance FROM accounts WHERE account_id = ?"
_MOVE = "UPDATE accounts SET balance = balance + ? WHERE account_id = ?"
_BOOK = "INSERT INTO bookings (payment_id, payer, payee, amount, nonce, score, balance) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number"
_LEG = "INSERT INTO legs (number, account_id, amount) VALUES (?, ?, ?)"


def book(execute: Execute, payment: Value, score: float) -> Value:
    """The receipt of the payment, which is booked unless it is already, or refused. In a transaction.

    A payment that was booked under this id has the receipt that it had then, by whatever message it comes now; a message whose nonce was
    booked is refused as replayed. A refusal for want of an account or because the message came before tells no balance (0).
    ValueError: under this id the payer ordered another payment.
    """
    payer, payee, amount, nonce = payment["payer"], payment["payee"], payment["amount"], bytes(payment["nonce"])
    for booked_payee, booked_amount, booked_nonce, booked_score, balance in execute(_BOOKED, (payer, payment["payment_id"])):
        if bytes(booked_nonce) == nonce:
            return receipt(payment, 0.0, "replayed")
        if (booked_payee, booked_amount) != (payee, amount):
            raise ValueError("under this id the payer has ordered another payment")
        return receipt(payment, booked_score, "accepted", balance)
    if execute(_NONCE_BOOKED, (payer, nonce)):
        return receipt(payment, 0.0, "replayed")
    held = execute(_BALANCE, (payer,))
    if not held or not execute(_BALANCE, (payee,)):
        return receipt(payment, score, "no_account")
    if held[0][0] < amount:
        return receipt(payment, score, "funds", held[0][0])
    left = held[0][0] - amount
    execute(_MOVE, (-amount, payer))
    execute(_MOVE, (amount, payee))
    ((number,),) = execute(_BOOK, (payment["payment_id"], payer, payee, amount, nonce, score, left))
    execute(_LEG, (number, payer, -amount))
    execute(_LEG, (number, payee, amount))
    return receipt(payment, score, "accepted", left)


def receipt(payment: Value, score: float, reason: str, balance: int = 0) -> Value:
    return {
        "payment_id": payment["payment_id"],
        "payer": payment["payer"],
        "accepted": reason == "accepted",
        "score": score,
        "reason": reason,
        "balance": balance,
    }
