"""Whether the ledger keeps its books: checked from its tables, against the balances that it was opened with and the nonce store beside it.

Nothing is taken on trust that the tables promise by constraints: whoever can write to the file can do so without them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibenchrt.components.ledger import sqlite
from aibenchrt.components.ledger.books import Opening, opening_of
from aibenchrt.components.nonce_store.store import FILE as NONCES
from aibenchrt.state_audit import Audited, invariant

Rows = Sequence[tuple[Any, ...]]

_ACCOUNTS = "SELECT account_id, opening, balance FROM accounts ORDER BY account_id"
_BOOKINGS = "SELECT number, payment_id, payer, payee, amount, nonce, balance FROM bookings ORDER BY number"
_LEGS = "SELECT number, account_id, amount FROM legs ORDER BY number, account_id"


@dataclass(frozen=True)
class Tables:
    """accounts: (id, opening, balance); bookings: (number, payment's id, payer, payee, amount, nonce, balance after it); legs: (number,
    account, amount). broken: what the database says of its own file. known: (payer, nonce) in the nonce store; None: it is elsewhere."""

    accounts: Rows
    bookings: Rows
    legs: Rows
    broken: tuple[str, ...] = ()
    known: frozenset[tuple[int, bytes]] | None = None


def audit(state: Path, prepared: Path, settings: Mapping[str, str | int]) -> Audited:
    """FileNotFoundError: there is no ledger, or not the balances that it was opened with; EnvironmentFailure AIB615, AIB681: its server
    cannot be reached."""
    opening = opening_of(prepared)
    read = _of_sqlite if settings["engine"] == "sqlite" else _of_postgresql
    return audited(read(state, opening), opening.balances)


def audited(tables: Tables, opening: Mapping[int, int]) -> Audited:
    """opening: account → the balance that it was opened with."""
    booked = f"{len(tables.bookings):,} payments booked between {len(opening):,} accounts"
    if broken := [*tables.broken, *_not_numbers(tables)]:
        return Audited(counted=booked, invariants=(invariant("the tables can be read", broken),))
    replayed = f"; {len(tables.known):,} nonces known" if tables.known is not None else "; the nonce store is elsewhere"
    return Audited(
        counted=booked + replayed,
        invariants=(
            invariant("no money is made or lost", _sum(tables, opening)),
            invariant("accounts are those that were opened", _opened(tables, opening)),
            invariant("the legs of a booking sum to zero", _legs(tables)),
            invariant("balances follow from the legs", _balances(tables)),
            invariant("no balance is ever below zero", _below(tables)),
            invariant("a payment is booked once", _twice(tables, 1, "payment")),
            invariant("a message is booked once", _replays(tables)),
        ),
    )


# -- reading


def _of_sqlite(state: Path, opening: Opening) -> Tables:
    path = sqlite.file_of(state, opening)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path.name}")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            connection.execute("BEGIN")  # one state of it, whoever writes
            said = [str(row[0]) for row in connection.execute("PRAGMA quick_check(10)")]
            accounts, bookings, legs = (connection.execute(statement).fetchall() for statement in (_ACCOUNTS, _BOOKINGS, _LEGS))
        except sqlite3.DatabaseError as error:
            return Tables((), (), (), (f"the file is damaged: {error}",))
    return Tables(accounts, bookings, legs, tuple(line for line in said if line != "ok"), _known(state))


def _of_postgresql(state: Path, opening: Opening) -> Tables:
    from aibenchrt.components.ledger import postgresql

    connection = postgresql.begun(postgresql.file_of(state, opening).read_text(encoding="ascii"))
    with closing(connection), connection.transaction():
        accounts, bookings, legs = (connection.execute(statement.encode()).fetchall() for statement in (_ACCOUNTS, _BOOKINGS, _LEGS))
    return Tables(accounts, bookings, legs, known=_known(state))


def _known(state: Path) -> frozenset[tuple[int, bytes]] | None:
    if not (state / NONCES).is_file():
        return None
    return frozenset((payer, bytes(nonce)) for payer, nonce in sqlite.rows_of(state / NONCES, "SELECT payer, nonce FROM nonces"))


def _not_numbers(tables: Tables) -> Iterator[str]:
    """SQLite takes any value in any column."""
    for table, rows, numbers in (
        ("accounts", tables.accounts, (0, 1, 2)),
        ("bookings", tables.bookings, (0, 2, 3, 4, 6)),
        ("legs", tables.legs, (0, 1, 2)),
    ):
        for row in rows:
            if any(not isinstance(row[column], int) for column in numbers):
                yield f"a row of {table} holds something else than a number"
    for row in tables.bookings:
        if not isinstance(row[1], str) or not isinstance(row[5], bytes | memoryview):
            yield f"booking {row[0]} has no id of a payment, or no nonce"


# -- the invariants


def _sum(tables: Tables, opening: Mapping[int, int]) -> Iterator[str]:
    now, then = sum(row[2] for row in tables.accounts), sum(opening.values())
    if now != then:
        yield f"the balances sum to {now:,} cents, and were opened with {then:,}: {abs(now - then):,} {'made' if now > then else 'lost'}"


def _opened(tables: Tables, opening: Mapping[int, int]) -> Iterator[str]:
    entered = {account: balance for account, balance, _ in tables.accounts}
    for account in sorted(entered.keys() | opening.keys()):
        if entered.get(account) != opening.get(account):
            yield f"account {account} was opened with {_cents(opening.get(account))}, and the ledger says {_cents(entered.get(account))}"


def _legs(tables: Tables) -> Iterator[str]:
    legs: dict[int, list[tuple[int, int]]] = {}
    for number, account, amount in tables.legs:
        legs.setdefault(number, []).append((account, amount))
    for number, _, payer, payee, amount, *_ in tables.bookings:
        found = sorted(legs.pop(number, []))
        if sum(moved for _, moved in found) != 0:
            yield f"the legs of booking {number} sum to {sum(moved for _, moved in found):,} cents"
        elif found != sorted([(payer, -amount), (payee, amount)]) or amount <= 0:
            yield f"booking {number} is of {amount:,} cents from {payer} to {payee}, and its legs are not"
    for number in sorted(legs):
        yield f"there are legs of a booking {number}, which there is not"


def _balances(tables: Tables) -> Iterator[str]:
    moved: Counter[int] = Counter()
    for _, account, amount in tables.legs:
        moved[account] += amount
    for account, opened, balance in tables.accounts:
        if opened + moved[account] != balance:
            yield f"account {account} holds {balance:,} cents, and {opened:,} with its legs are {opened + moved[account]:,}"
    for account in sorted(moved.keys() - {row[0] for row in tables.accounts}):
        yield f"there are legs of an account {account}, which there is not"


def _below(tables: Tables) -> Iterator[str]:
    """Also after each booking, in their order: what was held then is on the receipt."""
    held = {account: opened for account, opened, _ in tables.accounts}
    for number, _, payer, payee, amount, _, balance in tables.bookings:
        held[payer] = held.get(payer, 0) - amount
        held[payee] = held.get(payee, 0) + amount
        if held[payer] < 0:
            yield f"account {payer} holds {held[payer]:,} cents after booking {number}"
        elif held[payer] != balance:
            yield f"the receipt of booking {number} says {balance:,} cents, and account {payer} held {held[payer]:,}"
    for account, _, balance in tables.accounts:
        if balance < 0:
            yield f"account {account} holds {balance:,} cents"


def _twice(tables: Tables, column: int, what: str) -> Iterator[str]:
    for (payer, _), count in Counter((row[2], bytes(row[column]) if what == "message" else row[column]) for row in tables.bookings).items():
        if count > 1:
            yield f"a {what} of {payer} is booked {count} times"


def _replays(tables: Tables) -> Iterator[str]:
    yield from _twice(tables, 5, "message")
    if tables.known is not None:
        for number, _, payer, _, _, nonce, _ in tables.bookings:
            if (payer, bytes(nonce)) not in tables.known:
                yield f"booking {number} is of a message that the nonce store does not know"


def _cents(balance: int | None) -> str:
    return "nothing" if balance is None else f"{balance:,} cents"
