"""Encryption, the nonce store and the ledger: one at a time, by many at once, and killed in mid-payment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from aibenchrt.catalog import component_module
from aibenchrt.components.database_operation.postgresql import DSN_VARIABLE
from aibenchrt.components.encryption.sealing import Payment, Receipt, SealError, open_receipt, seal_payment
from aibenchrt.components.ledger import postgresql, sqlite
from aibenchrt.components.ledger.books import opening_of
from aibenchrt.components.ledger.state_audit import audit
from aibenchrt.components.nonce_store.store import FullError, NonceStore
from aibenchrt.serve.prepare import prepare_component
from aibenchrt.state_audit import MOST_SHOWN, Audited
from aibenchrt.values import Work
from pay_world import ACCEPTED, PayWorld, payment
from service_process import Site, single, site

ENGINES = ["sqlite", "postgresql"]
WORLD = PayWorld()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def open_ledger(state: Path, request: pytest.FixtureRequest) -> Callable[[], Work]:
    """Opens the ledger of one state with the engine of the test's parameter, as often as it is called."""
    settings = {"engine": request.param}
    if request.param == "postgresql":
        request.getfixturevalue("dsn")
    folder = prepare_component("ledger", settings, WORLD)
    service = component_module("ledger", "service")
    return lambda: service.open_work(folder, settings, state)


def ledger_audit(state: Path, engine: str, world: PayWorld = WORLD) -> Audited:
    settings = {"engine": engine}
    return audit(state, prepare_component("ledger", settings, world), settings)


def violations(found: Audited) -> dict[str, tuple[str, ...]]:
    return {invariant.name: invariant.violations for invariant in found.invariants if invariant.count}


def pay(ledger: Work, asked: dict[str, Any], decision: dict[str, Any] = ACCEPTED) -> dict[str, Any]:
    return dict(ledger({"payment": asked, "decision": decision})["receipt"])


# --- encryption


def opened(operation: str) -> Work:
    settings = {"operation": operation}
    work: Work = component_module("encryption", "service").open_work(
        prepare_component("encryption", settings, WORLD), settings, Path("unused")
    )
    return work


def test_a_message_is_opened_and_a_receipt_sealed_by_the_key_of_the_payers_device() -> None:
    asked = payment(1, payer=3)
    message = seal_payment(Payment(**asked), b"colour", b"depth", WORLD.device_keys[3])
    outputs = opened("open")({"message": {"content": message}})
    assert outputs["payment"] == asked
    assert opened("pictures")(outputs) == {"image": {"png": b"colour"}, "depth": {"png": b"depth"}}
    with pytest.raises(SealError):
        opened("pictures")({**outputs, "payment": payment(1, payer=4)})
    receipt = {"payment_id": "p-1", "payer": 3, "accepted": False, "score": 0.25, "reason": "funds", "balance": 7}
    handed_on = opened("seal")({"receipt": receipt})
    assert handed_on["receipt"] == receipt
    sealed = handed_on["sealed"]["content"]
    assert open_receipt(sealed, WORLD.device_keys) == Receipt("p-1", 3, False, 0.25, "funds", 7)
    with pytest.raises(SealError):
        opened("open")({"message": {"content": sealed}})
    with pytest.raises(LookupError, match="nobody's device"):
        opened("seal")({"receipt": {**receipt, "payer": 99}})


def test_keys_are_the_owners_alone_and_in_one_file() -> None:
    folder = prepare_component("encryption", {"operation": "open"}, WORLD)
    (file,) = (path for path in folder.iterdir() if path.is_file())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(key in file.read_bytes() for key in WORLD.device_keys.values())


# --- nonce store


def test_exactly_one_of_equal_nonces_is_fresh_among_threads(state: Path) -> None:
    stores = [NonceStore(state, 10_000) for _ in range(2)]
    nonces = [random.Random(number).randbytes(16) for number in range(100)]
    asked = [(stores[n % 2], nonce) for n, nonce in enumerate(nonce for nonce in nonces for _ in range(4))]
    with ThreadPoolExecutor(8) as pool:
        fresh = Counter(nonce for (_, nonce), said in zip(asked, pool.map(lambda a: a[0].fresh(7, a[1]), asked), strict=True) if said)
    assert fresh == Counter(nonces)


def test_a_nonce_is_remembered_for_its_payer_when_the_store_is_opened_again(state: Path) -> None:
    nonce = bytes(range(16))
    assert NonceStore(state, 10).fresh(1, nonce)
    again = NonceStore(state, 10)
    assert not again.fresh(1, nonce)
    assert again.fresh(2, nonce), "another payer cannot use up this one's nonces"


def test_a_full_store_takes_nothing_and_forgets_nothing(state: Path) -> None:
    store = NonceStore(state, 3)
    nonces = [bytes([number]) * 16 for number in range(4)]
    assert all(store.fresh(1, nonce) for nonce in nonces[:3])
    with pytest.raises(FullError):
        store.fresh(1, nonces[3])
    assert not any(store.fresh(1, nonce) for nonce in nonces[:3])


def test_the_refusal_of_a_replay_tells_no_balance(state: Path) -> None:
    work = component_module("nonce_store", "service").open_work(Path("unused"), {"capacity": 10}, state)
    fresh, again = (work({"payment": payment(1)}) for _ in range(2))
    assert (fresh["replayed"]["value"], again["replayed"]["value"]) == (False, True)
    receipt = {"payment_id": "p-1", "payer": 1, "accepted": False, "score": 0.0, "reason": "replayed", "balance": 0}
    assert again["receipt"] == receipt
    assert fresh["payment"] == payment(1)
    with pytest.raises(ValueError, match="nonce has 16 bytes"):
        work({"payment": payment(2, nonce=b"short")})


# --- ledger


@pytest.mark.parametrize("open_ledger", ENGINES, indirect=True)
def test_payments_are_booked_or_refused_with_a_reason(open_ledger: Callable[[], Work], state: Path, request: pytest.FixtureRequest) -> None:
    ledger = open_ledger()
    booked = pay(ledger, payment(1, amount=4000))
    assert booked == {"payment_id": "p-1", "payer": 1, "accepted": True, "score": 0.75, "reason": "accepted", "balance": 6000}
    assert pay(ledger, payment(1, amount=4000, nonce=b"another message!")) == booked, "the payment is booked already"
    assert pay(ledger, payment(1, amount=4000))["reason"] == "replayed"
    assert pay(ledger, payment(2, nonce=payment(1)["nonce"]))["reason"] == "replayed"
    for refused, reason, balance in (
        (payment(3, amount=6001), "funds", 6000),
        (payment(4, payer=99), "no_account", 0),
        (payment(5, payee=99), "no_account", 0),
    ):
        receipt = pay(ledger, refused)
        assert (receipt["accepted"], receipt["reason"], receipt["balance"]) == (False, reason, balance)
    refusal = pay(ledger, payment(6), {"accepted": False, "score": -1.5})
    assert (refusal["reason"], refusal["score"], refusal["balance"]) == ("face", -1.5, 0)
    assert pay(ledger, payment(6))["accepted"], "what was refused was not booked, and may come again"
    with pytest.raises(ValueError, match="ordered another payment"):
        pay(ledger, payment(1, amount=5, nonce=b"another message!"))
    for wrong in (payment(7, amount=0), payment(7, amount=-5), payment(7, payer=1, payee=1), payment(7, nonce=b"")):
        with pytest.raises(ValueError, match="a payment has"):
            pay(ledger, wrong)
    assert pay(open_ledger(), payment(7, amount=5900))["balance"] == 0, "opened again it is the same ledger"
    found = ledger_audit(state, request.node.callspec.params["open_ledger"])
    assert violations(found) == {}
    assert found.counted == "3 payments booked between 10 accounts; the nonce store is elsewhere"


@pytest.mark.parametrize("open_ledger", ENGINES, indirect=True)
def test_many_at_once_book_each_payment_once(open_ledger: Callable[[], Work], state: Path, request: pytest.FixtureRequest) -> None:
    """Every payment comes four times, in four messages, from threads with two ledgers; the accounts do not suffice for all."""
    ledgers = [open_ledger() for _ in range(2)]
    rng = random.Random(5)
    payments = [payment(n, payer=1 + n % 4, payee=rng.choice([1001, 1002, 5, 6]), amount=rng.randrange(1, 1200)) for n in range(120)]
    asked = [{**one, "nonce": rng.randbytes(16)} for one in payments for _ in range(4)]
    rng.shuffle(asked)
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda n: pay(ledgers[n % 2], asked[n]), range(len(asked))))
    accepted = {one["payment_id"]: [r for r in receipts if r["payment_id"] == one["payment_id"] and r["accepted"]] for one in payments}
    booked = {name for name, ones in accepted.items() if ones}
    assert all(len({r["balance"] for r in ones}) == 1 for ones in accepted.values() if ones), "all have the first one's receipt"
    found = ledger_audit(state, request.node.callspec.params["open_ledger"])
    assert violations(found) == {}
    assert found.counted.startswith(f"{len(booked)} payments booked")
    assert {r["reason"] for r in receipts} == {"accepted", "funds"}


def test_another_opening_is_another_ledger(state: Path) -> None:
    service = component_module("ledger", "service")
    for balance in (100, 200):
        world = PayWorld(balance=balance, version=f"pay-world-{balance}")
        ledger = service.open_work(prepare_component("ledger", {"engine": "sqlite"}, world), {"engine": "sqlite"}, state)
        assert pay(ledger, payment(1, amount=60))["balance"] == balance - 60
        assert violations(ledger_audit(state, "sqlite", world)) == {}


def test_an_account_is_opened_once_and_not_below_nothing(tmp_path: Path) -> None:
    service = component_module("ledger", "service")
    with pytest.raises(ValueError, match="opened once"):
        service.prepare(PayWorld(balance=-1), {}, tmp_path)


# --- killed


def load_until(served: Any, enough: threading.Event, number: int, accepted: list[str]) -> None:
    """Sends doubles until the host is gone; notes the payments whose receipts came."""
    rng = random.Random(number)
    for n in range(100_000):
        one = payment(number * 100_000 + n, payer=rng.randrange(1, 9), payee=1001 + rng.randrange(2), amount=1)
        for _ in range(2):
            try:
                outputs, _ = served.call(payment={**one, "nonce": rng.randbytes(16)}, decision=ACCEPTED)
            except grpc.RpcError:
                return
            if outputs["receipt"]["accepted"]:
                accepted.append(one["payment_id"])
        if len(accepted) > 60:
            enough.set()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_killed_in_mid_payment_leaves_a_ledger_that_balances(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """SIGKILL under load, twice, each time followed by a restart; every receipt that anybody got is booked."""
    if engine == "postgresql":
        request.getfixturevalue("dsn")
    place: Site = site(tmp_path, WORLD, [single("book", "ledger", engine=engine)])
    receipts: list[str] = []
    for life in range(2):
        with place.running("book", workers=4) as served:
            enough, lists = threading.Event(), [list[str]() for _ in range(4)]
            senders = [threading.Thread(target=load_until, args=(served, enough, life * 10 + n, lists[n]), daemon=True) for n in range(4)]
            for sender in senders:
                sender.start()
            assert enough.wait(120)
            os.kill(served.process.pid, signal.SIGKILL)
            served.process.wait(60)
            for sender in senders:
                sender.join(60)
            receipts += [name for names in lists for name in names]
            found = audit(place.state, place.prepared / "book", {"engine": engine})
            assert violations(found) == {}
    with place.running("book") as served:
        assert served.call(payment=payment(99), decision=ACCEPTED)[0]["receipt"]["accepted"]
    found = audit(place.state, place.prepared / "book", {"engine": engine})
    assert violations(found) == {}
    booked = int(found.counted.split()[0].replace(",", ""))
    assert booked >= len(set(receipts)) + 1
    assert booked <= len(set(receipts)) + 1 + 8, "at most what each sender had under way is booked without a receipt"


# --- what the audit finds


EDITS = {
    "UPDATE accounts SET balance = balance + 500 WHERE account_id = 1": {
        "no money is made or lost": "made",
        "balances follow from the legs": "account 1 holds",
    },
    "UPDATE accounts SET balance = balance + 500, opening = opening + 500 WHERE account_id = 1": {
        "no money is made or lost": "500 made",
        "accounts are those that were opened": "account 1 was opened with 10,000 cents",
    },
    "DELETE FROM accounts WHERE account_id = 8": {
        "no money is made or lost": "lost",
        "accounts are those that were opened": "the ledger says nothing",
    },
    "UPDATE legs SET amount = amount + 1 WHERE number = 1 AND amount > 0": {
        "the legs of a booking sum to zero": "booking 1 sum to 1 cents",
        "balances follow from the legs": "account 1001 holds",
    },
    "DELETE FROM legs WHERE number = 2": {
        "the legs of a booking sum to zero": "booking 2 is of 100 cents",
        "balances follow from the legs": "account",
    },
    "DELETE FROM bookings WHERE number = 2": {
        "the legs of a booking sum to zero": "a booking 2, which there is not",
        "no balance is ever below zero": "the receipt of booking 3",
    },
    "UPDATE bookings SET payment_id = 'p-0' WHERE number = 2": {"a payment is booked once": "booked 2 times"},
    "UPDATE bookings SET nonce = (SELECT nonce FROM bookings WHERE number = 1)": {"a message is booked once": "booked 3 times"},
    "UPDATE bookings SET nonce = zeroblob(16) WHERE number = 3": {"a message is booked once": "booking 3 is of a message that"},
    "UPDATE bookings SET balance = 5 WHERE number = 3": {"no balance is ever below zero": "the receipt of booking 3 says 5 cents"},
    "UPDATE accounts SET balance = 'much' WHERE account_id = 1": {"the tables can be read": "something else than a number"},
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_audit_finds_what_somebody_changed(edit: str, state: Path) -> None:
    service, folder = component_module("ledger", "service"), prepare_component("ledger", {"engine": "sqlite"}, WORLD)
    ledger, nonces = service.open_work(folder, {"engine": "sqlite"}, state), NonceStore(state, 100)
    for number in range(3):
        one = payment(number, payee=1001)
        assert nonces.fresh(1, one["nonce"])
        assert pay(ledger, one)["accepted"]
    found = ledger_audit(state, "sqlite")
    assert violations(found) == {}
    assert found.counted.endswith("; 3 nonces known")
    with closing(sqlite3.connect(sqlite.file_of(state, opening_of(folder)))) as connection:
        for table in ("accounts", "bookings", "legs"):  # somebody who writes to the file need not heed the constraints
            connection.execute(f"CREATE TABLE free AS SELECT * FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE free RENAME TO {table}")
        connection.execute(edit)
        connection.commit()
    told = violations(ledger_audit(state, "sqlite"))
    for name, sentence in EDITS[edit].items():
        assert any(sentence in line for line in told[name]), told
    assert told.keys() >= EDITS[edit].keys()


def test_a_damaged_file_is_a_violation_and_a_missing_one_is_not_audited(state: Path) -> None:
    service, folder = component_module("ledger", "service"), prepare_component("ledger", {"engine": "sqlite"}, WORLD)
    with pytest.raises(FileNotFoundError):
        ledger_audit(state, "sqlite")
    service.open_work(folder, {"engine": "sqlite"}, state)
    path = sqlite.file_of(state, opening_of(folder))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    assert list(violations(ledger_audit(state, "sqlite"))) == ["the tables can be read"]


def test_of_many_violations_some_are_shown(state: Path) -> None:
    world = PayWorld(payers=40, version="pay-world-40")
    service, folder = component_module("ledger", "service"), prepare_component("ledger", {"engine": "sqlite"}, world)
    service.open_work(folder, {"engine": "sqlite"}, state)
    with closing(sqlite3.connect(sqlite.file_of(state, opening_of(folder)))) as connection:
        connection.execute("UPDATE accounts SET opening = opening - 1, balance = balance - 1 WHERE opening > 0")
        connection.commit()
    opened_wrong = next(i for i in ledger_audit(state, "sqlite", world).invariants if i.name == "accounts are those that were opened")
    assert (len(opened_wrong.violations), opened_wrong.more) == (MOST_SHOWN, 40 - MOST_SHOWN)


def test_a_changed_row_on_the_server_is_found(dsn: str, state: Path) -> None:
    service, folder = component_module("ledger", "service"), prepare_component("ledger", {"engine": "postgresql"}, WORLD)
    assert pay(service.open_work(folder, {"engine": "postgresql"}, state), payment(1))["accepted"]
    schema = postgresql.file_of(state, opening_of(folder)).read_text()
    with psycopg.connect(dsn) as connection:
        connection.execute(f"UPDATE {schema}.accounts SET balance = balance + 1 WHERE account_id = 1002")
    assert "no money is made or lost" in violations(ledger_audit(state, "postgresql"))


def test_a_lost_connection_fails_one_call_and_books_nothing_twice(dsn: str, state: Path) -> None:
    service, folder = component_module("ledger", "service"), prepare_component("ledger", {"engine": "postgresql"}, WORLD)
    ledger = service.open_work(folder, {"engine": "postgresql"}, state)
    assert pay(ledger, payment(1))["accepted"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    with pytest.raises(psycopg.OperationalError):
        pay(ledger, payment(2))
    assert pay(ledger, payment(2))["accepted"]
    assert violations(ledger_audit(state, "postgresql")) == {}
    assert DSN_VARIABLE in os.environ
